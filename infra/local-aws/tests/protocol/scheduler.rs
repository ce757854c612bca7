//! EventBridge Scheduler over the wire, and the tasks that its clock starts. They stay where they are without an engine.

use serde_json::{Value, json};

use crate::daemon::{Answer, Daemon, Folder, signed, until};

const CLUSTER: &str = "arn:aws:ecs:eu-central-1:123456789012:cluster/main";
const ARN: &str = "arn:aws:scheduler:eu-central-1:123456789012";

fn send(daemon: &Daemon, method: &str, path: &str, input: &Value) -> Answer {
    let body = if input.is_null() { String::new() } else { input.to_string() };
    let headers = [("authorization", &*signed("scheduler")), ("content-type", "application/json")];
    daemon.send(method, path, &headers, body.as_bytes())
}

fn ok(daemon: &Daemon, method: &str, path: &str, input: &Value) -> Value {
    let answer = send(daemon, method, path, input);
    assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
    answer.json()
}

/// Status and code of an error.
fn error(answer: &Answer) -> (u16, &str) {
    assert!(answer.json()["Message"].is_string(), "{answer:?}");
    (answer.status, answer.header("x-amzn-errortype").unwrap_or_default())
}

/// A schedule with changes at JSON pointers.
fn schedule(expression: &str, changes: &[(&str, Value)]) -> Value {
    let mut input = json!({
        "ClientToken": "token-1",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": {
            "Arn": CLUSTER,
            "RoleArn": "arn:aws:iam::123456789012:role/scheduler",
            "Input": r#"{"containerOverrides":[{"name":"app","command":["tidy","<aws.scheduler.schedule-arn>"]}]}"#,
            "EcsParameters": {
                "TaskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/job",
                "LaunchType": "FARGATE",
                "TaskCount": 2,
                "NetworkConfiguration": { "awsvpcConfiguration": { "Subnets": ["subnet-1"], "AssignPublicIp": "ENABLED" } },
            },
        },
    });
    for (pointer, value) in changes {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        input.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    input
}

#[test]
fn schedules_are_created_changed_listed_and_deleted() {
    let folder = Folder::new();
    let mut daemon = Daemon::start(&folder);
    let input = schedule("cron(0 3 * * ? *)", &[]);
    let created = ok(&daemon, "POST", "/schedules/nightly", &input);
    assert_eq!(created, json!({ "ScheduleArn": format!("{ARN}:schedule/default/nightly") }));
    // A retry is answered as the first call; another call is a conflict.
    assert_eq!(ok(&daemon, "POST", "/schedules/nightly", &input), created);
    let other = schedule("cron(0 3 * * ? *)", &[("/ClientToken", json!("token-2"))]);
    assert_eq!(error(&send(&daemon, "POST", "/schedules/nightly", &other)), (409, "ConflictException"));
    let found = ok(&daemon, "GET", "/schedules/nightly", &Value::Null);
    assert_eq!(found["Target"]["EcsParameters"], input["Target"]["EcsParameters"]);
    let policy = json!({ "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 });
    assert_eq!(found["Target"]["RetryPolicy"], policy);
    for (member, value) in [
        ("Arn", json!(format!("{ARN}:schedule/default/nightly"))),
        ("Name", json!("nightly")),
        ("GroupName", json!("default")),
        ("State", json!("ENABLED")),
        ("ScheduleExpression", json!("cron(0 3 * * ? *)")),
        ("ScheduleExpressionTimezone", json!("UTC")),
        ("ActionAfterCompletion", json!("NONE")),
    ] {
        assert_eq!(found[member], value, "{member}");
    }
    ok(&daemon, "POST", "/schedule-groups/jobs", &json!({ "ClientToken": "t" }));
    ok(&daemon, "POST", "/schedules/weekly", &schedule("rate(7 days)", &[("/GroupName", json!("jobs"))]));
    let changes = [
        ("/State", json!("DISABLED")),
        ("/ScheduleExpressionTimezone", json!("Europe/Berlin")),
        ("/Description", json!("d")),
    ];
    ok(&daemon, "PUT", "/schedules/nightly", &schedule("cron(0 4 * * ? *)", &changes));
    // The state outlives the daemon.
    daemon.kill();
    let daemon = Daemon::start(&folder);
    let changed = ok(&daemon, "GET", "/schedules/nightly?groupName=default", &Value::Null);
    for (member, value) in
        [("State", "DISABLED"), ("ScheduleExpressionTimezone", "Europe/Berlin"), ("Description", "d")]
    {
        assert_eq!(changed[member], value, "{member}");
    }
    let names = |path: &str| {
        let answer = ok(&daemon, "GET", path, &Value::Null);
        let names: Vec<Value> = answer["Schedules"].as_array().unwrap().iter().map(|one| one["Name"].clone()).collect();
        (names, answer["NextToken"].as_str().map(ToOwned::to_owned))
    };
    assert_eq!(names("/schedules?State=ENABLED"), (vec![json!("weekly")], None));
    assert_eq!(names("/schedules?NamePrefix=night&ScheduleGroup=default"), (vec![json!("nightly")], None));
    let (first, next) = names("/schedules?MaxResults=1");
    assert_eq!(first, [json!("nightly")]);
    assert_eq!(names(&format!("/schedules?MaxResults=1&NextToken={}", next.unwrap())), (vec![json!("weekly")], None));
    // A group is deleted with its schedules.
    ok(&daemon, "DELETE", "/schedule-groups/jobs?clientToken=t", &Value::Null);
    let missing = send(&daemon, "GET", "/schedules/weekly?groupName=jobs", &Value::Null);
    assert_eq!(error(&missing), (404, "ResourceNotFoundException"));
    let groups = ok(&daemon, "GET", "/schedule-groups", &Value::Null);
    let groups = groups["ScheduleGroups"].as_array().unwrap();
    assert_eq!((groups.len(), &groups[0]["Name"], &groups[0]["State"]), (1, &json!("default"), &json!("ACTIVE")));
    ok(&daemon, "DELETE", "/schedules/nightly", &Value::Null);
    let gone = send(&daemon, "DELETE", "/schedules/nightly", &Value::Null);
    assert_eq!(error(&gone), (404, "ResourceNotFoundException"));
}

#[test]
fn rejects_invalid_and_unsupported_schedules() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let ecs = |name: &str| format!("/Target/EcsParameters/{name}");
    let network = |name: &str| ecs(&format!("NetworkConfiguration/awsvpcConfiguration/{name}"));
    let (invalid, unsupported) = ((400, "ValidationException"), (400, "UnsupportedFeatureException"));
    for (pointer, value, wanted) in [
        ("/ScheduleExpression", json!("cron(0 3 * * * *)"), invalid),
        ("/ScheduleExpression", json!(""), invalid),
        ("/ScheduleExpression", Value::Null, invalid),
        ("/ScheduleExpressionTimezone", json!("Mars/Olympus"), invalid),
        ("/State", json!("PAUSED"), invalid),
        ("/ActionAfterCompletion", json!("KEEP"), invalid),
        ("/ClientToken", json!("no spaces"), invalid),
        ("/StartDate", json!(1_600_000_000), invalid),
        ("/EndDate", json!(1_600_000_000), invalid),
        ("/Description", json!("d".repeat(513)), invalid),
        ("/FlexibleTimeWindow/Mode", json!("FLEXIBLE"), invalid),
        ("/FlexibleTimeWindow/MaximumWindowInMinutes", json!(1441), invalid),
        ("/Target/RoleArn", json!("scheduler"), invalid),
        ("/Target/Input", json!("tidy"), invalid),
        ("/Target/Input", json!(r#"{"containerOverride":[]}"#), invalid),
        ("/Target/SqsParameters", json!({ "MessageGroupId": "g" }), invalid),
        ("/Target/DeadLetterConfig", json!({ "Arn": "arn:aws:sqs:eu-central-1:123456789012:q" }), invalid),
        ("/Target/EcsParameters", Value::Null, invalid),
        (&ecs("TaskCount"), json!(11), invalid),
        (&ecs("LaunchType"), json!("MOON"), invalid),
        (&ecs("PropagateTags"), json!("SERVICE"), invalid),
        (&network("Subnets"), json!([]), invalid),
        (&network("AssignPublicIp"), json!("YES"), invalid),
        ("/KmsKeyArn", json!("arn:aws:kms:eu-central-1:123456789012:key/k"), unsupported),
        ("/Target/Arn", json!("arn:aws:lambda:eu-central-1:123456789012:function:f"), unsupported),
        ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:ecs:runTask"), unsupported),
        (&ecs("LaunchType"), json!("EC2"), unsupported),
        (&ecs("EnableExecuteCommand"), json!(true), unsupported),
        ("/GroupName", json!("none"), (404, "ResourceNotFoundException")),
        ("/State", json!(1), (400, "SerializationException")),
    ] {
        let answer = send(&daemon, "POST", "/schedules/job", &schedule("rate(1 hour)", &[(pointer, value.clone())]));
        assert_eq!(error(&answer), wanted, "{pointer} {value}: {}", answer.body);
    }
    for (method, path, wanted) in [
        ("POST", "/schedules/no%20spaces", invalid),
        ("GET", "/schedules?MaxResults=0", invalid),
        ("GET", "/schedules?NextToken=none", invalid),
        ("DELETE", "/schedule-groups/default", invalid),
        ("GET", "/schedule-groups/none", (404, "ResourceNotFoundException")),
        ("GET", &format!("/tags/{ARN}:schedule-group%2Fdefault"), unsupported),
        ("PUT", "/schedule-groups/none", (404, "UnknownOperationException")),
    ] {
        let input = if method == "POST" { schedule("rate(1 hour)", &[]) } else { Value::Null };
        assert_eq!(error(&send(&daemon, method, path, &input)), wanted, "{method} {path}");
    }
    let unsigned = daemon.send("GET", "/schedules", &[], b"");
    assert_eq!(error(&unsigned), (403, "MissingAuthenticationTokenException"));
    let fault = json!({ "service": "scheduler", "action": "ListSchedules", "kind": "throttle" });
    daemon.send("POST", "/_local/faults", &[], fault.to_string().as_bytes());
    assert_eq!(error(&send(&daemon, "GET", "/schedules", &Value::Null)), (429, "ThrottlingException"));
    assert_eq!(ok(&daemon, "GET", "/schedules", &Value::Null), json!({ "Schedules": [] }));
}

#[test]
fn a_due_schedule_runs_its_tasks_once() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let ecs = |action: &str, input: &Value| {
        let answer = daemon.call("ecs", action, input);
        assert_eq!(answer.status, 200, "{action}: {answer:?}");
        answer.json()
    };
    ecs("CreateCluster", &json!({ "clusterName": "main" }));
    let container = json!({ "name": "app", "image": "127.0.0.1:1/job:1", "essential": true });
    let definition = json!({
        "family": "job", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "containerDefinitions": [container],
    });
    ecs("RegisterTaskDefinition", &definition);
    // A rate begins with an invocation at once. The disabled schedule has none.
    ok(&daemon, "POST", "/schedules/off", &schedule("rate(1 day)", &[("/State", json!("DISABLED"))]));
    ok(&daemon, "POST", "/schedules/tidy", &schedule("rate(1 day)", &[]));
    let list = |by: &str| {
        // Without an engine a task may be given up.
        let of = |status: &str| {
            let filter = json!({ "cluster": "main", "startedBy": by, "desiredStatus": status });
            ecs("ListTasks", &filter)["taskArns"].as_array().unwrap().clone()
        };
        [of("RUNNING"), of("STOPPED")].concat()
    };
    let tasks =
        until("the tasks are started", || Some(list("chronos-schedule/tidy")).filter(|tasks| !tasks.is_empty()));
    assert_eq!(tasks.len(), 2);
    let described = ecs("DescribeTasks", &json!({ "cluster": "main", "tasks": tasks }));
    let task = &described["tasks"][0];
    assert_eq!((&task["group"], &task["launchType"]), (&json!("family:job"), &json!("FARGATE")));
    let command = json!(["tidy", format!("{ARN}:schedule/default/tidy")]);
    assert_eq!(task["overrides"]["containerOverrides"][0]["command"], command);
    // A change of the schedule is no new start of its rate.
    ok(&daemon, "PUT", "/schedules/tidy", &schedule("rate(2 days)", &[]));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!((list("chronos-schedule/tidy").len(), list("chronos-schedule/off").len()), (2, 0));
}

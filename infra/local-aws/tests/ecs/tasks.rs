//! Tasks: started, stopped, described, listed.

use local_aws::store::task::{Health, TaskStatus};
use local_aws::time::Timestamp;
use serde_json::{Value, json};

use crate::emulator::{ARN, CLUSTER, Local, merge, network};

fn started() -> Local {
    let local = Local::new();
    local.register("web", &json!({"tags": [{"key": "from", "value": "definition"}]}));
    local
}

fn id(task: &Value) -> String {
    task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn tasks_are_started_as_asked() {
    let local = started();
    let overrides = json!({
        "containerOverrides": [{"name": "web", "command": ["migrate"], "environment": [{"name": "A", "value": "1"}], "cpu": 128}],
        "cpu": "512", "memory": "1024", "taskRoleArn": "task",
    });
    let answer = local.run(&json!({
        "count": 2, "startedBy": "deploy", "overrides": overrides, "propagateTags": "TASK_DEFINITION",
        "enableECSManagedTags": true, "tags": [{"key": "k", "value": "v"}],
    }));
    assert_eq!(answer["failures"], json!([]));
    let tasks = answer["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 2);
    assert_ne!(tasks[0]["taskArn"], tasks[1]["taskArn"]);
    let task = &tasks[0];
    let wanted = json!({
        "clusterArn": format!("{ARN}:cluster/main"), "taskDefinitionArn": format!("{ARN}:task-definition/web:1"),
        "lastStatus": "PROVISIONING", "desiredStatus": "RUNNING", "group": "family:web", "startedBy": "deploy",
        "launchType": "FARGATE", "cpu": "512", "memory": "1024", "platformVersion": "1.4.0", "healthStatus": "UNKNOWN",
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&task[name], value, "{name}");
    }
    assert_eq!(task["overrides"]["containerOverrides"], overrides["containerOverrides"]);
    let tags = json!([{"key": "k", "value": "v"}, {"key": "from", "value": "definition"}, {"key": "aws:ecs:clusterName", "value": "main"}]);
    assert_eq!(task["tags"], tags);
    let container = &task["containers"][0];
    assert_eq!(
        (&container["name"], &container["lastStatus"], &container["taskArn"]),
        (&json!("web"), &json!("PENDING"), &task["taskArn"])
    );
    let described = local.ok("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": [id(task)], "include": ["TAGS"]}));
    assert_eq!(described["tasks"][0], *task);
    let described = local.ok("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": [task["taskArn"]]}));
    assert!(described["tasks"][0].get("tags").is_none());
}

#[test]
fn what_cannot_be_started() {
    let local = started();
    let revision = local.register("stranger", &json!({"taskRoleArn": "arn:aws:iam::123456789012:role/stranger"}));
    let foreign = local.register("foreign", &json!({"taskRoleArn": "arn:aws:iam::111122223333:role/task"}));
    local.register("old", &json!({}));
    local.ok("DeregisterTaskDefinition", &json!({"taskDefinition": "old:1"}));
    let container = |members: Value| json!({"overrides": {"containerOverrides": [members]}});
    let (invalid, client) = ("InvalidParameterException", "ClientException");
    let cases = [
        (json!({"cluster": "none"}), "ClusterNotFoundException", "Cluster not found."),
        (json!({"taskDefinition": "none"}), client, "TaskDefinition not found."),
        (json!({"taskDefinition": "old"}), client, "TaskDefinition not found."),
        (json!({"taskDefinition": "old:1"}), client, "TaskDefinition is inactive"),
        (json!({"count": 0}), invalid, "count must be between 1 and 10"),
        (json!({"count": 11}), invalid, "count must be between 1 and 10"),
        (json!({"networkConfiguration": null}), invalid, "Network Configuration must be provided"),
        (
            json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
            invalid,
            "subnets can not be empty.",
        ),
        (json!({"launchType": null}), invalid, "No Container Instances were found in your cluster."),
        (json!({"launchType": "EXTERNAL"}), "UnsupportedFeatureException", "EXTERNAL"),
        (json!({"platformVersion": "9"}), "PlatformUnknownException", "The specified platform does not exist."),
        (json!({"group": "service:web"}), invalid, "must not start with"),
        (json!({"startedBy": "x".repeat(129)}), invalid, "startedBy"),
        (json!({"propagateTags": "SERVICE"}), invalid, "only valid for services"),
        (
            container(json!({"name": "none"})),
            invalid,
            "Override for container named none is not a container in the TaskDefinition.",
        ),
        (container(json!({"command": ["x"]})), invalid, "can not be blank"),
        (container(json!({"name": "web", "memory": 513})), invalid, "greater than for the task"),
        (container(json!({"name": "web", "comand": []})), invalid, "\"overrides.containerOverrides[0].comand\""),
        (container(json!({"name": "web", "command": ["x".repeat(8192)]})), invalid, "length must be at most 8192"),
        (
            container(json!({"name": "web", "environmentFiles": [{"type": "s3", "value": "x"}]})),
            "UnsupportedFeatureException",
            "environmentFiles",
        ),
        (
            json!({"overrides": {"cpu": "512"}}),
            client,
            "No Fargate configuration exists for given values: 512 CPU, 512 memory.",
        ),
        (
            json!({"taskDefinition": revision}),
            client,
            "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/stranger'",
        ),
        (json!({"taskDefinition": foreign}), client, "Cross-account pass role is not allowed."),
        (json!({"placementStrategy": [{"type": "random"}]}), client, "do not support placementStrategy"),
    ];
    for (change, code, part) in cases {
        let mut input = json!({"cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network()});
        merge(&mut input, &change);
        local.refused("RunTask", &input, code, part);
    }
}

#[test]
fn a_client_token_starts_tasks_once() {
    let local = started();
    let first = local.run(&json!({"clientToken": "t"}));
    assert_eq!(local.run(&json!({"clientToken": "t"})), first);
    assert_ne!(local.run(&json!({"clientToken": "u"}))["tasks"][0]["taskArn"], first["tasks"][0]["taskArn"]);
    let other = json!({"cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE", "networkConfiguration": network(),
        "clientToken": "t", "count": 2});
    local.refused("RunTask", &other, "ConflictException", "other parameters");
}

#[test]
fn a_task_is_stopped_once_and_tells_why() {
    let local = started();
    let task = id(&local.run(&json!({}))["tasks"][0]);
    let stop = |reason: &str| {
        local.ok("StopTask", &json!({"cluster": CLUSTER, "task": task, "reason": reason}))["task"].clone()
    };
    let stopped = stop("enough");
    assert_eq!((&stopped["desiredStatus"], &stopped["lastStatus"]), (&json!("STOPPED"), &json!("PROVISIONING")));
    assert_eq!((&stopped["stopCode"], &stopped["stoppedReason"]), (&json!("UserInitiated"), &json!("enough")));
    assert_eq!(stop("again")["stoppedReason"], "enough");
    let other = id(&local.run(&json!({}))["tasks"][0]);
    let silent = local.ok("StopTask", &json!({"cluster": CLUSTER, "task": other}));
    assert_eq!(silent["task"]["stoppedReason"], "Task stopped by user");
    let missing = json!({"cluster": CLUSTER, "task": "0".repeat(32)});
    local.refused("StopTask", &missing, "InvalidParameterException", "The referenced task was not found.");
    // A task of another cluster is none of this one's.
    local.ok("CreateCluster", &json!({"clusterName": "other"}));
    let elsewhere = json!({"cluster": "other", "task": task});
    local.refused("StopTask", &elsewhere, "InvalidParameterException", "The referenced task was not found.");
    let arn = json!({"cluster": "other", "task": format!("{ARN}:task/{CLUSTER}/{task}")});
    local.refused(
        "StopTask",
        &arn,
        "InvalidParameterException",
        "Identifier is for cluster main. Your cluster is other",
    );
}

#[test]
fn what_the_runner_has_seen_is_described() {
    let local = started();
    let task = id(&local.run(&json!({}))["tasks"][0]);
    let moment = Timestamp::from_millis(1_795_478_400_500);
    local.emulator.store.write(|state| {
        let task = state.ecs.tasks.get_mut(&task).unwrap();
        task.last_status = TaskStatus::Stopped;
        task.private_ip = Some("10.0.0.7".into());
        task.health = Health::Unhealthy;
        task.started_at = Some(moment);
        task.stopped_at = Some(moment);
        let container = &mut task.containers[0];
        container.exit_code = Some(137);
        container.reason = Some("OutOfMemoryError: container killed due to memory usage".into());
        container.image_digest = Some("sha256:0".into());
        container.last_status = "STOPPED".into();
    });
    let found = local.ok("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": [task, "0".repeat(32)]}));
    assert_eq!(found["failures"], json!([{"arn": format!("{ARN}:task/main/{}", "0".repeat(32)), "reason": "MISSING"}]));
    let task = &found["tasks"][0];
    assert_eq!((&task["desiredStatus"], &task["healthStatus"]), (&json!("STOPPED"), &json!("UNHEALTHY")));
    assert_eq!((&task["startedAt"], &task["stoppedAt"]), (&json!(1_795_478_400.5), &json!(1_795_478_400.5)));
    let container = &task["containers"][0];
    assert_eq!((&container["exitCode"], &container["imageDigest"]), (&json!(137), &json!("sha256:0")));
    assert!(container["reason"].as_str().unwrap().starts_with("OutOfMemoryError"));
    assert_eq!(container["networkInterfaces"][0]["privateIpv4Address"], "10.0.0.7");
    assert!(
        task["attachments"][0]["details"]
            .as_array()
            .unwrap()
            .contains(&json!({"name": "privateIPv4Address", "value": "10.0.0.7"}))
    );

    let invalid = "InvalidParameterException";
    local.refused("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": []}), invalid, "Tasks cannot be empty.");
    local.refused(
        "DescribeTasks",
        &json!({"cluster": CLUSTER, "tasks": ["x"]}),
        invalid,
        "taskId length should be one of [32,36]",
    );
    let many: Vec<String> = (0..101).map(|number| format!("{number:032}")).collect();
    local.refused("DescribeTasks", &json!({"cluster": CLUSTER, "tasks": many}), invalid, "more than 100");
}

#[test]
fn tasks_are_listed_by_what_they_are() {
    let local = started();
    local.register("job", &json!({}));
    local.create("web", "web", &json!({}));
    let of_service = local.add_task("web", TaskStatus::Running);
    let alone = id(&local.run(&json!({"startedBy": "me"}))["tasks"][0]);
    let job = id(&local.run(&json!({"taskDefinition": "job"}))["tasks"][0]);
    local.ok("StopTask", &json!({"cluster": CLUSTER, "task": job}));
    let list = |filter: Value| {
        let mut input = json!({"cluster": CLUSTER});
        merge(&mut input, &filter);
        let arns = local.ok("ListTasks", &input)["taskArns"].clone();
        let mut ids: Vec<_> = arns
            .as_array()
            .unwrap()
            .iter()
            .map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = vec![of_service.clone(), alone.clone()];
    both.sort();
    let cases = [
        (json!({}), both.clone()),
        (json!({"launchType": "FARGATE"}), both.clone()),
        (json!({"launchType": "EC2"}), vec![]),
        (json!({"family": "web"}), both),
        (json!({"family": "we"}), vec![]),
        (json!({"serviceName": "web"}), vec![of_service]),
        (json!({"startedBy": "me"}), vec![alone]),
        (json!({"desiredStatus": "STOPPED"}), vec![job]),
        (json!({"desiredStatus": "PENDING"}), vec![]),
        (json!({"containerInstance": "x"}), vec![]),
    ];
    for (filter, wanted) in cases {
        assert_eq!(list(filter.clone()), wanted, "{filter}");
    }
    let first = local.ok("ListTasks", &json!({"cluster": CLUSTER, "maxResults": 1}));
    let second = local.ok("ListTasks", &json!({"cluster": CLUSTER, "maxResults": 1, "nextToken": first["nextToken"]}));
    assert_ne!(first["taskArns"], second["taskArns"]);
    assert!(second.get("nextToken").is_none());
    local.refused("ListTasks", &json!({"cluster": "none"}), "ClusterNotFoundException", "Cluster not found.");
    local.refused(
        "ListTasks",
        &json!({"cluster": CLUSTER, "serviceName": "none"}),
        "ServiceNotFoundException",
        "Service not found.",
    );
    local.refused(
        "ListTasks",
        &json!({"cluster": CLUSTER, "desiredStatus": "X"}),
        "InvalidParameterException",
        "desiredStatus",
    );
}

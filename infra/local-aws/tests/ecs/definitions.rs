//! Task definitions that are taken: what is answered for them, how they are found, listed and removed.

use local_aws::settings::UnknownMembers;
use local_aws::store::ecs::Ecs;
use local_aws::store::task::TaskStatus;
use serde_json::{Value, json};

use crate::emulator::{ARN, Local, definition, merge};

#[test]
fn keeps_unknown_members_where_it_is_started_so() {
    let local = Local::with(UnknownMembers::Keep);
    let mut input = definition();
    merge(&mut input, &json!({"futureMember": {"a": [1, null]}, "pidMode": "task"}));
    input["containerDefinitions"][0]["futureOption"] = "x".into();
    let registered = local.ok("RegisterTaskDefinition", &input)["taskDefinition"].clone();
    let described = local.ok("DescribeTaskDefinition", &json!({"taskDefinition": "web:1"}))["taskDefinition"].clone();
    let restored: Value = local.emulator.store.read(|state| serde_json::to_value(&state.ecs)).unwrap();
    let restored: Ecs = serde_json::from_value(restored).unwrap();
    for document in [&registered, &described, &restored.families["web"].revisions[&1].document()] {
        assert_eq!(document["futureMember"], json!({"a": [1, null]}));
        assert_eq!(document["pidMode"], "task");
        assert_eq!(document["containerDefinitions"][0]["futureOption"], "x");
        assert_eq!(document["containerDefinitions"][0]["name"], "web");
    }
    // Errors of known members stay errors.
    input["containerDefinitions"][0]["image"] = 7.into();
    local.refused("RegisterTaskDefinition", &input, "SerializationException", "containerDefinitions[0].image");
    // AWS's behaviour is the default.
    input["containerDefinitions"][0]["image"] = "i".into();
    input["pidMode"] = Value::Null;
    Local::new().refused("RegisterTaskDefinition", &input, "InvalidParameterException", ".futureOption\"");
}

#[test]
fn what_is_left_out_is_filled_in_as_aws_does_it() {
    let local = Local::new();
    let mut input = definition();
    merge(&mut input, &json!({"volumes": [{"name": "v"}], "tags": [{"key": "k", "value": "v"}]}));
    let container = &mut input["containerDefinitions"][0];
    container["healthCheck"] = json!({"command": ["CMD", "true"]});
    let answer = local.ok("RegisterTaskDefinition", &input);
    assert_eq!(answer["tags"], json!([{"key": "k", "value": "v"}]));
    let made = &answer["taskDefinition"];
    assert_eq!(made["taskDefinitionArn"], format!("{ARN}:task-definition/web:1"));
    assert_eq!(made["compatibilities"], json!(["EC2", "FARGATE"]));
    assert_eq!(made["volumes"], json!([{"name": "v", "host": {}}]));
    assert_eq!((&made["status"], &made["revision"]), (&json!("ACTIVE"), &json!(1)));
    let wanted = json!({
        "name": "web", "image": "127.0.0.1:4566/web:1", "cpu": 0, "essential": true, "environment": [], "mountPoints": [],
        "volumesFrom": [], "systemControls": [],
        "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3},
    });
    assert_eq!(made["containerDefinitions"], json!([wanted]));
    let attributes: Vec<_> = made["requiresAttributes"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    for name in
        ["ecs.capability.task-eni", "ecs.capability.execution-role-ecr-pull", "ecs.capability.container-health-check"]
    {
        assert!(attributes.contains(&&json!(name)), "{name}");
    }
}

#[test]
fn definitions_as_in_aws_documentation_are_taken() {
    let local = Local::new();
    let role = "arn:aws:iam::123456789012:role/service-role/execution";
    let logs = json!({"logDriver": "awslogs", "options": {
        "awslogs-group": "/g", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "p", "mode": "non-blocking",
        "max-buffer-size": "25m", "awslogs-create-group": "true"}});
    let front_and_app = json!({
        "cpu": ".5 vCPU", "memory": "1 GB", "taskRoleArn": "task", "executionRoleArn": role,
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 21},
        "volumes": [{"name": "shared"}, {"name": "kept", "efsVolumeConfiguration": {
            "fileSystemId": "fs-0123456789abcdef0", "rootDirectory": "/", "transitEncryption": "ENABLED"}}],
        "containerDefinitions": [
            {"name": "init", "image": "busybox", "essential": false, "command": ["true"]},
            {"name": "app", "image": "app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "cpu": 256,
                "memory": 512, "memoryReservation": 256, "essential": true, "user": "1000:1000", "readonlyRootFilesystem": true,
                "environment": [{"name": "A", "value": "1"}], "stopTimeout": 120, "startTimeout": 120,
                "secrets": [{"name": "B", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/b"}],
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}], "logConfiguration": logs,
                "healthCheck": {"command": ["CMD-SHELL", "true || exit 1"], "interval": 5, "timeout": 2, "retries": 1, "startPeriod": 300},
                "mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"},
                    {"sourceVolume": "kept", "containerPath": "/kept", "readOnly": true}],
                "linuxParameters": {"initProcessEnabled": true, "capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}},
            {"name": "front", "image": "front", "portMappings": [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp",
                    "name": "http", "appProtocol": "http"}, {"containerPort": 8080, "protocol": "udp"}],
                "dependsOn": [{"containerName": "app", "condition": "HEALTHY"}, {"containerName": "init", "condition": "COMPLETE"}],
                "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 65535}], "dockerLabels": {"a": "b"},
                "systemControls": [{"namespace": "net.core.somaxconn", "value": "1024"}], "versionConsistency": "enabled"},
        ],
    });
    let arn = local.register("pair", &front_and_app);
    let found = local.ok("DescribeTaskDefinition", &json!({"taskDefinition": arn}))["taskDefinition"].clone();
    assert_eq!((&found["cpu"], &found["memory"]), (&json!("512"), &json!("1024")));
    assert_eq!(
        found["containerDefinitions"][2]["portMappings"][1],
        json!({"containerPort": 8080, "hostPort": 8080, "protocol": "udp"})
    );

    // What is described can be registered again, less what only AWS writes.
    let mut again = found.clone();
    let written = [
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
    ];
    for name in written {
        again.as_object_mut().unwrap().shift_remove(name).unwrap();
    }
    let mut second = local.ok("RegisterTaskDefinition", &again)["taskDefinition"].clone();
    assert_eq!(second["revision"], 2);
    for name in ["taskDefinitionArn", "revision", "registeredAt"] {
        second[name] = found[name].clone();
    }
    assert_eq!(second, found);

    for change in [
        json!({"requiresCompatibilities": []}),
        json!({"requiresCompatibilities": ["EC2", "FARGATE"]}),
        json!({"pidMode": null, "ipcMode": "", "placementConstraints": [], "inferenceAccelerators": []}),
        json!({"executionRoleArn": null, "containerDefinitions": [{"name": "w", "image": "busybox", "links": [], "privileged": false}]}),
    ] {
        local.register("web", &change);
    }
}

#[test]
fn revisions_count_and_are_found_by_family_number_and_arn() {
    let local = Local::new();
    for number in 1..=3 {
        assert_eq!(local.register("web", &json!({})), format!("{ARN}:task-definition/web:{number}"));
    }
    let find = |name: &str| {
        local.ok("DescribeTaskDefinition", &json!({"taskDefinition": name}))["taskDefinition"]["revision"].clone()
    };
    assert_eq!(
        (find("web"), find("web:1"), find(&format!("{ARN}:task-definition/web:2"))),
        (json!(3), json!(1), json!(2))
    );
    let gone = local.ok("DeregisterTaskDefinition", &json!({"taskDefinition": "web:3"}))["taskDefinition"].clone();
    assert_eq!(gone["status"], "INACTIVE");
    assert!(gone["deregisteredAt"].as_f64().unwrap() > 1e9);
    assert_eq!((find("web"), find("web:3")), (json!(2), json!(3)));
    // A number is never used again.
    assert_eq!(local.register("web", &json!({})), format!("{ARN}:task-definition/web:4"));

    let refused = |action: &str, name: &str, code: &str, part: &str| {
        local.refused(action, &json!({"taskDefinition": name}), code, part);
    };
    refused("DescribeTaskDefinition", "none", "ClientException", "Unable to describe task definition.");
    refused("DescribeTaskDefinition", "web:9", "ClientException", "Unable to describe task definition.");
    refused("DescribeTaskDefinition", "web:x", "InvalidParameterException", "Invalid revision number. Number: x");
    refused("DeregisterTaskDefinition", "web:9", "ClientException", "The specified task definition does not exist.");
    refused("DeregisterTaskDefinition", "web", "ClientException", "Revision is missing.");
    let other = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:1";
    refused("DescribeTaskDefinition", other, "InvalidParameterException", "Unexpected account");
}

fn list(local: &Local, action: &str, input: &Value) -> Vec<String> {
    let member = if action == "ListTaskDefinitions" { "taskDefinitionArns" } else { "families" };
    let names = local.ok(action, input)[member].clone();
    let names = names.as_array().unwrap().iter();
    names.map(|name| name.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn revisions_and_families_are_listed() {
    let local = Local::new();
    for _ in 0..11 {
        local.register("web", &json!({}));
    }
    local.register("web-old", &json!({}));
    local.ok("DeregisterTaskDefinition", &json!({"taskDefinition": "web-old:1"}));
    local.ok("DeregisterTaskDefinition", &json!({"taskDefinition": "web:2"}));
    let page = |input: Value| list(&local, "ListTaskDefinitions", &input);
    assert_eq!(page(json!({"maxResults": 3})), ["web:1", "web:3", "web:4"]);
    assert_eq!(page(json!({"sort": "DESC", "maxResults": 3})), ["web:11", "web:10", "web:9"]);
    assert_eq!(page(json!({"status": "INACTIVE"})), ["web:2", "web-old:1"]);
    assert_eq!(page(json!({"familyPrefix": "we"})), Vec::<String>::new());
    let mut seen = Vec::new();
    let mut input = json!({"familyPrefix": "web", "maxResults": 4});
    loop {
        let answer = local.ok("ListTaskDefinitions", &input);
        seen.extend(answer["taskDefinitionArns"].as_array().unwrap().clone());
        match answer.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 10);

    let families = |input: Value| list(&local, "ListTaskDefinitionFamilies", &input);
    assert_eq!(families(json!({})), ["web", "web-old"]);
    assert_eq!(families(json!({"familyPrefix": "web-"})), ["web-old"]);
    assert_eq!(families(json!({"status": "ACTIVE"})), ["web"]);
    assert_eq!(families(json!({"status": "INACTIVE"})), ["web-old"]);
    let invalid = "InvalidParameterException";
    local.refused("ListTaskDefinitions", &json!({"status": "OLD"}), invalid, "status should be one of");
    local.refused("ListTaskDefinitions", &json!({"sort": "UP"}), invalid, "sort should be one of");
    local.refused("ListTaskDefinitionFamilies", &json!({"maxResults": 101}), invalid, "maxResults");
}

#[test]
fn what_is_deleted_was_deregistered_and_is_not_in_use() {
    let local = Local::new();
    for _ in 0..3 {
        local.register("web", &json!({}));
    }
    local.create("web", "web:2", &json!({}));
    local.add_task("web", TaskStatus::Running);
    for number in [1, 2] {
        local.ok("DeregisterTaskDefinition", &json!({"taskDefinition": format!("web:{number}")}));
    }
    let answer = local.ok("DeleteTaskDefinitions", &json!({"taskDefinitions": ["web:1", "web:2", "web:3", "web:4"]}));
    let deleted: Vec<_> =
        answer["taskDefinitions"].as_array().unwrap().iter().map(|one| (&one["revision"], &one["status"])).collect();
    let status = json!("DELETE_IN_PROGRESS");
    assert_eq!(deleted, [(&json!(1), &status), (&json!(2), &status)]);
    let failures = answer["failures"].as_array().unwrap();
    assert!(failures[0]["reason"].as_str().unwrap().contains("still in ACTIVE status"));
    assert_eq!(failures[1], json!({"arn": format!("{ARN}:task-definition/web:4"), "reason": "MISSING"}));
    let describe = |name: &str| json!({"taskDefinition": name});
    local.refused("DescribeTaskDefinition", &describe("web:1"), "ClientException", "Unable to describe");
    // Its service still needs it.
    assert_eq!(local.ok("DescribeTaskDefinition", &describe("web:2"))["taskDefinition"]["status"], status);
    let none = json!({"taskDefinitions": []});
    local.refused("DeleteTaskDefinitions", &none, "InvalidParameterException", "must be greater than 0");
    let many: Vec<String> = (1..=11).map(|number| format!("web:{number}")).collect();
    local.refused(
        "DeleteTaskDefinitions",
        &json!({"taskDefinitions": many}),
        "InvalidParameterException",
        "cannot exceed 10",
    );
}

//! Task definitions that Fargate refuses, one rule a line: what is changed in a good one, the code, part of the message.

use serde_json::{Value, json};

use crate::emulator::{merge, refused_all, web};

const CLIENT: &str = "ClientException";
const INVALID: &str = "InvalidParameterException";
const UNSUPPORTED: &str = "UnsupportedFeatureException";

/// A definition with these containers, each changed.
fn containers(changes: &[Value]) -> Value {
    let containers = changes.iter().enumerate().map(|(index, change)| {
        let mut container = json!({ "name": format!("c{index}"), "image": "busybox" });
        merge(&mut container, change);
        container
    });
    json!({ "containerDefinitions": containers.collect::<Vec<_>>() })
}

#[test]
fn task_and_size() {
    refused_all(&[
        (json!({"family": ""}), CLIENT, "Family should not be null or empty."),
        (json!({"family": null}), CLIENT, "Family should not be null or empty."),
        (json!({"family": "no spaces"}), CLIENT, "Family contains invalid characters."),
        (json!({"family": "f".repeat(256)}), CLIENT, "Family contains invalid characters."),
        (json!({"cpu": null}), CLIENT, "Fargate requires that 'cpu' be defined at the task level."),
        (json!({"memory": null}), CLIENT, "Fargate requires that 'memory' be defined at the task level."),
        (json!({"cpu": "a lot"}), INVALID, "Invalid 'cpu' setting for task."),
        (json!({"memory": "lots"}), INVALID, "Invalid 'memory' setting for task."),
        (json!({"memory": "128"}), CLIENT, "No Fargate configuration exists for given values: 256 CPU, 128 memory."),
        (json!({"cpu": "300"}), CLIENT, "No Fargate configuration exists for given values: 300 CPU, 512 memory."),
        (json!({"cpu": "1 vCPU"}), CLIENT, "given values: 1024 CPU, 512 memory."),
        (json!({"networkMode": "bridge"}), CLIENT, "Fargate only supports network mode ‘awsvpc’."),
        (json!({"networkMode": null}), CLIENT, "Fargate only supports network mode ‘awsvpc’."),
        (json!({"networkMode": "wireless"}), INVALID, "networkMode should be one of"),
        (json!({"requiresCompatibilities": ["EC2"]}), UNSUPPORTED, "without the compatibility FARGATE"),
        (json!({"requiresCompatibilities": ["EXTERNAL"]}), UNSUPPORTED, "EXTERNAL"),
        (json!({"requiresCompatibilities": ["MOON"]}), INVALID, "requiresCompatibilities should be one of"),
        (json!({"runtimePlatform": {"cpuArchitecture": "MIPS"}}), INVALID, "cpuArchitecture should be one of"),
        (
            json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}}),
            UNSUPPORTED,
            "WINDOWS_SERVER_2022_CORE",
        ),
        (json!({"runtimePlatform": {"operatingSystemFamily": "PLAN9"}}), INVALID, "operatingSystemFamily"),
        (json!({"ephemeralStorage": {"sizeInGiB": 20}}), CLIENT, "between 21 and 200 GiB"),
        (json!({"ephemeralStorage": {"sizeInGiB": 201}}), CLIENT, "between 21 and 200 GiB"),
        (json!({"taskRoleArn": "arn:aws:iam::1:role/x"}), CLIENT, "Role is not valid"),
        (json!({"executionRoleArn": "no such role!"}), CLIENT, "Role is not valid"),
        (json!({"executionRoleArn": null}), CLIENT, "to have execution role ARN to support ECR images."),
        (json!({"tags": [{"key": "", "value": "v"}]}), INVALID, "Tag key should have between 1 and 128"),
        (json!({"tags": [{"key": "aws:x", "value": "v"}]}), INVALID, "not allowed for external use"),
        (json!({"tags": [{"key": "k"}, {"key": "k"}]}), INVALID, "Duplicate tag keys found: k"),
    ]);
}

#[test]
fn containers_and_their_shares() {
    let eleven: Vec<Value> = (0..11).map(|_| json!({})).collect();
    refused_all(&[
        (json!({"containerDefinitions": []}), CLIENT, "Container list cannot be empty."),
        (containers(&eleven), CLIENT, "Too many containers."),
        (web(&json!({"name": ""})), CLIENT, "Container.name should not be null or empty."),
        (web(&json!({"name": "no spaces"})), CLIENT, "Container.name contains invalid characters."),
        (web(&json!({"image": ""})), CLIENT, "Container.image should not be null or empty."),
        (web(&json!({"image": "no spaces"})), CLIENT, "Container.image contains invalid characters."),
        (containers(&[json!({"name": "x"}), json!({"name": "x"})]), CLIENT, "'x' is there more than once"),
        (web(&json!({"essential": false})), CLIENT, "must be essential"),
        (web(&json!({"cpu": 512})), CLIENT, "The sum of all container 'cpu' values cannot be greater"),
        (containers(&[json!({"cpu": 128}), json!({"cpu": 129})]), CLIENT, "The sum of all container 'cpu' values"),
        (
            web(&json!({"memory": 513})),
            CLIENT,
            "The 'memory' setting for container 'web' is greater than for the task.",
        ),
        (web(&json!({"memoryReservation": 513})), CLIENT, "The 'memoryReservation' setting for container 'web'"),
        (containers(&[json!({"memory": 256}), json!({"memory": 257})]), CLIENT, "The sum of all container 'memory'"),
        (
            containers(&[json!({"memory": 512, "memoryReservation": 300}), json!({"memory": 213})]),
            CLIENT,
            "The sum of all container 'memory' values",
        ),
        (web(&json!({"memory": 5})), CLIENT, "'memory' must be at least 6 MiB"),
        (web(&json!({"memoryReservation": 5})), CLIENT, "'memoryReservation' must be at least 6 MiB"),
        (web(&json!({"memory": 64, "memoryReservation": 64})), CLIENT, "'memory' must be greater than"),
        (web(&json!({"stopTimeout": 121})), CLIENT, "'stopTimeout' must not be greater than 120"),
        (web(&json!({"startTimeout": 1})), CLIENT, "'startTimeout' must be between 2 and 120"),
        (web(&json!({"startTimeout": 121})), CLIENT, "'startTimeout' must be between 2 and 120"),
        (web(&json!({"workingDirectory": "here"})), CLIENT, "'workingDirectory' must be an absolute path"),
        (web(&json!({"versionConsistency": "perhaps"})), INVALID, "versionConsistency should be one of"),
    ]);
}

#[test]
fn ports_volumes_and_files() {
    let mount = |volume: &str, path: &str| json!({"sourceVolume": volume, "containerPath": path});
    let with_volume = |volumes: Value, mounts: Value| {
        let mut change = web(&json!({"mountPoints": mounts}));
        change["volumes"] = volumes;
        change
    };
    let efs = |members: Value| json!({"volumes": [{"name": "v", "efsVolumeConfiguration": members}]});
    refused_all(&[
        (
            web(&json!({"portMappings": [{"containerPort": 80, "hostPort": 81}]})),
            CLIENT,
            "host ports and container ports",
        ),
        (web(&json!({"portMappings": [{"containerPort": 0}]})), CLIENT, "Invalid containerPort"),
        (web(&json!({"portMappings": [{"containerPort": 65536}]})), INVALID, "portMappings[0].containerPort"),
        (
            web(&json!({"portMappings": [{"containerPort": 80, "protocol": "sctp"}]})),
            INVALID,
            "protocol should be one of",
        ),
        (web(&json!({"portMappings": [{"containerPort": 80, "appProtocol": "gopher"}]})), INVALID, "appProtocol"),
        (
            containers(&[
                json!({"portMappings": [{"containerPort": 80}]}),
                json!({"portMappings": [{"containerPort": 80}]}),
            ]),
            CLIENT,
            "80/tcp is there more than once",
        ),
        (
            web(&json!({"portMappings": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]})),
            CLIENT,
            "'a' is there more than once",
        ),
        (web(&json!({"mountPoints": [mount("none", "/x")]})), CLIENT, "Unknown volume 'none'."),
        (with_volume(json!([{"name": "v"}]), json!([mount("v", "x")])), CLIENT, "'x' is no absolute path"),
        (
            with_volume(json!([{"name": "v"}]), json!([mount("v", "/x"), mount("v", "/x")])),
            CLIENT,
            "Duplicate mount point: /x",
        ),
        (json!({"volumes": [{"name": "v"}, {"name": "v"}]}), CLIENT, "'v' is there more than once"),
        (json!({"volumes": [{"name": "no spaces"}]}), CLIENT, "Volume.name should have"),
        (json!({"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]}), CLIENT, "do not support sourcePath"),
        (json!({"volumes": [{"name": "v", "host": {"path": "/x"}}]}), CLIENT, "\"path\""),
        (
            json!({"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]}),
            CLIENT,
            "do not support dockerVolumeConfiguration",
        ),
        (efs(json!({"fileSystemId": "none"})), CLIENT, "Invalid file system id: 'none'"),
        (efs(json!({"fileSystemId": "fs-1", "transitEncryption": "YES"})), INVALID, "transitEncryption"),
        (efs(json!({"fileSystemId": "fs-1", "rootDirectory": "x"})), CLIENT, "absolute path"),
        (
            efs(json!({"fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}})),
            UNSUPPORTED,
            "authorizationConfig",
        ),
    ]);
}

#[test]
fn dependencies_and_health() {
    let on = |name: &str, condition: &str| json!({"dependsOn": [{"containerName": name, "condition": condition}]});
    let checked = |members: Value| web(&json!({"healthCheck": members}));
    let limit = |member: &str, value: u32| checked(json!({"command": ["CMD", "true"], member: value}));
    refused_all(&[
        (containers(&[on("none", "START")]), CLIENT, "'c0' cannot depend on 'none'"),
        (containers(&[on("c0", "START")]), CLIENT, "that is itself"),
        (containers(&[on("c1", "START"), on("c0", "START")]), CLIENT, "c0 → c1 → c0"),
        (
            containers(&[json!({}), on("c2", "START"), on("c3", "START"), on("c1", "START")]),
            CLIENT,
            "c1 → c2 → c3 → c1",
        ),
        (containers(&[on("c1", "HEALTHY"), json!({})]), CLIENT, "has no health check"),
        (containers(&[on("c1", "SUCCESS"), json!({})]), CLIENT, "condition cannot be an essential container"),
        (containers(&[on("c1", "COMPLETE"), json!({})]), CLIENT, "condition cannot be an essential container"),
        (containers(&[on("c1", "DONE"), json!({})]), INVALID, "should be one of [START,COMPLETE,SUCCESS,HEALTHY]"),
        (
            containers(&[
                json!({"dependsOn": [{"containerName": "c1", "condition": "START"}, {"containerName": "c1", "condition": "START"}]}),
                json!({}),
            ]),
            CLIENT,
            "it does so already",
        ),
        (checked(json!({"command": []})), CLIENT, "The command must not be empty."),
        (checked(json!({"command": ["true"]})), CLIENT, "must begin with CMD or CMD-SHELL, not with 'true'"),
        (checked(json!({"command": ["CMD"]})), CLIENT, "Nothing comes after CMD."),
        (checked(json!({"command": ["CMD-SHELL", "a", "b"]})), CLIENT, "CMD-SHELL takes one text."),
        (checked(json!({})), INVALID, "\"containerDefinitions[0].healthCheck.command\""),
        (limit("interval", 4), CLIENT, "'interval' must be between 5 and 300"),
        (limit("interval", 301), CLIENT, "'interval' must be between 5 and 300"),
        (limit("timeout", 1), CLIENT, "'timeout' must be between 2 and 60"),
        (limit("timeout", 61), CLIENT, "'timeout' must be between 2 and 60"),
        (limit("retries", 0), CLIENT, "'retries' must be between 1 and 10"),
        (limit("retries", 11), CLIENT, "'retries' must be between 1 and 10"),
        (limit("startPeriod", 301), CLIENT, "'startPeriod' must be between 0 and 300"),
    ]);
}

//! The two images of the repository as one service of the emulator: served, rolled, rolled back (issue 3, acceptance 3).

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::load::Load;
use crate::stand::{CLUSTER, Stand};

/// Both images, their references by digest.
pub(crate) struct Images {
    pub(crate) app: String,
    pub(crate) nginx: String,
}

impl Images {
    pub(crate) fn pushed(stand: &Stand) -> Images {
        Images { app: stand.push("app"), nginx: stand.push("nginx") }
    }
}

fn log(prefix: &str) -> Value {
    json!({ "logDriver": "awslogs", "options": {
        "awslogs-group": "/linkbio/local", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": prefix,
        "mode": "non-blocking", "max-buffer-size": "25m",
    }})
}

/// The task definition of docs/design: nginx waits for a healthy app, roots are read-only, the database is on the file
/// system, the key comes from SSM.
pub(crate) fn register(stand: &Stand, images: &Images, release: &str, command: &[&str]) -> String {
    let app = json!({
        "name": "app", "image": images.app, "essential": true, "memory": 384, "readonlyRootFilesystem": true,
        "command": command,
        "environment": [
            { "name": "SLIPWAY_ENVIRONMENT", "value": "local" },
            { "name": "SLIPWAY_RELEASE", "value": release },
            { "name": "ALLOWED_HOSTS", "value": "127.0.0.1" },
            { "name": "DATABASE_URL", "value": "sqlite:////data/db.sqlite3" },
        ],
        "secrets": [{ "name": "SECRET_KEY", "valueFrom": "/linkbio/local/SECRET_KEY" }],
        "mountPoints": [{ "sourceVolume": "data", "containerPath": "/data" }, { "sourceVolume": "app-tmp", "containerPath": "/tmp" }],
        "healthCheck": { "command": ["CMD", "uwsgi", "--ping", "127.0.0.1:8000", "--ping-timeout", "3"],
            "interval": 5, "timeout": 5, "retries": 3, "startPeriod": 30 },
        "stopTimeout": 40, "logConfiguration": log("web"),
        "systemControls": [{ "namespace": "net.core.somaxconn", "value": "1024" }],
    });
    let nginx = json!({
        "name": "nginx", "image": images.nginx, "essential": true, "memory": 96, "readonlyRootFilesystem": true,
        "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }],
        "dependsOn": [{ "containerName": "app", "condition": "HEALTHY" }],
        "mountPoints": [{ "sourceVolume": "nginx-tmp", "containerPath": "/tmp" }],
        "healthCheck": { "command": ["CMD-SHELL", "wget -q -O /dev/null http://127.0.0.1:8080/healthz/live || exit 1"],
            "interval": 5, "timeout": 5, "retries": 3, "startPeriod": 10 },
        "stopTimeout": 60, "logConfiguration": log("web"),
    });
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/linkbio-{name}");
    let registered = stand.ecs("RegisterTaskDefinition", &json!({
        "family": "linkbio", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": role("execution"), "taskRoleArn": role("task"),
        "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        "volumes": [
            { "name": "data", "efsVolumeConfiguration": { "fileSystemId": "fs-00000001" } },
            { "name": "app-tmp" }, { "name": "nginx-tmp" },
        ],
        "containerDefinitions": [app, nginx],
    }));
    registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap().to_owned()
}

fn network() -> Value {
    json!({ "awsvpcConfiguration": { "subnets": ["subnet-00000001"], "securityGroups": ["sg-00000001"], "assignPublicIp": "ENABLED" } })
}

/// A one-off task of the revision with another command of the app, to its end.
pub(crate) fn run_once(stand: &Stand, revision: &str, command: &[&str]) {
    let begun = stand.ecs(
        "RunTask",
        &json!({
            "cluster": CLUSTER, "taskDefinition": revision, "launchType": "FARGATE", "networkConfiguration": network(),
            "overrides": { "containerOverrides": [{ "name": "app", "command": command }] },
        }),
    );
    assert_eq!(begun["failures"], json!([]));
    let task = begun["tasks"][0]["taskArn"].as_str().unwrap();
    let limit = Instant::now() + Duration::from_secs(180);
    loop {
        let task = stand.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": [task] }))["tasks"][0].clone();
        if task["lastStatus"] == "STOPPED" {
            let containers = task["containers"].as_array().unwrap();
            let app = containers.iter().find(|container| container["name"] == "app").unwrap();
            assert_eq!(app["exitCode"], 0, "{command:?}: {task:#}");
            return;
        }
        assert!(Instant::now() < limit, "{command:?} never ended: {task:#}");
        thread::sleep(Duration::from_millis(300));
    }
}

/// The service behind the load balancer, with one task that is healthy and a database that has a page.
pub(crate) fn serve(stand: &Stand, images: &Images) -> String {
    let revision = register(stand, images, "release-one", &["serve"]);
    run_once(stand, &revision, &["migrate"]);
    run_once(stand, &revision, &["manage", "seed_demo"]);
    stand.ecs("CreateService", &json!({
        "cluster": CLUSTER, "serviceName": "linkbio", "taskDefinition": revision, "desiredCount": 1, "launchType": "FARGATE",
        "networkConfiguration": network(), "healthCheckGracePeriodSeconds": 60,
        "loadBalancers": [{ "targetGroupArn": stand.target_group(), "containerName": "nginx", "containerPort": 8080 }],
        "deploymentConfiguration": {
            "minimumHealthyPercent": 100, "maximumPercent": 200,
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        },
    }));
    stand.wait("a service that is up", |service| settled_on(service, &revision));
    revision
}

/// One deployment, of this revision, and complete.
pub(crate) fn settled_on(service: &Value, revision: &str) -> bool {
    let deployments = service["deployments"].as_array().map_or(0, Vec::len);
    let primary = &service["deployments"][0];
    deployments == 1 && primary["taskDefinition"] == revision && primary["rolloutState"] == "COMPLETED"
}

fn release(stand: &Stand) -> String {
    stand.get("/healthz/ready").unwrap().body
}

#[test]
fn both_images_serve_as_one_task_roll_without_a_failed_request_and_roll_back_by_the_breaker() {
    let stand = Stand::started();
    let images = Images::pushed(&stand);
    let first = serve(&stand, &images);

    // Page, hashed static file, admin.
    let page = stand.get("/@ada").unwrap();
    assert!(page.status == 200 && page.body.contains("Ada"), "{} {}", page.status, page.body);
    let style = page.body.split(['"', '\'']).find(|part| part.starts_with("/static/") && part.ends_with(".css"));
    let stylesheet = stand.get(style.expect("the page names its stylesheet")).unwrap();
    assert_eq!(stylesheet.status, 200);
    assert!(stylesheet.header("cache-control").is_some_and(|value| value.contains("immutable")), "{}", stylesheet.head);
    let login = stand.get("/admin/login/").unwrap();
    assert!(login.status == 200 && login.body.contains("csrfmiddlewaretoken"), "{}", login.body);
    assert!(release(&stand).contains("release-one"));
    // The engine hands a line on a moment after the response.
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let lines = stand.json(&["local", "logs", "--container", "nginx"]);
        assert_eq!(lines.code, 0, "{}", lines.stderr);
        if lines.events.iter().any(|event| event["message"].as_str().is_some_and(|line| line.contains("/@ada"))) {
            break;
        }
        assert!(Instant::now() < deadline, "the request is not in the log: {:?}", lines.events);
    }

    // A second revision, under load.
    let second = register(&stand, &images, "release-two", &["serve"]);
    let load = Load::start(&stand);
    stand.ecs("UpdateService", &json!({ "cluster": CLUSTER, "service": "linkbio", "taskDefinition": second }));
    stand.wait("the second revision", |service| settled_on(service, &second));
    assert!(release(&stand).contains("release-two"));
    let served = load.end();
    assert!(served > 20, "only {served} pages were requested while the service rolled");

    // One that crashes: AWS's formula gives 3 failures for a desired count of 1 (half of it, within 3 and 200).
    let broken = register(&stand, &images, "release-three", &["sh", "-c", "echo the words of a crash; exit 3"]);
    let load = Load::start(&stand);
    stand.ecs("UpdateService", &json!({ "cluster": CLUSTER, "service": "linkbio", "taskDefinition": broken }));
    stand.wait("a deployment of the broken revision", |service| {
        service["deployments"].as_array().is_some_and(|all| all.iter().any(|one| one["taskDefinition"] == broken))
    });
    stand.wait("the roll-back", |service| settled_on(service, &second));
    assert!(release(&stand).contains("release-two"));
    load.end();
    let listed = stand.ecs("ListServiceDeployments", &json!({ "cluster": CLUSTER, "service": "linkbio" }));
    let latest = &listed["serviceDeployments"][0];
    assert_eq!(latest["status"], "ROLLBACK_SUCCESSFUL", "{listed:#}");
    let described =
        stand.ecs("DescribeServiceDeployments", &json!({ "serviceDeploymentArns": [latest["serviceDeploymentArn"]] }));
    let breaker = &described["serviceDeployments"][0]["deploymentCircuitBreaker"];
    assert_eq!((&breaker["status"], &breaker["threshold"]), (&json!("TRIGGERED"), &json!(3)), "{described:#}");
    let stopped =
        stand.ecs("ListTasks", &json!({ "cluster": CLUSTER, "family": "linkbio", "desiredStatus": "STOPPED" }));
    let stopped = stand.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": stopped["taskArns"] }));
    let crashed = stopped["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|task| task["taskDefinitionArn"] == broken)
        .collect::<Vec<_>>();
    assert!(crashed.len() >= 3, "{} tasks of the broken revision", crashed.len());
    for task in crashed {
        assert_eq!(task["stoppedReason"], "Essential container in task exited", "{task:#}");
    }
    assert_ne!(first, second);
}

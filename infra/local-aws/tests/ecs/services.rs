//! Services: created, changed, described, listed, deleted.

use local_aws::store::task::TaskStatus;
use serde_json::{Value, json};

use crate::emulator::{ARN, CLUSTER, Local, merge, network, service};

fn started() -> Local {
    let local = Local::new();
    local.register("web", &json!({}));
    local
}

fn update(local: &Local, change: &Value) -> Value {
    let mut input = json!({"cluster": CLUSTER, "service": "web"});
    merge(&mut input, change);
    local.ok("UpdateService", &input)["service"].clone()
}

fn deployments(service: &Value) -> Vec<&Value> {
    service["deployments"].as_array().unwrap().iter().map(|deployment| &deployment["id"]).collect()
}

#[test]
fn a_service_is_created_with_a_deployment() {
    let local = started();
    let balancers = json!([{"targetGroupArn": local.group(), "containerName": "web", "containerPort": 8080}]);
    let change = json!({
        "loadBalancers": balancers, "healthCheckGracePeriodSeconds": 60, "tags": [{"key": "k", "value": "v"}],
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
    });
    let made = local.create("web", "web", &change);
    let wanted = json!({
        "serviceArn": format!("{ARN}:service/main/web"), "clusterArn": format!("{ARN}:cluster/main"), "status": "ACTIVE",
        "desiredCount": 2, "runningCount": 0, "pendingCount": 0, "launchType": "FARGATE", "loadBalancers": balancers,
        "taskDefinition": format!("{ARN}:task-definition/web:1"), "healthCheckGracePeriodSeconds": 60,
        "schedulingStrategy": "REPLICA", "tags": [{"key": "k", "value": "v"}], "propagateTags": "NONE",
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}, "maximumPercent": 200,
            "minimumHealthyPercent": 100, "strategy": "ROLLING", "bakeTimeInMinutes": 0},
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "DISABLED"}},
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    let deployment = &made["deployments"][0];
    assert_eq!((&deployment["status"], &deployment["rolloutState"]), (&json!("PRIMARY"), &json!("IN_PROGRESS")));
    assert_eq!((&deployment["desiredCount"], &deployment["launchType"]), (&json!(2), &json!("FARGATE")));
    assert!(local.describe("web").get("tags").is_none());
    let again = service("web", "web", &change);
    local.refused("CreateService", &again, "InvalidParameterException", "Creation of service was not idempotent.");
}

#[test]
fn what_a_service_cannot_be() {
    let local = started();
    local.register("two", &json!({"containerDefinitions": [{"name": "a", "image": "busybox"}]}));
    local.register("stranger", &json!({"taskRoleArn": "stranger"}));
    let on = |container: &str, port: u16| json!([{"targetGroupArn": local.group(), "containerName": container, "containerPort": port}]);
    let nowhere = json!([{"targetGroupArn": "arn:none", "containerName": "web", "containerPort": 8080}]);
    let rollout = |members: Value| json!({"deploymentConfiguration": members});
    let (invalid, client, unsupported) =
        ("InvalidParameterException", "ClientException", "UnsupportedFeatureException");
    let cases = [
        (json!({"cluster": "none"}), "ClusterNotFoundException", "Cluster not found."),
        (json!({"serviceName": "no spaces"}), invalid, "Service name must"),
        (json!({"taskDefinition": "none"}), client, "TaskDefinition not found."),
        (json!({"taskDefinition": null}), invalid, "TaskDefinition can not be blank."),
        (json!({"desiredCount": null}), invalid, "Desired count can not be null."),
        (json!({"desiredCount": -1}), invalid, "desiredCount: invalid value"),
        (json!({"desiredCount": 5001}), invalid, "desiredCount can not be greater than 5000"),
        (
            json!({"networkConfiguration": null}),
            invalid,
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ),
        (
            json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
            invalid,
            "subnets can not be empty.",
        ),
        (
            json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "YES"}}}),
            invalid,
            "assignPublicIp",
        ),
        (json!({"launchType": null}), invalid, "No Container Instances were found in your cluster."),
        (json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}), invalid, "but not both"),
        (
            json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "mine", "weight": 1}]}),
            unsupported,
            "mine",
        ),
        (
            json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
            invalid,
            "weight above 0",
        ),
        (json!({"loadBalancers": nowhere}), invalid, "target group does not exist"),
        (
            json!({"loadBalancers": on("none", 8080)}),
            invalid,
            "The container none does not exist in the task definition.",
        ),
        (
            json!({"loadBalancers": on("web", 81)}),
            invalid,
            "The container web did not have a container port 81 defined.",
        ),
        (json!({"loadBalancers": [{"loadBalancerName": "classic"}]}), unsupported, "loadBalancers[0].loadBalancerName"),
        (json!({"healthCheckGracePeriodSeconds": 5}), invalid, "Health check grace period is only valid"),
        (rollout(json!({"maximumPercent": 100})), invalid, "cannot be 100 as this will block deployments"),
        (rollout(json!({"strategy": "BLUE_GREEN"})), unsupported, "BLUE_GREEN"),
        (
            rollout(json!({"alarms": {"enable": true, "rollback": true, "alarmNames": ["a"]}})),
            unsupported,
            "deploymentConfiguration.alarms",
        ),
        (
            rollout(json!({"deploymentCircuitBreaker": {"enable": true}})),
            invalid,
            "\"deploymentConfiguration.deploymentCircuitBreaker.rollback\"",
        ),
        (json!({"deploymentController": {"type": "CODE_DEPLOY"}}), unsupported, "CODE_DEPLOY"),
        (json!({"schedulingStrategy": "DAEMON"}), invalid, "not supported by Fargate"),
        (json!({"serviceRegistries": [{"registryArn": "x"}]}), unsupported, "serviceRegistries"),
        (json!({"serviceConnectConfiguration": {"enabled": true}}), unsupported, "serviceConnectConfiguration"),
        (json!({"propagateTags": "ALL"}), invalid, "propagateTags should be one of"),
        (json!({"taskDefinition": "stranger"}), client, "ECS was unable to assume the role 'stranger'"),
        (json!({"platformVersion": "9.9"}), "PlatformUnknownException", "does not exist"),
        (json!({"colour": "teal"}), invalid, "\"colour\""),
    ];
    for (change, code, part) in cases {
        local.refused("CreateService", &service("web", "web", &change), code, part);
    }
    local.emulator.store.write(|state| state.elb.load_balancers.clear());
    let unheard = service("web", "web", &json!({"loadBalancers": on("web", 8080)}));
    local.refused("CreateService", &unheard, invalid, "does not have an associated load balancer");
    // What is said empty, or is what AWS has anyway, is nothing to refuse.
    local.create("web", "web", &json!({
        "serviceRegistries": [], "placementStrategy": [], "deploymentController": {"type": "ECS"}, "platformVersion": "LATEST",
        "serviceConnectConfiguration": {"enabled": false}, "deploymentConfiguration": {"alarms": {"alarmNames": [], "enable": false, "rollback": false}},
    }));
}

#[test]
fn only_what_tasks_are_made_of_makes_a_new_deployment() {
    let local = started();
    let first = local.create("web", "web", &json!({}));
    local.register("web", &json!({}));
    let quiet = [
        json!({"desiredCount": 3}),
        json!({"taskDefinition": "web:1"}),
        json!({"deploymentConfiguration": {"minimumHealthyPercent": 50}}),
        json!({"networkConfiguration": network()}),
        json!({"enableExecuteCommand": true, "propagateTags": "SERVICE", "enableECSManagedTags": true}),
        json!({"loadBalancers": []}),
        json!({}),
    ];
    for change in quiet {
        assert_eq!(deployments(&update(&local, &change)), deployments(&first), "{change}");
    }
    let now = local.describe("web");
    assert_eq!((&now["desiredCount"], &now["propagateTags"]), (&json!(3), &json!("SERVICE")));
    assert_eq!(now["deploymentConfiguration"]["minimumHealthyPercent"], 50);
    assert_eq!(now["deploymentConfiguration"]["maximumPercent"], 200);

    let balancers = json!([{"targetGroupArn": local.group(), "containerName": "web", "containerPort": 8080}]);
    let loud = [
        json!({"taskDefinition": "web"}),
        json!({"forceNewDeployment": true}),
        json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-2"]}}}),
        json!({"loadBalancers": balancers, "healthCheckGracePeriodSeconds": 30}),
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], "forceNewDeployment": true}),
    ];
    let mut newest = deployments(&now)[0].clone();
    for change in loud {
        let after = update(&local, &change);
        let primary = &after["deployments"][0];
        assert_eq!(primary["status"], "PRIMARY");
        assert_ne!(primary["id"], newest, "{change}");
        newest = primary["id"].clone();
    }
    let last = local.describe("web");
    assert_eq!(last["taskDefinition"], format!("{ARN}:task-definition/web:2"));
    assert!(last.get("launchType").is_none());
    assert_eq!(last["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
}

#[test]
fn what_a_service_cannot_become() {
    let local = started();
    local.create("web", "web", &json!({}));
    let invalid = "InvalidParameterException";
    let cases = [
        (json!({"service": "none"}), "ServiceNotFoundException", "Service not found."),
        (json!({"cluster": "none"}), "ClusterNotFoundException", "Cluster not found."),
        (
            json!({"service": format!("{ARN}:service/other/web")}),
            invalid,
            "Identifier is for cluster other. Your cluster is main",
        ),
        (json!({"taskDefinition": "none:1"}), "ClientException", "TaskDefinition not found."),
        (json!({"healthCheckGracePeriodSeconds": 5}), invalid, "Health check grace period"),
        (
            json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
            invalid,
            "forceNewDeployment must be true",
        ),
        (json!({"deploymentConfiguration": {"maximumPercent": 100}}), invalid, "block deployments"),
        (json!({"desiredCount": "2"}), "SerializationException", "desiredCount"),
        (json!({"serviceName": "web"}), invalid, "\"serviceName\""),
    ];
    for (change, code, part) in cases {
        let mut input = json!({"cluster": CLUSTER, "service": "web"});
        merge(&mut input, &change);
        local.refused("UpdateService", &input, code, part);
    }
}

#[test]
fn services_are_described_with_counts_from_their_tasks() {
    let local = started();
    local.create("web", "web", &json!({}));
    local.create("other", "web", &json!({}));
    local.add_task("web", TaskStatus::Running);
    local.add_task("web", TaskStatus::Stopping);
    let ending = local.add_task("web", TaskStatus::Running);
    local.add_task("other", TaskStatus::Running);
    update(&local, &json!({"forceNewDeployment": true}));
    local.add_task("web", TaskStatus::Provisioning);
    local.add_task("web", TaskStatus::Activating);
    local.ok("StopTask", &json!({"cluster": CLUSTER, "task": ending}));
    let found = local.describe("web");
    assert_eq!((&found["runningCount"], &found["pendingCount"]), (&json!(2), &json!(2)));
    let counts = |index: usize| {
        ["desiredCount", "runningCount", "pendingCount"].map(|name| found["deployments"][index][name].as_u64().unwrap())
    };
    assert_eq!(counts(0), [2, 0, 2]);
    assert_eq!(counts(1), [1, 2, 0]);

    let by_arn = json!({"cluster": CLUSTER, "services": [format!("{ARN}:service/main/web"), format!("{ARN}:service/other"), "none"]});
    let answer = local.ok("DescribeServices", &by_arn);
    let names: Vec<_> = answer["services"].as_array().unwrap().iter().map(|one| &one["serviceName"]).collect();
    assert_eq!(names, ["web", "other"]);
    assert_eq!(answer["failures"], json!([{"arn": format!("{ARN}:service/main/none"), "reason": "MISSING"}]));
    let invalid = "InvalidParameterException";
    local.refused(
        "DescribeServices",
        &json!({"cluster": CLUSTER, "services": []}),
        invalid,
        "Services cannot be empty.",
    );
    local.refused(
        "DescribeServices",
        &json!({"cluster": CLUSTER, "services": vec!["web"; 11]}),
        invalid,
        "more than 10",
    );
    local.refused("DescribeServices", &json!({"services": ["web"]}), "ClusterNotFoundException", "Cluster not found.");
}

#[test]
fn services_are_listed_in_pages() {
    let local = started();
    for number in 0..23 {
        local.create(&format!("s{number:02}"), "web", &json!({"desiredCount": 0}));
    }
    let (mut sizes, mut seen, mut input) = (Vec::new(), Vec::new(), json!({"cluster": CLUSTER}));
    loop {
        let answer = local.ok("ListServices", &input);
        let arns = answer["serviceArns"].as_array().unwrap().clone();
        sizes.push(arns.len());
        seen.extend(arns);
        let Some(token) = answer.get("nextToken") else { break };
        input["nextToken"] = token.clone();
    }
    assert_eq!(sizes, [10, 10, 3]);
    let wanted: Vec<_> = (0..23).map(|number| json!(format!("{ARN}:service/main/s{number:02}"))).collect();
    assert_eq!(seen, wanted);
    let count = |filter: Value| {
        let mut input = json!({"cluster": CLUSTER, "maxResults": 100});
        merge(&mut input, &filter);
        local.ok("ListServices", &input)["serviceArns"].as_array().unwrap().len()
    };
    assert_eq!((count(json!({"launchType": "FARGATE"})), count(json!({"launchType": "EC2"}))), (23, 0));
    assert_eq!(
        (count(json!({"schedulingStrategy": "REPLICA"})), count(json!({"schedulingStrategy": "DAEMON"}))),
        (23, 0)
    );
}

#[test]
fn a_service_is_deleted_once_nothing_is_wanted_of_it() {
    let local = started();
    local.create("web", "web", &json!({}));
    let delete = json!({"cluster": CLUSTER, "service": "web"});
    local.refused(
        "DeleteService",
        &delete,
        "InvalidParameterException",
        "cannot be stopped while it is scaled above 0",
    );
    let gone = local.ok("DeleteService", &json!({"cluster": CLUSTER, "service": "web", "force": true}));
    assert_eq!((&gone["service"]["status"], &gone["service"]["desiredCount"]), (&json!("DRAINING"), &json!(0)));
    let update = json!({"cluster": CLUSTER, "service": "web", "desiredCount": 1});
    local.refused("UpdateService", &update, "ServiceNotActiveException", "Service was not ACTIVE.");
    let create = service("web", "web", &json!({}));
    local.refused(
        "CreateService",
        &create,
        "InvalidParameterException",
        "Unable to Start a service that is still Draining.",
    );
    // The scheduler is through with it.
    local.emulator.store.write(|state| state.ecs.services.get_mut("main/web").unwrap().status = "INACTIVE".into());
    assert_eq!(local.describe("web")["status"], "INACTIVE");
    assert_eq!(local.ok("ListServices", &json!({"cluster": CLUSTER}))["serviceArns"], json!([]));
    local.refused("DeleteService", &delete, "ServiceNotFoundException", "Service not found.");
    assert_eq!(local.create("web", "web", &json!({}))["status"], "ACTIVE");
}

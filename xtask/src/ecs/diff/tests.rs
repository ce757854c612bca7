//! Tests: documents equal AWS's responses to them, and each change has a path.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Change, service_changes, task_definition_changes, unknown_members, unknown_members_of_service};
use crate::ecs::{Revision, Service, ServiceDocument, TaskDefinition};

/// Inputs of the local AWS emulator, and its descriptions of them.
const ANSWERS: &str = include_str!("../../../tests/documents/answers.json");

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn answers(of: &str) -> Vec<(Value, Value)> {
    let answers: Value = serde_json::from_str(ANSWERS).unwrap();
    let pairs = answers[of].as_array().unwrap().clone();
    assert!(pairs.len() > 2);
    pairs.into_iter().map(|pair| (pair["given"].clone(), pair["answer"].clone())).collect()
}

fn desired(document: &Value) -> TaskDefinition {
    TaskDefinition::from_document(object(document)).unwrap()
}

fn revision(answer: &Value) -> Revision {
    let tags = answer["tags"].as_array().into_iter().flatten();
    let tags = tags.map(|tag| (tag["key"].as_str().unwrap().to_owned(), tag["value"].as_str().unwrap().to_owned()));
    let document = object(&answer["taskDefinition"]);
    let arn = document["taskDefinitionArn"].as_str().unwrap().to_owned();
    Revision { arn, status: "ACTIVE".to_owned(), document, tags: tags.collect() }
}

fn running(answer: &Value) -> Service {
    Service { document: object(answer), ..Service::deserialize(answer).unwrap() }
}

fn shown(changes: &[Change]) -> Vec<String> {
    changes.iter().map(ToString::to_string).collect()
}

/// Sets `value` at a pointer whose parent exists. `null` removes the member.
fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(elements) if member == "-" => elements.push(value),
        Value::Array(elements) => drop(elements.remove(member.parse::<usize>().unwrap())),
        parent if value.is_null() => drop(parent.as_object_mut().unwrap().shift_remove(member)),
        parent => parent[member] = value,
    }
}

#[test]
fn a_document_and_the_answer_to_it_are_the_same() {
    for (given, answer) in answers("taskDefinitions") {
        let running = revision(&answer);
        assert_eq!(shown(&task_definition_changes(&desired(&given), &running)), [""; 0], "{}", running.arn);
        assert_eq!(unknown_members(&running), [""; 0]);
        // The response itself as a template.
        let Value::Object(document) = &answer["taskDefinition"] else { panic!() };
        let answered = TaskDefinition::from_document(document.clone()).unwrap();
        assert_eq!(shown(&task_definition_changes(&answered, &running)), [""; 0], "{}", running.arn);
    }
    for (given, answer) in answers("services") {
        let running = running(&answer);
        let desired = ServiceDocument::from_document(object(&given)).unwrap();
        assert_eq!(shown(&service_changes(&desired, &running)), [""; 0], "{}", running.service_name);
        assert_eq!(unknown_members_of_service(&running), [""; 0]);
    }
}

#[test]
fn order_of_members_and_elements_with_names_is_no_change() {
    for (given, answer) in answers("taskDefinitions") {
        let turned = desired(&turned(&given));
        let lists_with_order = ["command", "entryPoint"];
        let changes = task_definition_changes(&turned, &revision(&answer));
        let other: Vec<&Change> =
            changes.iter().filter(|change| !lists_with_order.iter().any(|list| change.path.ends_with(list))).collect();
        assert!(other.is_empty(), "{other:?}");
    }
}

/// Returns the value with its lists and objects in reverse order.
fn turned(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().rev().map(turned).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().rev().map(|(name, value)| (name.clone(), turned(value))).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn each_change_of_a_task_definition_is_named() {
    fn check(pointer: &str, value: Value, expected: &[&str]) {
        let (mut given, answer) = answers("taskDefinitions").swap_remove(1);
        put(&mut given, pointer, value);
        assert_eq!(shown(&task_definition_changes(&desired(&given), &revision(&answer))), expected, "{pointer}");
    }
    let app = "/containerDefinitions/1";
    check("/cpu", json!("1024"), &["task.cpu: 512 → 1024"]);
    check("/cpu", json!("512"), &[]);
    check("/tags/-", json!({ "key": "who", "value": "me" }), &["task.tags.who: (none) → me"]);
    check("/tags/0", Value::Null, &[]);
    check("/volumes/0", Value::Null, &["task.volumes.shared: {} → (none)"]);
    check("/runtimePlatform/cpuArchitecture", Value::Null, &["task.runtimePlatform.cpuArchitecture: ARM64 → X86_64"]);
    check("/pidMode", json!("task"), &["task.pidMode: (none) → task"]);
    check(&format!("{app}/image"), json!("app:2"), &[&format!("app.image: app@sha256:{} → app:2", "0".repeat(64))]);
    check(&format!("{app}/user"), Value::Null, &["app.user: 1000:1000 → (none)"]);
    check(&format!("{app}/entryPoint/-"), json!("-c"), &[r#"app.entryPoint: ["sh"] → ["sh", "-c"]"#]);
    check(
        &format!("{app}/environment/-"),
        json!({ "name": "LOG_LEVEL", "value": "" }),
        &["app.environment.LOG_LEVEL: (none) → \"\""],
    );
    check(&format!("{app}/environment/0"), Value::Null, &["app.environment.B: 1 → (none)"]);
    check(&format!("{app}/essential"), json!(false), &["app.essential: true → false"]);
    check(&format!("{app}/essential"), json!(true), &[]);
    check(&format!("{app}/healthCheck/retries"), json!(4), &["app.healthCheck.retries: 3 → 4"]);
    check(
        &format!("{app}/healthCheck"),
        Value::Null,
        &[
            r#"app.healthCheck.command: ["CMD-SHELL", "true || exit 1"] → (none)"#,
            "app.healthCheck.interval: 30 → (none)",
            "app.healthCheck.retries: 3 → (none)",
            "app.healthCheck.startPeriod: 0 → (none)",
            "app.healthCheck.timeout: 5 → (none)",
        ],
    );
    check(&format!("{app}/mountPoints/1/readOnly"), Value::Null, &["app.mountPoints./kept.readOnly: true → false"]);
    check(
        "/containerDefinitions/2/portMappings/0/containerPort",
        json!(8081),
        &[
            "front.portMappings.8080/tcp.appProtocol: http → (none)",
            "front.portMappings.8080/tcp.hostPort: 8080 → (none)",
            "front.portMappings.8080/tcp.name: http → (none)",
            "front.portMappings.8081/tcp.appProtocol: (none) → http",
            "front.portMappings.8081/tcp.hostPort: (none) → 8081",
            "front.portMappings.8081/tcp.name: (none) → http",
        ],
    );
    check("/containerDefinitions/2/dockerLabels/a.b", json!("d"), &["front.dockerLabels.a.b: c → d"]);
    check("/containerDefinitions/2/dependsOn/0/condition", json!("START"), &["front.dependsOn.app: HEALTHY → START"]);
    check(
        "/containerDefinitions/0",
        Value::Null,
        &[
            r#"init.command: ["true"] → (none)"#,
            "init.cpu: 0 → (none)",
            "init.disableNetworking: false → (none)",
            "init.essential: false → (none)",
            "init.image: busybox → (none)",
            "init.interactive: false → (none)",
            "init.privileged: false → (none)",
            "init.pseudoTerminal: false → (none)",
            "init.readonlyRootFilesystem: false → (none)",
            "init.versionConsistency: enabled → (none)",
        ],
    );
}

#[test]
fn each_change_of_a_service_is_named() {
    fn check(pair: usize, pointer: &str, value: Value, expected: &[&str]) -> Vec<Change> {
        let (mut given, answer) = answers("services").swap_remove(pair);
        put(&mut given, pointer, value);
        let desired = ServiceDocument::from_document(object(&given)).unwrap();
        let changes = service_changes(&desired, &running(&answer));
        assert_eq!(shown(&changes), expected, "{pointer}");
        changes
    }
    check(0, "/desiredCount", json!(3), &["service.desiredCount: 1 → 3"]);
    check(0, "/healthCheckGracePeriodSeconds", Value::Null, &[]);
    check(
        0,
        "/loadBalancers/0/containerPort",
        json!(8081),
        &[
            "service.loadBalancers.nginx/8080.targetGroupArn: TARGET → (none)",
            "service.loadBalancers.nginx/8081.targetGroupArn: (none) → TARGET",
        ]
        .map(|line| {
            line.replace("TARGET", answers("services")[0].0["loadBalancers"][0]["targetGroupArn"].as_str().unwrap())
        })
        .each_ref()
        .map(String::as_str),
    );
    check(0, "/deploymentConfiguration/strategy", Value::Null, &[]);
    check(
        0,
        "/deploymentConfiguration/deploymentCircuitBreaker/rollback",
        json!(false),
        &["service.deploymentConfiguration.deploymentCircuitBreaker.rollback: true → false"],
    );
    check(
        0,
        "/networkConfiguration/awsvpcConfiguration/assignPublicIp",
        Value::Null,
        &["service.networkConfiguration.awsvpcConfiguration.assignPublicIp: ENABLED → DISABLED"],
    );
    check(0, "/platformVersion", json!("1.3.0"), &["service.platformVersion: 1.4.0 → 1.3.0"]);
    check(
        0,
        "/serviceConnectConfiguration",
        json!({ "enabled": true }),
        &["service.serviceConnectConfiguration.enabled: (none) → true"],
    );
    check(0, "/role", json!("AWSServiceRoleForECS"), &[]);
    check(1, "/networkConfiguration/awsvpcConfiguration/subnets", json!(["subnet-00000001", "subnet-00000002"]), &[]);
    check(
        1,
        "/networkConfiguration/awsvpcConfiguration/subnets/0",
        Value::Null,
        &[
            r#"service.networkConfiguration.awsvpcConfiguration.subnets: ["subnet-00000001", "subnet-00000002"] → ["subnet-00000001"]"#,
        ],
    );
    let tag = check(2, "/tags/0/value", json!("us"), &["service.tags.team: links → us"]);
    assert!(tag[0].is_tag_of_service() && !tag[0].needs_new_service());
    let launch = check(2, "/launchType", json!("FARGATE"), &["service.launchType: (none) → FARGATE"]);
    assert!(launch[0].needs_new_service() && !launch[0].is_tag_of_service());
    let share = check(
        2,
        "/capacityProviderStrategy/0/weight",
        json!(2),
        &["service.capacityProviderStrategy.FARGATE_SPOT.weight: 1 → 2"],
    );
    assert!(share[0].forces_deployment() && !share[0].needs_new_service());
    let role = Change { path: "app.user".to_owned(), before: None, after: None };
    assert!(!role.needs_new_service() && !role.is_tag_of_service() && !role.forces_deployment());
}

#[test]
fn what_runs_and_is_not_known_is_listed_and_not_compared() {
    let (given, mut answer) = answers("taskDefinitions").swap_remove(0);
    answer["taskDefinition"]["containerDefinitions"][0]["shiny"] = json!({ "new": true });
    let running = revision(&answer);
    assert_eq!(unknown_members(&running), ["containerDefinitions[0].shiny"]);
    assert_eq!(shown(&task_definition_changes(&desired(&given), &running)), [""; 0]);
    let document = object(&json!({ "shiny": 1, "deployments": [{ "id": "a", "bright": 2 }] }));
    let service = Service { document, tags: BTreeMap::new(), ..Service::default() };
    assert_eq!(unknown_members_of_service(&service), ["shiny", "deployments[0].bright"]);
}

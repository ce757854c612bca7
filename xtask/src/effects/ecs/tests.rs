//! Tests with responses in ECS's format, and of the requests that are sent.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    NotRun, TaskFilter, create_service, describe_service, describe_services, describe_task_definition, describe_tasks,
    list_task_definitions, list_tasks, register_task_definition, run_task, update_service,
};
use crate::effects::aws::Why;
use crate::effects::aws::scripted::{Scene, Scripted};
use crate::error::hints_of;

fn document(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn described(body: &'static str) -> Option<crate::ecs::Service> {
    let server = Scripted::new(&[Scene::Answer(200, body)]);
    describe_service(&server.aws(), "main", "web").unwrap()
}

#[test]
fn a_service_with_its_tags_and_all_that_is_not_known_here() {
    let service = described(
        r#"{"services":[{"serviceName":"web","status":"ACTIVE","desiredCount":2,"platformVersion":null,"brandNew":{"a":1},
           "deployments":[{"id":"ecs-svc/1","status":"PRIMARY","rolloutState":"COMPLETED"}],
           "tags":[{"key":"team","value":"shop"}]}],"failures":[]}"#,
    );
    let service = service.unwrap();
    assert_eq!((service.service_name.as_str(), service.desired_count), ("web", 2));
    assert_eq!(service.tags, BTreeMap::from([("team".to_owned(), "shop".to_owned())]));
    assert_eq!(service.document["brandNew"], json!({ "a": 1 }));
    assert!(!service.document.contains_key("platformVersion"));
}

#[test]
fn describes_services_ten_at_a_time_without_deleted_ones() {
    let pages = [
        r#"{"services":[{"serviceName":"s0","status":"ACTIVE"},{"serviceName":"s1","status":"INACTIVE"}],"failures":[]}"#,
        r#"{"services":[{"serviceName":"s10","status":"DRAINING"}],"failures":[]}"#,
    ];
    let server = Scripted::new(&pages.map(|page| Scene::Answer(200, page)));
    let names: Vec<String> = (0..11).map(|number| format!("s{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let services = describe_services(&server.aws(), "main", &names).unwrap();
    let found: Vec<&str> = services.iter().map(|service| service.service_name.as_str()).collect();
    assert_eq!(found, ["s0", "s10"]);
    assert_eq!(server.asked().json()["services"].as_array().unwrap().len(), 10);
    assert_eq!(server.asked().json()["services"], json!(["s10"]));
}

#[test]
fn services_that_are_not_there() {
    assert_eq!(described(r#"{"services":[],"failures":[{"arn":"a","reason":"MISSING"}]}"#), None);
    assert_eq!(described(r#"{"services":[{"serviceName":"web","status":"INACTIVE"}],"failures":[]}"#), None);
    assert!(described(r#"{"services":[{"serviceName":"web","status":"DRAINING"}],"failures":[]}"#).is_some());
}

#[test]
fn a_task_definition_that_is_not_there() {
    let absent = r#"{"__type":"ClientException","message":"Unable to describe task definition."}"#;
    let other = r#"{"__type":"ClientException","message":"Invalid revision number."}"#;
    let server = Scripted::new(&[Scene::Answer(400, absent), Scene::Answer(400, other)]);
    let aws = server.aws();
    assert_eq!(describe_task_definition(&aws, "shop").unwrap(), None);
    assert!(describe_task_definition(&aws, "shop:x").is_err());
}

#[test]
fn lists_are_read_to_their_end_or_to_what_is_wanted() {
    let server = Scripted::new(&[
        Scene::Answer(200, r#"{"taskArns":["1","2"],"nextToken":"n"}"#),
        Scene::Answer(200, r#"{"taskArns":["3"]}"#),
        Scene::Answer(200, r#"{"taskDefinitionArns":["f:9","f:8","f:7"],"nextToken":"n"}"#),
    ]);
    let aws = server.aws();
    let filter = TaskFilter { service: Some("web"), desired_status: Some("STOPPED"), ..TaskFilter::default() };
    assert_eq!(list_tasks(&aws, "main", &filter).unwrap(), ["1", "2", "3"]);
    assert_eq!(list_task_definitions(&aws, "f", 2).unwrap(), ["f:9", "f:8"]);
    let first = json!({ "cluster": "main", "serviceName": "web", "desiredStatus": "STOPPED" });
    assert_eq!(server.asked().json(), first);
    assert_eq!(server.asked().json()["nextToken"], "n");
    assert_eq!(server.asked().json()["maxResults"], 2);
}

#[test]
fn a_revision_is_registered_as_its_document_says_with_further_tags() {
    let body = r#"{"taskDefinition":{"taskDefinitionArn":"arn:x:task-definition/shop:7","status":"ACTIVE","brandNew":true},
                   "tags":[{"key":"release","value":"abc"}]}"#;
    let server = Scripted::new(&[Scene::Answer(200, body), Scene::Answer(200, body)]);
    let aws = server.aws();
    let given = document(&json!({ "family": "shop", "brandNew": true, "tags": [{ "key": "team", "value": "x" }] }));
    let tags = BTreeMap::from([("release".to_owned(), "abc".to_owned())]);
    let revision = register_task_definition(&aws, &given, &tags).unwrap();
    assert_eq!((revision.short(), &revision.tags), ("shop:7", &tags));
    assert_eq!(revision.document["brandNew"], true);
    let tags = json!([{ "key": "release", "value": "abc" }, { "key": "team", "value": "x" }]);
    assert_eq!(server.asked().json(), json!({ "family": "shop", "brandNew": true, "tags": tags }));
    register_task_definition(&aws, &document(&json!({ "family": "shop" })), &BTreeMap::new()).unwrap();
    assert_eq!(server.asked().json(), json!({ "family": "shop" }));
}

/// The members are unknown to the SDK's version, at the top level and nested.
#[test]
fn keeps_unknown_members_of_a_task_definition() {
    let sent = json!({ "family": "shop", "quantumMode": { "qubits": 8 }, "containerDefinitions": [
        { "name": "app", "image": "a", "teleport": ["x"], "portMappings": [{ "containerPort": 80, "warp": 1.5 }] },
    ]});
    let mut shown = sent.clone();
    shown["taskDefinitionArn"] = json!("arn:x:task-definition/shop:1");
    let body = json!({ "taskDefinition": shown }).to_string().leak();
    let server = Scripted::new(&[Scene::Answer(200, body), Scene::Answer(200, body)]);
    let aws = server.aws();
    let registered = register_task_definition(&aws, &document(&sent), &BTreeMap::new()).unwrap();
    let described = describe_task_definition(&aws, "shop").unwrap().unwrap();
    assert_eq!(server.asked().json(), sent);
    assert_eq!((&registered.document, &described.document), (&document(&shown), &document(&shown)));
}

#[test]
fn a_task_or_service_that_is_asked_for_again_is_the_same_one() {
    let server = Scripted::new(&[
        Scene::Lose,
        Scene::Answer(200, r#"{"tasks":[{"taskArn":"arn:x:task/main/1"}],"failures":[]}"#),
        Scene::Lose,
        Scene::Answer(200, r#"{"service":{"serviceName":"web"}}"#),
    ]);
    let aws = server.aws();
    assert_eq!(run_task(&aws, &document(&json!({ "cluster": "main" }))).unwrap().id(), "1");
    assert_eq!(create_service(&aws, &document(&json!({ "serviceName": "web" }))).unwrap().service_name, "web");
    let tokens: Vec<_> = (0..4).map(|_| server.asked().json()["clientToken"].as_str().unwrap().to_owned()).collect();
    assert!(tokens[0] == tokens[1] && tokens[2] == tokens[3] && tokens[0] != tokens[2], "{tokens:?}");
    // AWS's limit for a service.
    assert!(tokens.iter().all(|token| (32..=36).contains(&token.len())));
}

#[test]
fn a_task_that_cannot_be_placed() {
    let failed = r#"{"tasks":[],"failures":[{"arn":"a","reason":"RESOURCE:MEMORY","detail":"too much"}]}"#;
    let server = Scripted::new(&[Scene::Answer(200, failed)]);
    let error = run_task(&server.aws(), &Map::new()).unwrap_err();
    assert!(matches!(&error, NotRun::Failed(failure) if failure.reason == "RESOURCE:MEMORY"), "{error}");
    assert_eq!(error.to_string(), "ECS could not start the task: RESOURCE:MEMORY: too much");
    assert!(hints_of(&error.into()).is_empty());
}

#[test]
fn an_update_is_repeated_unless_it_forces_a_deployment() {
    let done = Scene::Answer(200, r#"{"service":{"serviceName":"web"}}"#);
    let server = Scripted::new(&[Scene::Lose, done, Scene::Lose]);
    let aws = server.aws();
    update_service(&aws, &document(&json!({ "service": "web" }))).unwrap();
    let error = update_service(&aws, &document(&json!({ "service": "web", "forceNewDeployment": true }))).unwrap_err();
    assert!(matches!(error.why, Why::Lost(_)), "{error}");
    assert_eq!(aws.calls().by_action["ecs:UpdateService"], 3);
}

#[test]
fn tasks_are_described_a_hundred_at_a_time_and_forgotten_ones_are_left_out() {
    let server = Scripted::new(&[
        Scene::Answer(
            200,
            r#"{"tasks":[{"taskArn":"x/1","lastStatus":"RUNNING"}],"failures":[{"arn":"x/2","reason":"MISSING"}]}"#,
        ),
        Scene::Answer(200, r#"{"tasks":[{"taskArn":"x/101","lastStatus":"STOPPED"}]}"#),
    ]);
    let aws = server.aws();
    let arns: Vec<_> = (1..=101).map(|number| format!("x/{number}")).collect();
    let tasks = describe_tasks(&aws, "main", &arns).unwrap();
    assert_eq!(
        tasks.iter().map(|task| (task.id(), task.is_stopped())).collect::<Vec<_>>(),
        [("1", false), ("101", true)]
    );
    assert_eq!(server.asked().json()["tasks"].as_array().unwrap().len(), 100);
    assert_eq!(describe_tasks(&aws, "main", &[]).unwrap(), []);
}

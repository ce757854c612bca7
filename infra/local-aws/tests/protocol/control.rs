//! `/_local/`: status, faults on request, the end.

use serde_json::{Value, json};

use crate::daemon::{Daemon, Folder};

fn ask(daemon: &Daemon, method: &str, document: &Value) -> (u16, Value) {
    let body = if document.is_null() { String::new() } else { document.to_string() };
    let answer = daemon.send(method, "/_local/faults", &[], body.as_bytes());
    (answer.status, answer.json())
}

fn fault(daemon: &Daemon, document: &Value) {
    let (status, answer) = ask(daemon, "POST", document);
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn the_status_says_where_and_what() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let said = daemon.send("GET", "/_local/status", &[], b"").json();
    assert_eq!(said["endpoint"], format!("http://{}", daemon.address));
    assert_eq!((&said["registry"], &said["pid"]), (&json!(daemon.address), &json!(daemon.child.id())));
    assert_eq!((&said["region"], &said["account"]), (&json!("eu-central-1"), &json!("123456789012")));
    assert_eq!(said["services"], json!([]));
}

#[test]
fn faults_happen_to_the_call_that_they_are_meant_for_and_are_gone_then() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    fault(&daemon, &json!({ "service": "ssm", "action": "PutParameter", "kind": "throttle", "times": 2 }));
    assert_eq!(daemon.put("/a").error(), (400, "ThrottlingException".to_owned()));
    assert_eq!(daemon.parameters(), [""; 0]);
    assert_eq!(daemon.put("/a").status, 400);
    assert_eq!(daemon.put("/a").status, 200);
    fault(
        &daemon,
        &json!({ "service": "ssm", "kind": "fail", "nth": 2, "code": "InternalServerError", "status": 500 }),
    );
    assert_eq!(daemon.put("/b").status, 200);
    assert_eq!(daemon.put("/c").error(), (500, "InternalServerError".to_owned()));
    assert_eq!(daemon.parameters(), ["/a", "/b"]);
    fault(&daemon, &json!({ "service": "logs", "kind": "throttle" }));
    assert_eq!(ask(&daemon, "GET", &Value::Null).1["faults"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&daemon, "DELETE", &Value::Null), (200, json!({ "faults": [] })));
    assert_eq!(daemon.call("logs", "DescribeLogGroups", &json!({})).status, 200);
}

#[test]
fn connections_end_before_or_after_the_call() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let input = json!({ "Name": "/a", "Value": "v", "Type": "String" });
    fault(&daemon, &json!({ "service": "ssm", "action": "PutParameter", "kind": "drop" }));
    assert!(daemon.try_call("ssm", "PutParameter", &input).is_none());
    assert_eq!(daemon.parameters(), [""; 0]);
    fault(&daemon, &json!({ "service": "ssm", "action": "PutParameter", "kind": "lose-answer" }));
    assert!(daemon.try_call("ssm", "PutParameter", &input).is_none());
    assert_eq!(daemon.parameters(), ["/a"]);
    assert_eq!(daemon.put("/a").error().1, "ParameterAlreadyExists");
}

#[test]
fn documents_that_make_no_sense_are_refused() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    for wrong in [
        json!({}),
        json!([]),
        json!({ "kind": "explode", "service": "ssm" }),
        json!({ "kind": "throttle" }),
        json!({ "kind": "fail", "service": "ssm" }),
        json!({ "kind": "throttle", "service": "ssm", "time": 1 }),
        json!({ "kind": "expire-tokens", "service": "ecr" }),
    ] {
        let (status, answer) = ask(&daemon, "POST", &wrong);
        assert!(status == 400 && answer["message"].is_string(), "{wrong}: {status} {answer}");
    }
    assert_eq!(ask(&daemon, "POST", &json!({ "kind": "kill", "task": "none" })).0, 409);
    assert_eq!(ask(&daemon, "GET", &Value::Null).1, json!({ "faults": [] }));
}

#[test]
fn a_token_that_has_expired_is_refused_and_a_new_one_is_taken() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let login = || {
        let answer = daemon.call("ecr", "GetAuthorizationToken", &json!({})).json();
        format!("Basic {}", answer["authorizationData"][0]["authorizationToken"].as_str().unwrap())
    };
    let old = login();
    assert_eq!(daemon.send("GET", "/v2/", &[("authorization", &old)], b"").status, 200);
    fault(&daemon, &json!({ "kind": "expire-tokens" }));
    assert_eq!(daemon.send("GET", "/v2/", &[("authorization", &old)], b"").status, 403);
    // A token of the very millisecond of the expiry has expired, too.
    let taken = || daemon.send("GET", "/v2/", &[("authorization", &login())], b"").status == 200;
    crate::daemon::until("a new token is taken", || taken().then_some(()));
}

//! Output over the wire: tokens, pages, and what a kill leaves.

use std::fs;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::daemon::{Daemon, Folder};

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn ok(daemon: &Daemon, action: &str, input: &Value) -> Value {
    let answer = daemon.call("logs", action, input);
    assert_eq!(answer.status, 200, "{action}: {answer:?}");
    answer.json()
}

fn stream(daemon: &Daemon) -> Value {
    let stream = json!({ "logGroupName": "/g", "logStreamName": "web/app/1" });
    ok(daemon, "CreateLogGroup", &json!({ "logGroupName": "/g" }));
    ok(daemon, "CreateLogStream", &stream);
    stream
}

fn with(mut input: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

fn messages(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn put(daemon: &Daemon, stream: &Value, names: &[&str]) {
    let start = now();
    let events: Vec<Value> = names.iter().map(|name| json!({ "timestamp": start, "message": name })).collect();
    let answer = ok(daemon, "PutLogEvents", &with(stream.clone(), &json!({ "logEvents": events })));
    assert!(answer.get("rejectedLogEventsInfo").is_none(), "{answer}");
}

#[test]
fn tokens_lead_on_and_stay_the_same_at_an_end() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let stream = stream(&daemon);
    put(&daemon, &stream, &["a", "b", "c"]);
    let get = |more: Value| ok(&daemon, "GetLogEvents", &with(stream.clone(), &more));
    let last = get(json!({ "limit": 2 }));
    assert_eq!(messages(&last), ["b", "c"]);
    let before = get(json!({ "limit": 2, "nextToken": last["nextBackwardToken"] }));
    assert_eq!(messages(&before), ["a"]);
    let start = get(json!({ "nextToken": before["nextBackwardToken"] }));
    assert_eq!((messages(&start).len(), &start["nextBackwardToken"]), (0, &before["nextBackwardToken"]));
    let end = get(json!({ "nextToken": last["nextForwardToken"] }));
    assert_eq!((messages(&end).len(), &end["nextForwardToken"]), (0, &last["nextForwardToken"]));
    put(&daemon, &stream, &["d"]);
    assert_eq!(messages(&get(json!({ "nextToken": end["nextForwardToken"] }))), ["d"]);
    let wrong = daemon.call("logs", "GetLogEvents", &with(stream.clone(), &json!({ "nextToken": "f/made-up" })));
    assert_eq!(wrong.error(), (400, "InvalidParameterException".to_owned()));
}

#[test]
fn a_kill_in_the_middle_of_a_line_costs_that_line_only() {
    let folder = Folder::new();
    let mut daemon = Daemon::start(&folder);
    let stream = stream(&daemon);
    put(&daemon, &stream, &["whole"]);
    daemon.kill();
    let group = fs::read_dir(folder.state().join("logs")).unwrap().next().unwrap().unwrap().path();
    let file = fs::read_dir(group).unwrap().next().unwrap().unwrap().path();
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(b"{\"timestamp\":17").unwrap();
    let daemon = Daemon::start(&folder);
    let get = || ok(&daemon, "GetLogEvents", &with(stream.clone(), &json!({ "startFromHead": true })));
    assert_eq!(messages(&get()), ["whole"]);
    put(&daemon, &stream, &["after"]);
    assert_eq!(messages(&get()), ["whole", "after"]);
}

#[test]
fn filtering_finds_words_in_several_streams() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder);
    let first = stream(&daemon);
    let second = json!({ "logGroupName": "/g", "logStreamName": "web/nginx/1" });
    ok(&daemon, "CreateLogStream", &second);
    put(&daemon, &first, &["GET 200", "GET 404"]);
    put(&daemon, &second, &["POST 404", "no \"GET 404\" here"]);
    let filter = |more: Value| ok(&daemon, "FilterLogEvents", &with(json!({ "logGroupName": "/g" }), &more));
    assert_eq!(messages(&filter(json!({}))).len(), 4);
    assert_eq!(messages(&filter(json!({ "filterPattern": "404 GET" }))).len(), 2);
    assert_eq!(messages(&filter(json!({ "filterPattern": "404", "logStreamNamePrefix": "web/n" }))).len(), 2);
    let page = filter(json!({ "limit": 3 }));
    assert_eq!(messages(&page).len(), 3);
    assert_eq!(messages(&filter(json!({ "nextToken": page["nextToken"] }))).len(), 1);
    let unsupported = json!({ "logGroupName": "/g", "filterPattern": "{ $.a = 1 }" });
    let refused = daemon.call("logs", "FilterLogEvents", &unsupported);
    assert_eq!(refused.error(), (400, "UnsupportedFeatureException".to_owned()));
}

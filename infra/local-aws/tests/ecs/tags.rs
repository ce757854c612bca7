//! Tags of all that can have them.

use serde_json::{Value, json};

use crate::emulator::{ARN, CLUSTER, Local};

fn list(local: &Local, arn: &str) -> Value {
    local.ok("ListTagsForResource", &json!({"resourceArn": arn}))["tags"].clone()
}

#[test]
fn tags_come_change_and_go() {
    let local = Local::new();
    let revision = local.register("web", &json!({}));
    local.create("web", &revision, &json!({}));
    let task = local.run(&json!({}))["tasks"][0]["taskArn"].as_str().unwrap().to_owned();
    let arns = [format!("{ARN}:cluster/{CLUSTER}"), revision, format!("{ARN}:service/{CLUSTER}/web"), task];
    for arn in &arns {
        assert_eq!(list(&local, arn), json!([]), "{arn}");
        let tags = json!([{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]);
        assert_eq!(local.ok("TagResource", &json!({"resourceArn": arn, "tags": tags})), json!({}));
        local.ok("TagResource", &json!({"resourceArn": arn, "tags": [{"key": "a", "value": "3"}]}));
        local.ok("UntagResource", &json!({"resourceArn": arn, "tagKeys": ["b", "none"]}));
        assert_eq!(list(&local, arn), json!([{"key": "a", "value": "3"}]), "{arn}");
    }
}

#[test]
fn what_cannot_be_tagged() {
    let local = Local::new();
    let tag = |arn: &str| json!({"resourceArn": arn, "tags": [{"key": "k", "value": "v"}]});
    let invalid = "InvalidParameterException";
    let cases = [
        (format!("{ARN}:cluster/none"), "ClusterNotFoundException", "Cluster not found."),
        (format!("{ARN}:service/{CLUSTER}/none"), invalid, "The specified service is inactive."),
        (format!("{ARN}:service/none"), invalid, "Long arn format must be used"),
        (format!("{ARN}:task/{CLUSTER}/{}", "0".repeat(32)), invalid, "The specified task is stopped."),
        (format!("{ARN}:task-definition/none:1"), invalid, "The specified task definition is inactive."),
        (format!("{ARN}:task-definition/none"), invalid, "Invalid ARN"),
        ("arn:aws:ecs:us-east-1:123456789012:cluster/main".into(), invalid, "Unexpected region"),
        (format!("{ARN}:capacity-provider/FARGATE"), "UnsupportedFeatureException", "capacity-provider"),
        ("main".into(), invalid, "Invalid ARN"),
    ];
    for (arn, code, part) in cases {
        local.refused("TagResource", &tag(&arn), code, part);
    }
    let arn = format!("{ARN}:cluster/{CLUSTER}");
    let many = |from: u32, to: u32| -> Vec<Value> {
        (from..to).map(|number| json!({"key": format!("k{number}"), "value": ""})).collect()
    };
    local.ok("TagResource", &json!({"resourceArn": arn, "tags": many(0, 50)}));
    local.refused("TagResource", &tag(&arn), invalid, "Tags can not be more than 50.");
    let long = |key: usize, value: usize| json!({"resourceArn": arn, "tags": [{"key": "k".repeat(key), "value": "v".repeat(value)}]});
    local.refused("TagResource", &long(129, 1), invalid, "between 1 and 128 characters");
    local.refused("TagResource", &long(1, 257), invalid, "longer than 256 characters");
    local.refused("UntagResource", &json!({"resourceArn": arn, "tagKeys": ["aws:x"]}), invalid, "external use");
}

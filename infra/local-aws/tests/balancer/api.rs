//! The ELBv2 API: what is made, changed, refused, and what the balancer does then.

use local_aws::store::elb::TargetState;
use serde_json::{Value, json};

use crate::backend::Backend;
use crate::client;
use crate::stage::{Stage, free_port};

fn code(answer: Result<Value, local_aws::error::AwsError>) -> &'static str {
    answer.unwrap_err().code
}

#[test]
fn a_load_balancer_made_by_calls_serves_and_goes() {
    let stage = Stage::with(&[]);
    let backend = Backend::plain();
    let made = stage
        .call(
            "CreateTargetGroup",
            json!({ "Name": "mine", "Protocol": "HTTP", "Port": "80", "TargetType": "ip", "VpcId": "vpc-1",
                "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": "1", "Matcher": { "HttpCode": "200-299" } }),
        )
        .unwrap();
    let group = made["TargetGroups"][0]["TargetGroupArn"].as_str().unwrap().to_owned();
    let target = json!([{ "Id": "127.0.0.1", "Port": backend.address.port().to_string() }]);
    stage.call("RegisterTargets", json!({ "TargetGroupArn": group, "Targets": target })).unwrap();
    let health = || {
        let answer = stage.call("DescribeTargetHealth", json!({ "TargetGroupArn": group })).unwrap();
        answer["TargetHealthDescriptions"][0]["TargetHealth"].clone()
    };
    assert_eq!((&health()["State"], &health()["Reason"]), (&json!("unused"), &json!("Target.NotInUse")));
    let made =
        stage.call("CreateLoadBalancer", json!({ "Name": "mine", "Subnets": ["subnet-1", "subnet-2"] })).unwrap();
    let load_balancer = made["LoadBalancers"][0]["LoadBalancerArn"].as_str().unwrap().to_owned();
    let port = free_port().port();
    let listen = json!({ "LoadBalancerArn": load_balancer, "Protocol": "HTTP", "Port": port.to_string(),
        "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }] });
    let made = stage.call("CreateListener", listen.clone()).unwrap();
    let listener = made["Listeners"][0]["ListenerArn"].as_str().unwrap().to_owned();
    assert_eq!(code(stage.call("CreateListener", listen)), "DuplicateListener");
    stage.wait("a healthy target", || health() == json!({ "State": "healthy" }));
    let described = stage.call("DescribeLoadBalancers", json!({ "Names": ["mine"] })).unwrap();
    let described = &described["LoadBalancers"][0];
    assert_eq!((&described["DNSName"], &described["State"]["Code"]), (&json!("127.0.0.1"), &json!("active")));
    assert_eq!(client::get(([127, 0, 0, 1], port).into(), "/").text(), backend.address.to_string());
    let rules = stage.call("DescribeRules", json!({ "ListenerArn": listener })).unwrap();
    assert_eq!(rules["Rules"][0]["Actions"][0]["TargetGroupArn"], json!(group));
    assert_eq!(code(stage.call("DeleteTargetGroup", json!({ "TargetGroupArn": group }))), "ResourceInUse");
    stage.call("DeregisterTargets", json!({ "TargetGroupArn": group, "Targets": target })).unwrap();
    stage.wait("the target to go", || health() == Value::Null);
    stage.call("DeleteLoadBalancer", json!({ "LoadBalancerArn": load_balancer })).unwrap();
    stage.call("DeleteTargetGroup", json!({ "TargetGroupArn": group })).unwrap();
    stage.wait("the listener to go", || std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
    assert_eq!(code(stage.call("DescribeLoadBalancers", json!({ "Names": ["mine"] }))), "LoadBalancerNotFound");
}

#[test]
fn health_of_targets_that_are_not_there_is_told_and_others_are_filtered() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let port = backend.address.port().to_string();
    let ask = json!({ "TargetGroupArn": stage.group, "Targets": [{ "Id": "127.0.0.1", "Port": port }, { "Id": "10.0.0.9" }] });
    let answer = stage.call("DescribeTargetHealth", ask).unwrap();
    assert_eq!(answer["TargetHealthDescriptions"][0]["TargetHealth"], json!({ "State": "healthy" }));
    let other = &answer["TargetHealthDescriptions"][1];
    assert_eq!(other["Target"], json!({ "Id": "10.0.0.9", "Port": 80 }));
    assert_eq!(other["TargetHealth"]["Reason"], "Target.NotRegistered");
    // The requested one is removed, wherever else it is registered.
    let gone = json!({ "TargetGroupArn": stage.group, "Targets": [{ "Id": "10.0.0.9" }] });
    stage.call("DeregisterTargets", gone).unwrap();
    assert_eq!(stage.target(backend.address).unwrap().state, TargetState::Healthy);
}

#[test]
fn attributes_and_tags_are_kept_and_unknown_ones_refused() {
    let stage = Stage::with(&[]);
    let set = |key: &str, value: &str| {
        let input = json!({ "TargetGroupArn": stage.group, "Attributes": [{ "Key": key, "Value": value }] });
        stage.call("ModifyTargetGroupAttributes", input)
    };
    let answer = set("deregistration_delay.timeout_seconds", "7").unwrap();
    assert!(answer["Attributes"].as_array().unwrap().contains(&json!({
        "Key": "deregistration_delay.timeout_seconds", "Value": "7" })));
    assert_eq!(stage.group(|group| group.deregistration_delay_seconds), 7);
    set("load_balancing.algorithm.type", "least_outstanding_requests").unwrap();
    set("stickiness.enabled", "false").unwrap();
    assert_eq!(code(set("deregistration_delay.timeout_seconds", "3601")), "ValidationError");
    assert_eq!(code(set("made.up", "1")), "ValidationError");
    assert_eq!(code(set("stickiness.enabled", "true")), "OperationNotPermitted");
    let input = json!({ "LoadBalancerArn": stage.load_balancer });
    let answer = stage.call("DescribeLoadBalancerAttributes", input).unwrap();
    assert!(answer["Attributes"].as_array().unwrap().contains(&json!({
        "Key": "idle_timeout.timeout_seconds", "Value": "60" })));

    let arns = json!([stage.group, stage.load_balancer]);
    let tags = json!([{ "Key": "team", "Value": "a" }, { "Key": "stage", "Value": "" }]);
    stage.call("AddTags", json!({ "ResourceArns": arns, "Tags": tags })).unwrap();
    stage.call("RemoveTags", json!({ "ResourceArns": [stage.group], "TagKeys": ["stage"] })).unwrap();
    let answer = stage.call("DescribeTags", json!({ "ResourceArns": arns })).unwrap();
    assert_eq!(answer["TagDescriptions"][0]["Tags"], json!([{ "Key": "team", "Value": "a" }]));
    assert_eq!(answer["TagDescriptions"][1]["Tags"], tags);
}

#[test]
fn bad_calls_get_awss_errors_and_change_nothing() {
    let stage = Stage::with(&[]);
    let before = stage.emulator.store.read(|state| serde_json::to_string(&state.elb).unwrap());
    let group = stage.group.clone();
    let create = |change: Value| {
        let mut input = json!({ "Name": "x", "Protocol": "HTTP", "Port": "80", "TargetType": "ip" });
        input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        ("CreateTargetGroup", input)
    };
    let missing = group.replace("web", "gone");
    let cases = [
        (create(json!({ "Name": "x".repeat(33) })), "ValidationError"),
        (create(json!({ "Name": "-x" })), "ValidationError"),
        (create(json!({ "Name": "a_b" })), "ValidationError"),
        (create(json!({ "Port": "0" })), "ValidationError"),
        (create(json!({ "Port": "x" })), "ValidationError"),
        (create(json!({ "Protocol": "TCP" })), "OperationNotPermitted"),
        (create(json!({ "TargetType": "lambda" })), "OperationNotPermitted"),
        (create(json!({ "Name": "web" })), "DuplicateTargetGroupName"),
        (create(json!({ "HealthCheckTimeoutSeconds": "31" })), "ValidationError"),
        (create(json!({ "HealthCheckPath": "no" })), "ValidationError"),
        (create(json!({ "Matcher": { "HttpCode": "500" } })), "ValidationError"),
        (create(json!({ "Unheard": "1" })), "OperationNotPermitted"),
        (create(json!({ "Tags": [{ "Key": "a" }, { "Key": "a" }] })), "DuplicateTagKeys"),
        (("DescribeTargetGroups", json!({ "Names": ["gone"] })), "TargetGroupNotFound"),
        (("DescribeTargetHealth", json!({ "TargetGroupArn": missing })), "TargetGroupNotFound"),
        (("DescribeTargetHealth", json!({ "TargetGroupArn": "x" })), "ValidationError"),
        (("DescribeTargetHealth", json!({})), "ValidationError"),
        (("RegisterTargets", json!({ "TargetGroupArn": group, "Targets": [{ "Id": "i-1" }] })), "ValidationError"),
        (("RegisterTargets", json!({ "TargetGroupArn": group, "Targets": [{ "Id": "8.8.8.8" }] })), "InvalidTarget"),
        (("DescribeListeners", json!({})), "ValidationError"),
        (("DescribeRules", json!({ "ListenerArn": "x" })), "ListenerNotFound"),
        (("DescribeLoadBalancers", json!({ "PageSize": "401" })), "ValidationError"),
        (("AddTags", json!({ "ResourceArns": ["x"], "Tags": [] })), "ValidationError"),
        (("CreateRule", json!({})), "InvalidAction"),
    ];
    for ((action, input), expected) in cases {
        let answer = stage.call(action, input.clone());
        assert_eq!(code(answer), expected, "{action} {input}");
    }
    assert_eq!(stage.emulator.store.read(|state| serde_json::to_string(&state.elb).unwrap()), before);
}

#[test]
fn listings_come_in_pages() {
    let stage = Stage::with(&[]);
    for number in 0..4 {
        let input = json!({ "Name": format!("g{number}"), "Protocol": "HTTP", "Port": "80", "TargetType": "ip" });
        stage.call("CreateTargetGroup", input).unwrap();
    }
    let (mut names, mut marker) = (Vec::new(), None);
    loop {
        let mut input = json!({ "PageSize": "2" });
        if let Some(marker) = marker {
            input["Marker"] = marker;
        }
        let answer = stage.call("DescribeTargetGroups", input).unwrap();
        let page = answer["TargetGroups"].as_array().unwrap().clone();
        assert!(page.len() <= 2);
        names.extend(page.iter().map(|group| group["TargetGroupName"].as_str().unwrap().to_owned()));
        match answer.get("NextMarker") {
            Some(next) => marker = Some(next.clone()),
            None => break,
        }
    }
    assert_eq!(names, ["g0", "g1", "g2", "g3", "web"]);
}

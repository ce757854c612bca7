//! The rest of what is refused in task definitions: variables, logs, the kernel's, and members that are unknown or that
//! the emulator has not.

use serde_json::{Value, json};

use crate::emulator::{refused_all, web};

const CLIENT: &str = "ClientException";
const INVALID: &str = "InvalidParameterException";
const SERIALIZATION: &str = "SerializationException";
const UNSUPPORTED: &str = "UnsupportedFeatureException";

/// As `web`, with an image from somewhere else and without an execution role.
fn roleless(change: &Value) -> Value {
    let mut change = web(change);
    change["containerDefinitions"][0]["image"] = "busybox".into();
    change["executionRoleArn"] = Value::Null;
    change
}

fn logs(driver: &str, options: &Value) -> Value {
    json!({"logConfiguration": {"logDriver": driver, "options": options}})
}

#[test]
fn variables_and_logs() {
    let good = json!({"awslogs-group": "/g", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "p"});
    let with = |name: &str, value: &str| {
        let mut options = good.clone();
        options[name] = value.into();
        web(&logs("awslogs", &options))
    };
    let secret = |name: &str, from: &str| json!({"secrets": [{"name": name, "valueFrom": from}]});
    refused_all(&[
        (web(&json!({"environment": [{"name": "A"}, {"name": "A"}]})), CLIENT, "name must be unique, unlike 'A'"),
        (web(&json!({"environment": [{"name": "", "value": "v"}]})), CLIENT, "'' is no name"),
        (web(&json!({"environment": [{"name": "A=B", "value": "v"}]})), CLIENT, "'A=B' is no name"),
        (
            web(&json!({"environment": [{"name": "A", "value": "v"}], "secrets": [{"name": "A", "valueFrom": "/a"}]})),
            CLIENT,
            "The secret name must be unique and not shared",
        ),
        (roleless(&secret("A", "/a")), CLIENT, "you must also specify a value for 'executionRoleArn'"),
        (web(&secret("A", "")), CLIENT, "comes from nowhere"),
        (
            web(&secret("A", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x")),
            UNSUPPORTED,
            "A secret of Secrets Manager",
        ),
        (web(&secret("A", "arn:aws:s3:::bucket")), CLIENT, "Invalid ARN of the secret 'A'"),
        (roleless(&logs("awslogs", &good)), CLIENT, "execution role ARN to support log driver awslogs."),
        (
            web(&logs("awslogs", &json!({}))),
            CLIENT,
            "Log driver awslogs requires options: awslogs-region, awslogs-group",
        ),
        (
            web(&logs("awslogs", &json!({"awslogs-group": "/g", "awslogs-region": "eu-central-1"}))),
            CLIENT,
            "to include awslogs-stream-prefix to support log driver awslogs.",
        ),
        (with("log_key", "x"), CLIENT, "Log driver awslogs disallows options: log_key"),
        (with("mode", "fast"), INVALID, "mode should be one of"),
        (with("awslogs-create-group", "yes"), INVALID, "awslogs-create-group should be one of"),
        (with("awslogs-region", "us-east-1"), UNSUPPORTED, "An awslogs-region other than eu-central-1"),
        (web(&logs("splunk", &json!({}))), UNSUPPORTED, "The log driver splunk"),
        (web(&logs("awsfirelens", &json!({}))), UNSUPPORTED, "The log driver awsfirelens"),
        (web(&logs("syslog", &json!({}))), CLIENT, "do not support the log driver syslog"),
        (web(&logs("carrier-pigeon", &json!({}))), INVALID, "logDriver should be one of"),
    ]);
}

#[test]
fn the_kernels() {
    let capability = |way: &str, name: &str| web(&json!({"linuxParameters": {"capabilities": {way: [name]}}}));
    let limit = |name: &str, soft: i64, hard: i64| json!({"name": name, "softLimit": soft, "hardLimit": hard});
    let control = |namespace: &str, value: &str| json!({"namespace": namespace, "value": value});
    refused_all(&[
        (capability("add", "NET_ADMIN"), CLIENT, "not 'NET_ADMIN'"),
        (capability("add", "FLY"), CLIENT, "'FLY' is no Linux capability"),
        (capability("drop", "FLY"), CLIENT, "'FLY' is no Linux capability"),
        (
            web(&json!({"linuxParameters": {"tmpfs": [{"containerPath": "/x", "size": 1}]}})),
            CLIENT,
            "do not support tmpfs",
        ),
        (web(&json!({"linuxParameters": {"devices": [{"hostPath": "/x"}]}})), CLIENT, "do not support devices"),
        (web(&json!({"linuxParameters": {"sharedMemorySize": 64}})), CLIENT, "do not support sharedMemorySize"),
        (web(&json!({"ulimits": [limit("nproc", 1, 2)]})), CLIENT, "not 'nproc'"),
        (web(&json!({"ulimits": [limit("retry", 1, 2)]})), CLIENT, "'retry' is no ulimit"),
        (web(&json!({"ulimits": [limit("nofile", 3, 2)]})), CLIENT, "between 0 and the hard limit"),
        (web(&json!({"ulimits": [limit("nofile", 1, 2), limit("nofile", 1, 2)]})), CLIENT, "more than once"),
        (
            web(&json!({"systemControls": [control("kernel.hostname", "x")]})),
            CLIENT,
            "'kernel.hostname' is not supported",
        ),
        (web(&json!({"systemControls": [control("net.core.somaxconn", "")]})), CLIENT, "has no value"),
        (
            web(&json!({"systemControls": [control("net.core.somaxconn", "1"), control("net.core.somaxconn", "2")]})),
            CLIENT,
            "more than once",
        ),
    ]);
}

#[test]
fn members_that_nobody_knows_say_where_they_are() {
    refused_all(&[
        (json!({"colour": "teal"}), INVALID, "Unknown parameter in input: \"colour\"."),
        (web(&json!({"portMapings": []})), INVALID, "\"containerDefinitions[0].portMapings\""),
        (
            web(&json!({"portMappings": [{"containerPort": 1}, {"port": 2}]})),
            INVALID,
            "\"containerDefinitions[0].portMappings[1].port\"",
        ),
        (web(&json!({"portMappings": [{}]})), INVALID, "\"containerDefinitions[0].portMappings[0].containerPort\""),
        (web(&json!({"linuxParameters": {"init": true}})), INVALID, "\"containerDefinitions[0].linuxParameters.init\""),
        (json!({"volumes": [{"name": "v", "size": 1}]}), INVALID, "\"volumes[0].size\""),
        (web(&json!({"cpu": "256"})), SERIALIZATION, "containerDefinitions[0].cpu: string \"256\""),
        (web(&json!({"memory": 1.5})), SERIALIZATION, "containerDefinitions[0].memory"),
        (web(&json!({"memory": -1})), INVALID, "containerDefinitions[0].memory"),
        (web(&json!({"essential": "yes"})), SERIALIZATION, "containerDefinitions[0].essential"),
        (json!({"cpu": 256}), SERIALIZATION, "cpu: integer `256`"),
        (json!({"containerDefinitions": {}}), SERIALIZATION, "containerDefinitions: map"),
        (json!({"containerDefinitions": ["web"]}), SERIALIZATION, "containerDefinitions[0]: string"),
    ]);
}

#[test]
fn what_fargate_or_the_emulator_lacks() {
    refused_all(&[
        (web(&json!({"links": ["other"]})), CLIENT, "Links are not supported when networkMode=awsvpc."),
        (web(&json!({"privileged": true})), CLIENT, "do not support privileged"),
        (web(&json!({"hostname": "x"})), CLIENT, "do not support hostname"),
        (web(&json!({"dnsServers": ["1.1.1.1"]})), CLIENT, "do not support dnsServers"),
        (web(&json!({"extraHosts": [{"hostname": "x", "ipAddress": "1.1.1.1"}]})), CLIENT, "do not support extraHosts"),
        (web(&json!({"resourceRequirements": [{"type": "GPU", "value": "1"}]})), CLIENT, "resourceRequirements"),
        (web(&json!({"volumesFrom": [{"sourceContainer": "x"}]})), UNSUPPORTED, "containerDefinitions[0].volumesFrom"),
        (web(&json!({"restartPolicy": {"enabled": true}})), UNSUPPORTED, "containerDefinitions[0].restartPolicy"),
        (web(&json!({"environmentFiles": [{"type": "s3", "value": "x"}]})), UNSUPPORTED, "environmentFiles"),
        (web(&json!({"repositoryCredentials": {"credentialsParameter": "x"}})), UNSUPPORTED, "repositoryCredentials"),
        (web(&json!({"firelensConfiguration": {"type": "fluentbit"}})), UNSUPPORTED, "firelensConfiguration"),
        (web(&json!({"pseudoTerminal": true})), UNSUPPORTED, "pseudoTerminal"),
        (json!({"ipcMode": "task"}), CLIENT, "Tasks using the Fargate launch type do not support ipcMode."),
        (json!({"pidMode": "task"}), UNSUPPORTED, "\"pidMode\""),
        (json!({"placementConstraints": [{"type": "memberOf", "expression": "x"}]}), CLIENT, "placementConstraints"),
        (json!({"proxyConfiguration": {"containerName": "x"}}), UNSUPPORTED, "proxyConfiguration"),
        (json!({"enableFaultInjection": true}), UNSUPPORTED, "enableFaultInjection"),
    ]);
}

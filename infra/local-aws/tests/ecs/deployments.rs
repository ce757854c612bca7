//! Service deployments and service revisions, as the scheduler's own functions leave them.

use serde_json::{Value, json};

use crate::emulator::{ARN, CLUSTER, Local};

/// A service with two deployments.
fn deployed() -> Local {
    let local = Local::new();
    local.register("web", &json!({}));
    local.create("web", "web:1", &json!({}));
    local.register("web", &json!({}));
    local.ok("UpdateService", &json!({"cluster": CLUSTER, "service": "web", "taskDefinition": "web:2"}));
    local
}

fn list(local: &Local, mut filter: Value) -> Vec<Value> {
    filter["cluster"] = CLUSTER.into();
    filter["service"] = "web".into();
    local.ok("ListServiceDeployments", &filter)["serviceDeployments"].as_array().unwrap().clone()
}

#[test]
fn deployments_are_listed_newest_first() {
    let local = deployed();
    let all = list(&local, json!({}));
    let statuses: Vec<_> = all.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["PENDING", "STOPPED"]);
    assert_eq!(list(&local, json!({"status": ["PENDING", "IN_PROGRESS"]})), all[..1]);
    let made = all[1]["createdAt"].as_f64().unwrap();
    assert_eq!(list(&local, json!({"createdAt": {"after": made - 1.0}})).len(), 2);
    assert!(list(&local, json!({"createdAt": {"before": made - 1.0}})).is_empty());
    assert_eq!(list(&local, json!({"maxResults": 1})), all[..1]);
    let invalid = "InvalidParameterException";
    let with = |status: &str| json!({"cluster": CLUSTER, "service": "web", "status": [status]});
    local.refused("ListServiceDeployments", &with("DONE"), invalid, "status should be one of");
    let none = json!({"cluster": CLUSTER, "service": "none"});
    local.refused("ListServiceDeployments", &none, "ServiceNotFoundException", "Service not found.");
}

#[test]
fn deployments_and_revisions_are_described() {
    let local = deployed();
    let brief = list(&local, json!({}))[0].clone();
    let missing = format!("{ARN}:service-deployment/main/web/none");
    let answer = local
        .ok("DescribeServiceDeployments", &json!({"serviceDeploymentArns": [brief["serviceDeploymentArn"], missing]}));
    assert_eq!(answer["failures"], json!([{"arn": missing, "reason": "MISSING"}]));
    let found = &answer["serviceDeployments"][0];
    assert_eq!(found["serviceArn"], format!("{ARN}:service/main/web"));
    assert_eq!(found["targetServiceRevision"]["arn"], brief["targetServiceRevisionArn"]);
    assert_eq!(found["targetServiceRevision"]["requestedTaskCount"], 2);
    assert_eq!(found["sourceServiceRevisions"].as_array().unwrap().len(), 1);
    assert_eq!(found["deploymentCircuitBreaker"]["status"], "DISABLED");

    let arns = json!([found["targetServiceRevision"]["arn"], found["sourceServiceRevisions"][0]["arn"]]);
    let answer = local.ok("DescribeServiceRevisions", &json!({"serviceRevisionArns": arns}));
    let revisions: Vec<_> =
        answer["serviceRevisions"].as_array().unwrap().iter().map(|one| &one["taskDefinition"]).collect();
    assert_eq!(
        revisions,
        [&json!(format!("{ARN}:task-definition/web:2")), &json!(format!("{ARN}:task-definition/web:1"))]
    );
    assert_eq!(answer["serviceRevisions"][0]["containerImages"][0]["image"], "127.0.0.1:4566/web:1");

    let invalid = "InvalidParameterException";
    for (action, member) in
        [("DescribeServiceDeployments", "serviceDeploymentArns"), ("DescribeServiceRevisions", "serviceRevisionArns")]
    {
        local.refused(action, &json!({member: []}), invalid, "cannot be empty");
        local.refused(action, &json!({member: ["web"]}), invalid, "Invalid ARN: web");
        local.refused(action, &json!({member: vec!["x"; 21]}), invalid, "more than 20");
    }
}

#[test]
fn a_deployment_is_stopped_by_its_arn() {
    let local = deployed();
    let all = list(&local, json!({}));
    let stop = |arn: &Value, how: &str| json!({"serviceDeploymentArn": arn, "stopType": how});
    let answer = local.ok("StopServiceDeployment", &stop(&all[0]["serviceDeploymentArn"], "ABORT"));
    assert_eq!(answer, json!({"serviceDeploymentArn": all[0]["serviceDeploymentArn"]}));
    assert_eq!(list(&local, json!({}))[0]["status"], "STOP_REQUESTED");
    local.refused(
        "StopServiceDeployment",
        &stop(&all[1]["serviceDeploymentArn"], "ABORT"),
        "ConflictException",
        "STOPPED",
    );
    let none = json!(format!("{ARN}:service-deployment/main/web/none"));
    local.refused("StopServiceDeployment", &stop(&none, "ROLLBACK"), "ServiceDeploymentNotFoundException", "not found");
    let invalid = "InvalidParameterException";
    local.refused("StopServiceDeployment", &stop(&none, "NOW"), invalid, "stopType should be one of");
    local.refused("StopServiceDeployment", &stop(&json!("x"), "ABORT"), invalid, "Invalid ARN: x");
}

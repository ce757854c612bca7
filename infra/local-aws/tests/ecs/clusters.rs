//! Clusters and capacity providers.

use local_aws::store::task::TaskStatus;
use serde_json::{Value, json};

use crate::emulator::{ARN, CLUSTER, Local};

#[test]
fn a_cluster_lives_and_dies() {
    let local = Local::new();
    let tags = json!([{"key": "k", "value": "v"}]);
    let made = local.ok("CreateCluster", &json!({"clusterName": "other", "tags": tags}))["cluster"].clone();
    assert_eq!((&made["status"], &made["tags"]), (&json!("ACTIVE"), &tags));
    assert_eq!(made["clusterArn"], format!("{ARN}:cluster/other"));
    // One that is there stays as it is.
    let again = local.ok("CreateCluster", &json!({"clusterName": "other"}));
    assert_eq!(again["cluster"]["tags"], tags);

    let arns = local.ok("ListClusters", &json!({}))["clusterArns"].clone();
    assert_eq!(arns, json!([format!("{ARN}:cluster/main"), format!("{ARN}:cluster/other")]));
    let gone = local.ok("DeleteCluster", &json!({"cluster": format!("{ARN}:cluster/other")}));
    assert_eq!(gone["cluster"]["status"], "INACTIVE");
    assert_eq!(local.ok("ListClusters", &json!({}))["clusterArns"], json!([format!("{ARN}:cluster/main")]));
    let described = local.ok("DescribeClusters", &json!({"clusters": ["other"]}));
    assert_eq!(described["clusters"][0]["status"], "INACTIVE");
    let run = json!({"cluster": "other", "taskDefinition": "web", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}});
    local.refused("RunTask", &run, "ClientException", "The referenced cluster was inactive.");
    let alive = local.ok("CreateCluster", &json!({"clusterName": "other"}));
    assert_eq!((&alive["cluster"]["status"], &alive["cluster"]["tags"]), (&json!("ACTIVE"), &json!([])));
}

#[test]
fn a_cluster_without_a_name_is_called_default() {
    let local = Local::new();
    let answer = local.ok("DescribeClusters", &json!({}));
    assert_eq!(answer["clusters"], json!([]));
    assert_eq!(answer["failures"], json!([{"arn": format!("{ARN}:cluster/default"), "reason": "MISSING"}]));
    local.ok("CreateCluster", &Value::Null);
    assert_eq!(local.ok("DescribeClusters", &json!({}))["clusters"][0]["clusterName"], "default");
}

#[test]
fn a_cluster_counts_and_is_not_deleted_while_it_is_in_use() {
    let local = Local::new();
    let revision = local.register("web", &json!({}));
    local.create("web", &revision, &json!({}));
    local.add_task("web", TaskStatus::Running);
    local.add_task("web", TaskStatus::Pending);
    local.add_task("web", TaskStatus::Stopped);
    let found = local.ok("DescribeClusters", &json!({"clusters": [CLUSTER], "include": ["STATISTICS", "SETTINGS"]}));
    let cluster = &found["clusters"][0];
    let counts = ["runningTasksCount", "pendingTasksCount", "activeServicesCount", "registeredContainerInstancesCount"];
    assert_eq!(counts.map(|name| cluster[name].as_u64().unwrap()), [1, 1, 1, 0]);
    let statistics = cluster["statistics"].as_array().unwrap();
    assert!(statistics.contains(&json!({"name": "runningFargateTasksCount", "value": "1"})));
    assert_eq!(cluster["settings"], json!([{"name": "containerInsights", "value": "disabled"}]));

    let delete = json!({"cluster": CLUSTER});
    local.refused("DeleteCluster", &delete, "ClusterContainsServicesException", "while Services are active.");
    local.emulator.store.write(|state| state.ecs.services.clear());
    local.refused("DeleteCluster", &delete, "ClusterContainsTasksException", "while Tasks are active.");
    local.emulator.store.write(|state| state.ecs.tasks.clear());
    local.ok("DeleteCluster", &delete);
}

#[test]
fn what_a_cluster_cannot_be() {
    let local = Local::new();
    let insights = |value: &str| json!({"settings": [{"name": "containerInsights", "value": value}]});
    local.ok("CreateCluster", &insights("disabled"));
    local.ok("CreateCluster", &json!({"capacityProviders": ["FARGATE", "FARGATE_SPOT"]}));
    let cases = [
        (json!({"clusterName": "no spaces"}), "InvalidParameterException", "must match"),
        (insights("enabled"), "UnsupportedFeatureException", "containerInsights"),
        (insights("maybe"), "InvalidParameterException", "maybe should be one of"),
        (json!({"capacityProviders": ["mine"]}), "UnsupportedFeatureException", "The capacity provider mine"),
        (
            json!({"serviceConnectDefaults": {"namespace": "n"}}),
            "UnsupportedFeatureException",
            "serviceConnectDefaults",
        ),
        (json!({"name": "x"}), "InvalidParameterException", "\"name\""),
    ];
    for (input, code, part) in cases {
        local.refused("CreateCluster", &input, code, part);
    }
    let invalid = "InvalidParameterException";
    local.refused("DescribeClusters", &json!({"include": ["COLOURS"]}), invalid, "include should be one of [");
    local.refused("DeleteCluster", &json!({"cluster": "none"}), "ClusterNotFoundException", "Cluster not found.");
    local.refused("DeleteCluster", &json!({}), invalid, "\"cluster\"");
    local.refused("ListClusters", &json!({"maxResults": 0}), invalid, "maxResults");
    local.refused("ListClusters", &json!({"nextToken": "x"}), invalid, "Invalid token.");
    local.refused("ExecuteCommand", &json!({}), "UnsupportedFeatureException", "ExecuteCommand");
    local.refused("ListServicesByNamespace", &json!({}), "UnsupportedFeatureException", "ListServicesByNamespace");
}

#[test]
fn the_capacity_providers_are_fargates() {
    let local = Local::new();
    let all = local.ok("DescribeCapacityProviders", &json!({}));
    let names: Vec<_> = all["capacityProviders"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["FARGATE", "FARGATE_SPOT"]);
    let some = local.ok("DescribeCapacityProviders", &json!({"capacityProviders": ["FARGATE_SPOT", "mine"]}));
    assert_eq!(some["capacityProviders"][0]["capacityProviderArn"], format!("{ARN}:capacity-provider/FARGATE_SPOT"));
    assert_eq!(some["failures"], json!([{"arn": format!("{ARN}:capacity-provider/mine"), "reason": "MISSING"}]));
}

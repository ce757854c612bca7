//! Clusters: made, described, listed, deleted.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::beyond;
use super::counts::ClusterCounts;
use super::page::Page;
use super::reference::{self, DEFAULT_CLUSTER, cluster_name};
use super::{capacity_providers, failure, includes, input, invalid, refused, tags};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::settings::Settings;
use crate::store::State;
use crate::store::ecs::Cluster;
use crate::store::task::TaskStatus;
use crate::store::task_definition::Tag;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    name: String,
    #[serde(default)]
    value: String,
}

/// Container Insights has nowhere to go here; turning it off is fine.
fn check_settings(settings: &[Setting]) -> Answer<()> {
    for setting in settings {
        if setting.name != "containerInsights" {
            return Err(invalid(format!("{} should be one of [containerInsights]", setting.name)));
        }
        match setting.value.as_str() {
            "disabled" => {}
            "enabled" | "enhanced" => return Err(AwsError::unsupported("The setting containerInsights")),
            other => return Err(invalid(format!("{other} should be one of [enabled,disabled,enhanced]"))),
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    cluster_name: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    settings: Vec<Setting>,
    #[serde(default)]
    capacity_providers: Vec<String>,
}

pub(super) fn create(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    beyond::refuse(&mut given, beyond::CLUSTER)?;
    let Create { cluster_name, tags, settings, capacity_providers } = input::members(&given)?;
    let name = cluster_name.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT_CLUSTER.into());
    if !reference::is_name(&name) {
        return Err(invalid(format!("Cluster name must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {name}")));
    }
    tags::check(&tags)?;
    check_settings(&settings)?;
    capacity_providers::check_names(capacity_providers.iter().map(String::as_str))?;
    emulator.store.write(|state| {
        let cluster = state.ecs.clusters.entry(name.clone()).or_insert_with(|| Cluster {
            name: name.clone(),
            status: "INACTIVE".into(),
            tags: Vec::new(),
        });
        // One that is there is answered as it is.
        if cluster.status != "ACTIVE" {
            cluster.status = "ACTIVE".into();
            cluster.tags = tags;
        }
        let cluster = &state.ecs.clusters[&name];
        Ok(json!({ "cluster": wire(state, &emulator.settings, cluster, &["TAGS", "SETTINGS"]) }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    #[serde(default)]
    clusters: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

/// AWS: at most 100 clusters a call.
const MOST: usize = 100;

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { clusters, include } = input::members(given)?;
    let include = includes(&include, &["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"])?;
    if clusters.len() > MOST {
        return Err(invalid(format!("Clusters can not be more than {MOST}.")));
    }
    let wanted = if clusters.is_empty() { vec![DEFAULT_CLUSTER.to_owned()] } else { clusters };
    emulator.store.read(|state| {
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for given in &wanted {
            let name = cluster_name(&emulator.settings, Some(given))?;
            if !seen.insert(name.clone()) {
                continue;
            }
            match state.ecs.clusters.get(&name) {
                Some(cluster) => found.push(wire(state, &emulator.settings, cluster, &include)),
                None => failures.push(failure(&emulator.settings.arn("ecs", &format!("cluster/{name}")))),
            }
        }
        Ok(json!({ "clusters": found, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let List { max_results, next_token } = input::members(given)?;
    let active = |state: &State| -> Vec<String> {
        let clusters = state.ecs.clusters.values().filter(|cluster| cluster.status == "ACTIVE");
        clusters.map(|cluster| arn(&emulator.settings, &cluster.name)).collect()
    };
    let arns = emulator.store.read(active);
    let (arns, next) = Page { max_results, next_token }.of("ListClusters", arns, |arn| arn, (100, 100))?;
    Ok(super::with_token(json!({ "clusterArns": arns }), next))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    cluster: String,
}

pub(super) fn delete(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Delete { cluster } = input::members(given)?;
    let name = cluster_name(&emulator.settings, Some(&cluster))?;
    emulator.store.write(|state| {
        let ecs = &mut state.ecs;
        if !ecs.clusters.contains_key(&name) {
            return Err(reference::no_cluster());
        }
        if ecs.services.values().any(|service| service.cluster == name && service.status != "INACTIVE") {
            let message = "The Cluster cannot be deleted while Services are active.";
            return Err(AwsError::client("ClusterContainsServicesException", message));
        }
        if ecs.tasks.values().any(|task| task.cluster == name && task.last_status != TaskStatus::Stopped) {
            let message = "The Cluster cannot be deleted while Tasks are active.";
            return Err(AwsError::client("ClusterContainsTasksException", message));
        }
        if let Some(cluster) = ecs.clusters.get_mut(&name) {
            cluster.status = "INACTIVE".into();
        }
        Ok(json!({ "cluster": wire(state, &emulator.settings, &state.ecs.clusters[&name], &[]) }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    cluster: String,
    #[serde(default)]
    settings: Vec<Setting>,
}

/// `UpdateCluster` and `UpdateClusterSettings`.
pub(super) fn update(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    beyond::refuse(&mut given, beyond::CLUSTER)?;
    let Update { cluster, settings } = input::members(&given)?;
    check_settings(&settings)?;
    emulator.store.read(|state| {
        let cluster = reference::cluster(state, &emulator.settings, Some(&cluster))?;
        if cluster.status != "ACTIVE" {
            return Err(refused("The specified cluster is inactive. Specify an active cluster and try again."));
        }
        Ok(json!({ "cluster": wire(state, &emulator.settings, cluster, &["TAGS", "SETTINGS"]) }))
    })
}

fn arn(settings: &Settings, name: &str) -> String {
    settings.arn("ecs", &format!("cluster/{name}"))
}

/// `Cluster`, as AWS answers it.
fn wire(state: &State, settings: &Settings, cluster: &Cluster, include: &[&str]) -> Value {
    let counts = ClusterCounts::of(state, &cluster.name);
    let has = |part: &str| include.contains(&part);
    json!({
        "clusterArn": arn(settings, &cluster.name),
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": counts.running,
        "pendingTasksCount": counts.pending,
        "activeServicesCount": counts.active_services,
        "statistics": if has("STATISTICS") { counts.statistics() } else { json!([]) },
        "tags": if has("TAGS") { json!(cluster.tags) } else { json!([]) },
        "settings": if has("SETTINGS") { json!([{"name": "containerInsights", "value": "disabled"}]) } else { json!([]) },
        "capacityProviders": capacity_providers::NAMES,
        "defaultCapacityProviderStrategy": [],
    })
}

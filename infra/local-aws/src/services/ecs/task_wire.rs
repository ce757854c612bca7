//! Tasks and their containers, as AWS answers them.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::service_wire::cluster_arn;
use super::tasks::desired_status;
use crate::settings::Settings;
use crate::store::ecs::Ecs;
use crate::store::task::{Container, Task, TaskStatus};
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};
use crate::time::Timestamp;

pub(super) fn arn(settings: &Settings, task: &Task) -> String {
    settings.arn("ecs", &format!("task/{}/{}", task.cluster, task.id))
}

/// The family of a task's definition.
pub(super) fn family(task: &Task) -> &str {
    let name = task.task_definition.rsplit('/').next().unwrap_or_default();
    name.split(':').next().unwrap_or_default()
}

/// An id that a task always gives to the same thing: a UUID by its form.
fn derived_id(task: &Task, of: &str) -> String {
    let hash = Sha256::digest(format!("{} {of}", task.id));
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

/// `Task`.
pub(super) fn task(settings: &Settings, ecs: &Ecs, task: &Task, with_tags: bool) -> Value {
    let definition = ecs.revision(&task.task_definition).map(|revision| &revision.definition);
    let of_task = |own: &Option<String>, usual: fn(&TaskDefinition) -> &String| {
        own.clone().or_else(|| definition.map(|found| usual(found).clone()))
    };
    let storage =
        definition.and_then(|found| found.ephemeral_storage.as_ref()).map_or(20, |storage| storage.size_in_gi_b);
    let mut answer = json!({
        "attachments": [attachment(task)],
        "attributes": [{ "name": "ecs.cpu-architecture", "value": architecture(definition) }],
        "availabilityZone": format!("{}a", settings.region),
        "clusterArn": cluster_arn(settings, &task.cluster),
        "containers": task.containers.iter().map(|one| container(settings, task, definition, one)).collect::<Vec<_>>(),
        "createdAt": task.created_at,
        "desiredStatus": desired_status(task),
        "enableExecuteCommand": false,
        "ephemeralStorage": { "sizeInGiB": storage },
        "group": task.group,
        "healthStatus": task.health,
        "lastStatus": task.last_status.as_str(),
        "overrides": overrides(task),
        "platformFamily": "Linux",
        "platformVersion": super::service_input::PLATFORM,
        "taskArn": arn(settings, task),
        "taskDefinitionArn": task.task_definition,
        "version": task.version,
    });
    let Value::Object(members) = &mut answer else { return answer };
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let moment = |moment: Option<Timestamp>| moment.map(|moment| json!(moment));
    let connected = task.private_ip.is_some();
    let some = [
        ("connectivity", connected.then(|| json!("CONNECTED"))),
        ("connectivityAt", moment(task.pull_started_at.filter(|_| connected))),
        ("cpu", text(&of_task(&task.overrides.cpu, |found| &found.cpu))),
        ("memory", text(&of_task(&task.overrides.memory, |found| &found.memory))),
        ("launchType", text(&task.launch_type)),
        ("startedBy", text(&task.started_by)),
        ("pullStartedAt", moment(task.pull_started_at)),
        ("pullStoppedAt", moment(task.pull_stopped_at)),
        ("startedAt", moment(task.started_at)),
        ("stoppingAt", moment(task.stopping_at)),
        ("executionStoppedAt", moment(task.execution_stopped_at)),
        ("stoppedAt", moment(task.stopped_at)),
        ("stopCode", task.stop.as_ref().map(|stop| json!(stop.code))),
        ("stoppedReason", task.stop.as_ref().map(|stop| json!(stop.reason))),
        ("tags", with_tags.then(|| json!(task.tags))),
    ];
    put(members, some);
    answer
}

fn put<const N: usize>(members: &mut Map<String, Value>, some: [(&str, Option<Value>); N]) {
    members.extend(some.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

fn architecture(definition: Option<&TaskDefinition>) -> &'static str {
    let platform = definition.and_then(|found| found.runtime_platform.as_ref());
    match platform.and_then(|platform| platform.cpu_architecture.as_deref()) {
        Some("ARM64") => "arm64",
        _ => "x86_64",
    }
}

/// The task's network interface.
fn attachment(task: &Task) -> Value {
    let status = match task.last_status {
        TaskStatus::Provisioning => "PRECREATED",
        TaskStatus::Deprovisioning | TaskStatus::Stopped => "DELETED",
        _ if task.private_ip.is_some() => "ATTACHED",
        _ => "ATTACHING",
    };
    let mut details = Vec::new();
    let mut detail = |name: &str, value: &str| details.push(json!({ "name": name, "value": value }));
    if let Some(network) = &task.network_configuration
        && let Some(subnet) = network.awsvpc_configuration.subnets.first()
    {
        detail("subnetId", subnet);
    }
    if let Some(address) = &task.private_ip {
        detail("networkInterfaceId", &format!("eni-{}", task.id.chars().take(17).collect::<String>()));
        detail("privateIPv4Address", address);
    }
    json!({
        "id": derived_id(task, "network interface"),
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": details,
    })
}

/// `TaskOverride`: AWS names every container in it, overridden or not.
fn overrides(task: &Task) -> Value {
    let mut answer = json!(task.overrides);
    let overridden = |name: &str| {
        let overrides = task.overrides.container_overrides.iter();
        overrides.into_iter().find(|one| one.name.as_deref() == Some(name))
    };
    let containers = task.containers.iter().map(|container| match overridden(&container.name) {
        Some(found) => json!(found),
        None => json!({ "name": container.name }),
    });
    answer["containerOverrides"] = containers.collect();
    answer["inferenceAcceleratorOverrides"] = json!([]);
    answer
}

/// `Container`.
fn container(settings: &Settings, task: &Task, definition: Option<&TaskDefinition>, container: &Container) -> Value {
    let named = |one: &&ContainerDefinition| one.name == container.name;
    let defined = definition.and_then(|found| found.container_definitions.iter().find(named));
    let path = format!("container/{}/{}/{}", task.cluster, task.id, derived_id(task, &container.name));
    let interface = task
        .private_ip
        .as_ref()
        .map(|address| json!({ "attachmentId": derived_id(task, "network interface"), "privateIpv4Address": address }));
    let mut answer = json!({
        "containerArn": settings.arn("ecs", &path),
        "taskArn": arn(settings, task),
        "name": container.name,
        "image": container.image,
        "lastStatus": container.last_status,
        "networkBindings": [],
        "networkInterfaces": interface.into_iter().collect::<Vec<_>>(),
        "healthStatus": container.health,
        "cpu": defined.map_or(0, |found| found.cpu).to_string(),
    });
    let Value::Object(members) = &mut answer else { return answer };
    let mib =
        |share: fn(&ContainerDefinition) -> Option<u32>| defined.and_then(share).map(|mib| json!(mib.to_string()));
    let some = [
        ("memory", mib(|found| found.memory)),
        ("memoryReservation", mib(|found| found.memory_reservation)),
        ("imageDigest", container.image_digest.as_ref().map(|digest| json!(digest))),
        ("runtimeId", container.runtime_id.as_ref().map(|id| json!(id))),
        ("exitCode", container.exit_code.map(|code| json!(code))),
        ("reason", container.reason.as_ref().map(|reason| json!(reason))),
    ];
    put(members, some);
    answer
}

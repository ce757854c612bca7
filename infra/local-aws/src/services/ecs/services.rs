//! Services: described, listed, deleted. Making and changing them is `create`'s and `update`'s.

pub(super) mod create;
pub(super) mod update;

use serde::Deserialize;
use serde_json::{Value, json};

use super::counts::Counts;
use super::page::Page;
use super::reference::{self, key};
use super::{failure, includes, input, invalid, one_of, service_wire, with_token};
use crate::emulator::Emulator;
use crate::error::Answer;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    cluster: Option<String>,
    services: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

/// AWS: at most 10 services a call.
const MOST: usize = 10;

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { cluster, services, include } = input::members(given)?;
    let with_tags = includes(&include, &["TAGS"])?.contains(&"TAGS");
    if services.is_empty() {
        return Err(invalid("Services cannot be empty."));
    }
    if services.len() > MOST {
        return Err(invalid(format!("Services cannot have more than {MOST} items.")));
    }
    emulator.store.read(|state| {
        let cluster = &reference::cluster(state, &emulator.settings, cluster.as_deref())?.name;
        let counts = Counts::of(&state.ecs);
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for given in &services {
            let name = reference::service_name(&emulator.settings, cluster, given)?;
            match state.ecs.services.get(&key(cluster, name)) {
                Some(service) => found.push(service_wire::service(&emulator.settings, service, &counts, with_tags)),
                None => failures.push(failure(&emulator.settings.arn("ecs", &format!("service/{cluster}/{name}")))),
            }
        }
        Ok(json!({ "services": found, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    cluster: Option<String>,
    launch_type: Option<String>,
    scheduling_strategy: Option<String>,
    resource_management_type: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let List { cluster, launch_type, scheduling_strategy, resource_management_type, max_results, next_token } =
        input::members(given)?;
    if let Some(given) = &launch_type {
        one_of("launchType", given, &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"])?;
    }
    if let Some(given) = &scheduling_strategy {
        one_of("schedulingStrategy", given, &["REPLICA", "DAEMON"])?;
    }
    if let Some(given) = &resource_management_type {
        one_of("resourceManagementType", given, &["CUSTOMER", "ECS"])?;
    }
    // All services here are of one kind.
    let none = scheduling_strategy.is_some_and(|given| given != "REPLICA")
        || resource_management_type.is_some_and(|given| given != "CUSTOMER");
    let arns = emulator.store.read(|state| {
        let cluster = &reference::cluster(state, &emulator.settings, cluster.as_deref())?.name;
        let services = state.ecs.services.values().filter(|service| {
            !none
                && service.cluster == *cluster
                && service.status != "INACTIVE"
                && launch_type.as_deref().is_none_or(|given| service.launch_type.as_deref() == Some(given))
        });
        Ok(services.map(|service| service_wire::arn(&emulator.settings, service)).collect::<Vec<_>>())
    })?;
    let (arns, next) = Page { max_results, next_token }.of("ListServices", arns, |arn| arn, (10, 100))?;
    Ok(with_token(json!({ "serviceArns": arns }), next))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    cluster: Option<String>,
    service: String,
    #[serde(default)]
    force: bool,
}

pub(super) fn delete(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Delete { cluster, service, force } = input::members(given)?;
    emulator.store.write(|state| {
        let cluster = reference::cluster(state, &emulator.settings, cluster.as_deref())?.name.clone();
        let name = reference::service_name(&emulator.settings, &cluster, &service)?;
        let found = reference::service(&state.ecs, &cluster, name)?;
        if found.status == "INACTIVE" {
            return Err(reference::no_service());
        }
        if found.desired_count > 0 && !force {
            return Err(invalid("The service cannot be stopped while it is scaled above 0."));
        }
        // The scheduler stops the tasks and sees the service off.
        if let Some(service) = state.ecs.services.get_mut(&key(&cluster, name)) {
            service.status = "DRAINING".into();
            service.desired_count = 0;
        }
        let service = reference::service(&state.ecs, &cluster, name)?;
        Ok(json!({ "service": service_wire::service(&emulator.settings, service, &Counts::of(&state.ecs), true) }))
    })
}

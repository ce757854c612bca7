//! `UpdateService`: what is left out stays as it is, and only what is in a service revision makes a new deployment.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::capacity_providers::StrategyItem;
use super::super::counts::Counts;
use super::super::reference::{self, key};
use super::super::service_input::{self, DeploymentConfigurationChange};
use super::super::{beyond, input, invalid, refused, service_wire};
use super::create::{DeploymentController, check_controller};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::scheduler::deployments;
use crate::settings::Settings;
use crate::store::State;
use crate::store::ecs::{NetworkConfiguration, Service, ServiceLoadBalancer};
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Update {
    cluster: Option<String>,
    service: String,
    desired_count: Option<u32>,
    task_definition: Option<String>,
    capacity_provider_strategy: Option<Vec<StrategyItem>>,
    #[serde(default)]
    deployment_configuration: DeploymentConfigurationChange,
    availability_zone_rebalancing: Option<String>,
    network_configuration: Option<NetworkConfiguration>,
    platform_version: Option<String>,
    #[serde(default)]
    force_new_deployment: bool,
    health_check_grace_period_seconds: Option<u32>,
    deployment_controller: Option<DeploymentController>,
    enable_execute_command: Option<bool>,
    #[serde(rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: Option<bool>,
    load_balancers: Option<Vec<ServiceLoadBalancer>>,
    propagate_tags: Option<String>,
}

pub(in super::super) fn update(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    beyond::refuse(&mut given, beyond::SERVICE)?;
    let given: Update = input::members(&given)?;
    check_controller(given.deployment_controller.as_ref())?;
    given.desired_count.map_or(Ok(()), service_input::check_desired_count)?;
    service_input::check_platform_version(given.platform_version.as_deref())?;
    service_input::check_words(given.propagate_tags.as_deref(), given.availability_zone_rebalancing.as_deref())?;
    let settings = &emulator.settings;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let cluster = reference::active_cluster(state, settings, given.cluster.as_deref())?;
        let name = reference::service_name(settings, &cluster, &given.service)?;
        let service = reference::service(&state.ecs, &cluster, name)?;
        if service.status != "ACTIVE" {
            return Err(AwsError::client("ServiceNotActiveException", "Service was not ACTIVE."));
        }
        let force = given.force_new_deployment;
        let next = given.apply(state, settings, service.clone())?;
        let deploy = force || is_other_revision(service, &next);
        let key = key(&cluster, &next.name);
        state.ecs.services.insert(key.clone(), next);
        if deploy {
            deployments::begin(state, settings, &key, now);
        }
        let service = state.ecs.services.get(&key).ok_or_else(reference::no_service)?;
        Ok(json!({ "service": service_wire::service(settings, service, &Counts::of(&state.ecs), true) }))
    })
}

/// Whether a service would have another service revision.
fn is_other_revision(before: &Service, after: &Service) -> bool {
    before.task_definition != after.task_definition
        || before.network_configuration != after.network_configuration
        || before.load_balancers != after.load_balancers
        || before.launch_type != after.launch_type
        || before.capacity_provider_strategy != after.capacity_provider_strategy
}

impl Update {
    /// The service as it is to be.
    fn apply(self, state: &State, settings: &Settings, mut service: Service) -> Answer<Service> {
        if let Some(strategy) = self.capacity_provider_strategy {
            if strategy.is_empty() {
                return Err(AwsError::unsupported("The way back from capacity providers to the launch type"));
            }
            service_input::check_launch(None, &strategy)?;
            let items: Vec<Value> = strategy.iter().map(|item| json!(item)).collect();
            if items != service.capacity_provider_strategy && !self.force_new_deployment {
                return Err(invalid(
                    "forceNewDeployment must be true when the capacity provider strategy of a service is changed.",
                ));
            }
            service.capacity_provider_strategy = items;
            service.launch_type = None;
        }
        if let Some(network) = self.network_configuration {
            service_input::check_network(Some(&network))?;
            service.network_configuration = Some(network);
        }
        let named = self.task_definition.filter(|text| !text.is_empty());
        let given_definition = named.is_some();
        if let Some(named) = named {
            let definition = reference::definition(settings, &named)?.find_active(&state.ecs)?;
            service.task_definition = definition.definition.task_definition_arn.clone();
        }
        let given_balancers = self.load_balancers.is_some();
        if let Some(balancers) = self.load_balancers {
            service.load_balancers = balancers;
        }
        if given_definition || given_balancers || self.force_new_deployment {
            let revision = state.ecs.revision(&service.task_definition);
            let definition = &revision.ok_or_else(|| refused("TaskDefinition not found."))?.definition;
            service_input::check_load_balancers(state, definition, &service.load_balancers)?;
            service_input::check_roles(&state.ecs, definition)?;
        }
        if self.health_check_grace_period_seconds.is_some() {
            let balanced = !service.load_balancers.is_empty();
            service_input::check_grace_period(self.health_check_grace_period_seconds, balanced)?;
            service.health_check_grace_period_seconds = self.health_check_grace_period_seconds;
        }
        service.deployment_configuration = self.deployment_configuration.apply(&service.deployment_configuration)?;
        service.desired_count = self.desired_count.unwrap_or(service.desired_count);
        service.enable_execute_command = self.enable_execute_command.unwrap_or(service.enable_execute_command);
        service.enable_ecs_managed_tags = self.enable_ecs_managed_tags.unwrap_or(service.enable_ecs_managed_tags);
        service.propagate_tags = self.propagate_tags.unwrap_or(service.propagate_tags);
        service.availability_zone_rebalancing =
            self.availability_zone_rebalancing.unwrap_or(service.availability_zone_rebalancing);
        Ok(service)
    }
}

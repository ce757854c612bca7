//! `CreateService`.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::capacity_providers::StrategyItem;
use super::super::counts::Counts;
use super::super::reference::{self, key};
use super::super::service_input::{self, DeploymentConfigurationChange, PLATFORM};
use super::super::{beyond, input, invalid, one_of, service_wire, tags};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::scheduler::deployments;
use crate::store::ecs::{NetworkConfiguration, Service, ServiceLoadBalancer};
use crate::store::task_definition::Tag;
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Create {
    cluster: Option<String>,
    service_name: String,
    task_definition: Option<String>,
    #[serde(default)]
    load_balancers: Vec<ServiceLoadBalancer>,
    desired_count: Option<u32>,
    /// Names are unique, so a second call is refused with it or without.
    #[serde(rename = "clientToken")]
    _client_token: Option<String>,
    launch_type: Option<String>,
    #[serde(default)]
    capacity_provider_strategy: Vec<StrategyItem>,
    platform_version: Option<String>,
    #[serde(default)]
    deployment_configuration: DeploymentConfigurationChange,
    network_configuration: Option<NetworkConfiguration>,
    health_check_grace_period_seconds: Option<u32>,
    scheduling_strategy: Option<String>,
    deployment_controller: Option<DeploymentController>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default, rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: bool,
    propagate_tags: Option<String>,
    #[serde(default)]
    enable_execute_command: bool,
    availability_zone_rebalancing: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeploymentController {
    #[serde(rename = "type")]
    kind: String,
}

/// ECS itself; CodeDeploy and others are not here.
pub(super) fn check_controller(given: Option<&DeploymentController>) -> Answer<()> {
    let Some(DeploymentController { kind }) = given else { return Ok(()) };
    one_of("deploymentController", kind, &["ECS", "CODE_DEPLOY", "EXTERNAL"])?;
    if kind == "ECS" { Ok(()) } else { Err(AwsError::unsupported(format!("The deployment controller {kind}"))) }
}

impl Create {
    /// All that can be said without a look at the state.
    fn check(&self) -> Answer<()> {
        if !reference::is_name(&self.service_name) {
            return Err(invalid("Service name must have up to 255 letters, digits, hyphens and underscores."));
        }
        check_controller(self.deployment_controller.as_ref())?;
        if let Some(given) = &self.scheduling_strategy {
            one_of("schedulingStrategy", given, &["REPLICA", "DAEMON"])?;
            if given == "DAEMON" {
                return Err(invalid("The daemon scheduling strategy is not supported by Fargate."));
            }
        }
        let count = self.desired_count.ok_or_else(|| invalid("Desired count can not be null."))?;
        service_input::check_desired_count(count)?;
        service_input::check_launch(self.launch_type.as_deref(), &self.capacity_provider_strategy)?;
        service_input::check_platform_version(self.platform_version.as_deref())?;
        service_input::check_network(self.network_configuration.as_ref())?;
        service_input::check_grace_period(self.health_check_grace_period_seconds, !self.load_balancers.is_empty())?;
        service_input::check_words(self.propagate_tags.as_deref(), self.availability_zone_rebalancing.as_deref())?;
        tags::check(&self.tags)
    }
}

pub(in super::super) fn create(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    beyond::refuse(&mut given, beyond::SERVICE)?;
    let given: Create = input::members(&given)?;
    given.check()?;
    let settings = &emulator.settings;
    let named = given.task_definition.as_deref().filter(|text| !text.is_empty());
    let named = named.ok_or_else(|| invalid("TaskDefinition can not be blank."))?;
    let named = reference::definition(settings, named)?;
    let deployment_configuration =
        given.deployment_configuration.apply(&service_input::usual_deployment_configuration())?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let cluster = reference::active_cluster(state, settings, given.cluster.as_deref())?;
        let definition = &named.find_active(&state.ecs)?.definition;
        service_input::check_load_balancers(state, definition, &given.load_balancers)?;
        service_input::check_roles(&state.ecs, definition)?;
        let key = key(&cluster, &given.service_name);
        match state.ecs.services.get(&key).map(|service| service.status.as_str()) {
            None | Some("INACTIVE") => {}
            Some("DRAINING") => return Err(invalid("Unable to Start a service that is still Draining.")),
            Some(_) => return Err(invalid("Creation of service was not idempotent.")),
        }
        let service = Service {
            name: given.service_name,
            cluster,
            status: "ACTIVE".into(),
            desired_count: given.desired_count.unwrap_or_default(),
            task_definition: definition.task_definition_arn.clone(),
            launch_type: given.launch_type,
            capacity_provider_strategy: given.capacity_provider_strategy.iter().map(|item| json!(item)).collect(),
            platform_version: PLATFORM.into(),
            deployment_configuration,
            health_check_grace_period_seconds: match given.health_check_grace_period_seconds {
                None if !given.load_balancers.is_empty() => Some(0),
                seconds => seconds,
            },
            load_balancers: given.load_balancers,
            network_configuration: given.network_configuration,
            enable_execute_command: given.enable_execute_command,
            enable_ecs_managed_tags: given.enable_ecs_managed_tags,
            propagate_tags: given.propagate_tags.unwrap_or_else(|| "NONE".into()),
            availability_zone_rebalancing: given.availability_zone_rebalancing.unwrap_or_else(|| "ENABLED".into()),
            created_at: now,
            deployments: Vec::new(),
            events: VecDeque::new(),
            service_deployments: VecDeque::new(),
            service_revisions: VecDeque::new(),
            tags: given.tags,
            steady_announced: false,
        };
        state.ecs.services.insert(key.clone(), service);
        deployments::begin(state, settings, &key, now);
        let service = state.ecs.services.get(&key).ok_or_else(reference::no_service)?;
        Ok(json!({ "service": service_wire::service(settings, service, &Counts::of(&state.ecs), true) }))
    })
}

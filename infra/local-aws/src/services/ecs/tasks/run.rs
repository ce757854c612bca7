//! `RunTask`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::capacity_providers::StrategyItem;
use super::super::reference;
use super::super::service_input;
use super::super::validation::sizes::{Size, cpu_units, memory_mib};
use super::super::{beyond, input, invalid, tags, task_wire};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::ecs::{Ecs, NetworkConfiguration, Revision};
use crate::store::task::{ContainerOverride, Task, TaskOverride, new_id};
use crate::store::task_definition::{Tag, TaskDefinition};
use crate::time::Timestamp;

/// AWS: at most 10 tasks a call; 8192 characters of overrides; 128 characters of `startedBy`; 64 of a client token.
const MOST: u32 = 10;
const LONGEST_OVERRIDES: usize = 8192;
const LONGEST_STARTED_BY: usize = 128;
const LONGEST_TOKEN: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Run {
    cluster: Option<String>,
    task_definition: String,
    count: Option<u32>,
    launch_type: Option<String>,
    #[serde(default)]
    capacity_provider_strategy: Vec<StrategyItem>,
    platform_version: Option<String>,
    network_configuration: Option<NetworkConfiguration>,
    #[serde(default)]
    overrides: TaskOverride,
    group: Option<String>,
    started_by: Option<String>,
    client_token: Option<String>,
    /// For the caller's own books.
    #[serde(rename = "referenceId")]
    _reference_id: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default, rename = "enableECSManagedTags")]
    enable_ecs_managed_tags: bool,
    #[serde(default, rename = "enableExecuteCommand")]
    _enable_execute_command: bool,
    propagate_tags: Option<String>,
}

impl Run {
    /// All that can be said without a look at the state.
    fn check(&self) -> Answer<()> {
        if !(1..=MOST).contains(&self.count.unwrap_or(1)) {
            return Err(invalid(format!("count must be between 1 and {MOST}.")));
        }
        service_input::check_launch(self.launch_type.as_deref(), &self.capacity_provider_strategy)?;
        service_input::check_platform_version(self.platform_version.as_deref())?;
        service_input::check_network(self.network_configuration.as_ref())?;
        service_input::check_words(self.propagate_tags.as_deref(), None)?;
        if self.propagate_tags.as_deref() == Some("SERVICE") {
            return Err(invalid("propagateTags SERVICE is only valid for services."));
        }
        if self.group.as_deref().is_some_and(|group| group.starts_with("service:")) {
            return Err(invalid("The task group name must not start with \"service:\"."));
        }
        if self.started_by.as_deref().is_some_and(|by| by.chars().count() > LONGEST_STARTED_BY) {
            return Err(invalid(format!("startedBy can not be longer than {LONGEST_STARTED_BY} characters.")));
        }
        if self.client_token.as_deref().is_some_and(|token| token.chars().count() > LONGEST_TOKEN) {
            return Err(invalid(format!("clientToken can not be longer than {LONGEST_TOKEN} characters.")));
        }
        tags::check(&self.tags)
    }

    /// The tasks that an earlier call with the same token has started, where there was one.
    fn earlier<'a>(&self, ecs: &'a Ecs, cluster: &str, definition: &TaskDefinition) -> Answer<Option<Vec<&'a Task>>> {
        let Some(token) = &self.client_token else { return Ok(None) };
        let same = |task: &&Task| task.cluster == cluster && task.client_token.as_ref() == Some(token);
        let tasks: Vec<_> = ecs.tasks.values().filter(same).collect();
        let asked_again =
            |task: &&Task| task.task_definition == definition.task_definition_arn && task.overrides == self.overrides;
        if tasks.is_empty() {
            Ok(None)
        } else if tasks.len() == self.count.unwrap_or(1) as usize && tasks.iter().all(asked_again) {
            Ok(Some(tasks))
        } else {
            Err(AwsError::client("ConflictException", "The client token was used for a call with other parameters."))
        }
    }

    fn tags(&self, cluster: &str, revision: &Revision) -> Vec<Tag> {
        let mut tags = self.tags.clone();
        if self.propagate_tags.as_deref() == Some("TASK_DEFINITION") {
            let of_revision = revision.tags.iter().filter(|tag| !self.tags.iter().any(|own| own.key == tag.key));
            tags.extend(of_revision.cloned());
        }
        if self.enable_ecs_managed_tags {
            tags.push(Tag { key: "aws:ecs:clusterName".into(), value: cluster.to_owned() });
        }
        tags
    }
}

pub(in super::super) fn run(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    beyond::refuse(&mut given, beyond::RUN_TASK)?;
    if given.get("overrides").is_some_and(|overrides| overrides.to_string().len() > LONGEST_OVERRIDES) {
        return Err(invalid(format!("Container Overrides length must be at most {LONGEST_OVERRIDES}")));
    }
    let given: Run = input::members(&given)?;
    given.check()?;
    let settings = &emulator.settings;
    let named = reference::definition(settings, &given.task_definition)?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let cluster = reference::active_cluster(state, settings, given.cluster.as_deref())?;
        let revision = named.find_active(&state.ecs)?;
        let definition = &revision.definition;
        check_overrides(&given.overrides, definition)?;
        let role = |own: &Option<String>, usual: &Option<String>| own.clone().or_else(|| usual.clone());
        let task_role = role(&given.overrides.task_role_arn, &definition.task_role_arn);
        let execution_role = role(&given.overrides.execution_role_arn, &definition.execution_role_arn);
        super::super::validation::check_roles(&state.ecs, task_role.as_deref(), execution_role.as_deref())?;
        let wire = |ecs: &Ecs, task: &Task| task_wire::task(settings, ecs, task, true);
        if let Some(tasks) = given.earlier(&state.ecs, &cluster, definition)? {
            let tasks: Vec<_> = tasks.into_iter().map(|task| wire(&state.ecs, task)).collect();
            return Ok(json!({ "tasks": tasks, "failures": [] }));
        }
        let group = given.group.clone().filter(|group| !group.is_empty());
        let group = group.unwrap_or_else(|| format!("family:{}", definition.family));
        let tags = given.tags(&cluster, revision);
        let new = (0..given.count.unwrap_or(1)).map(|_| {
            let mut task = Task::new(new_id(), &cluster, definition, group.clone(), now);
            task.started_by = given.started_by.clone();
            task.overrides = given.overrides.clone();
            task.network_configuration = given.network_configuration.clone();
            task.tags = tags.clone();
            task.client_token = given.client_token.clone();
            task
        });
        let new: Vec<Task> = new.collect();
        let answer: Vec<_> = new.iter().map(|task| wire(&state.ecs, task)).collect();
        state.ecs.tasks.extend(new.into_iter().map(|task| (task.id.clone(), task)));
        Ok(json!({ "tasks": answer, "failures": [] }))
    })
}

fn check_overrides(overrides: &TaskOverride, definition: &TaskDefinition) -> Answer<()> {
    for ContainerOverride { name, environment, cpu, memory, memory_reservation, .. } in &overrides.container_overrides {
        let name = name.as_deref().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| invalid("The name of a container override can not be blank."))?;
        if !definition.container_definitions.iter().any(|container| container.name == name) {
            return Err(invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
        if environment.iter().any(|variable| variable.name.is_empty()) {
            return Err(invalid(format!("An environment variable of the override for {name} has no name.")));
        }
        let task = Size { cpu: number(&definition.cpu), memory: number(&definition.memory) };
        let too_much = [
            ("cpu", cpu, task.cpu),
            ("memory", memory, task.memory),
            ("memoryReservation", memory_reservation, task.memory),
        ];
        let whole = overrides.cpu.is_none() && overrides.memory.is_none();
        for (member, value, most) in too_much {
            if whole && value.is_some_and(|value| value > most) {
                return Err(invalid(format!(
                    "The '{member}' setting for container '{name}' is greater than for the task."
                )));
            }
        }
    }
    if overrides.cpu.is_some() || overrides.memory.is_some() {
        let cpu = cpu_units(overrides.cpu.as_deref().unwrap_or(&definition.cpu))?;
        let memory = memory_mib(overrides.memory.as_deref().unwrap_or(&definition.memory))?;
        Size { cpu, memory }.check()?;
    }
    Ok(())
}

/// A share of a task definition: a number, as `register` has written it.
fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

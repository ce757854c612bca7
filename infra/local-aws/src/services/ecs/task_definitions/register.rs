//! `RegisterTaskDefinition`: the input is checked, defaults are filled in as on AWS.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{attributes, beyond, members, tags, validation};
use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::protocol;
use crate::settings::{ACCOUNT, Settings, UnknownMembers};
use crate::store::ecs::Revision;
use crate::store::task_definition::{
    ContainerDefinition, EphemeralStorage, RuntimePlatform, Tag, TaskDefinition, Volume,
};
use crate::time::Timestamp;

/// Members of the call that the emulator supports.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Register {
    #[serde(default)]
    family: String,
    task_role_arn: Option<String>,
    execution_role_arn: Option<String>,
    network_mode: Option<String>,
    #[serde(default)]
    container_definitions: Vec<ContainerDefinition>,
    #[serde(default)]
    volumes: Vec<Volume>,
    #[serde(default)]
    requires_compatibilities: Vec<String>,
    cpu: Option<String>,
    memory: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
    ephemeral_storage: Option<EphemeralStorage>,
    runtime_platform: Option<RuntimePlatform>,
}

pub(in super::super) fn register(emulator: &Emulator, mut given: Value) -> Answer<Value> {
    let (input, unknown_members): (Register, _) = match emulator.settings.unknown_members {
        UnknownMembers::Refuse => {
            beyond::refuse(&mut given, beyond::TASK_DEFINITION)?;
            (members(&given)?, Vec::new())
        }
        UnknownMembers::Keep => {
            beyond::refuse_as_aws(&mut given, beyond::TASK_DEFINITION)?;
            protocol::members_and_unknown(Service::Ecs, &mut given)?
        }
    };
    let (definition, tags) = input.draft()?;
    tags::check(&tags)?;
    validation::check(&definition, &emulator.settings)?;
    let definition = filled_in(definition, &emulator.settings);
    emulator.store.write(|state| {
        let family = state.ecs.families.entry(definition.family.clone()).or_default();
        family.last_revision += 1;
        let number = family.last_revision;
        let name = format!("task-definition/{}:{number}", definition.family);
        let task_definition_arn = emulator.settings.arn("ecs", &name);
        let definition =
            TaskDefinition { task_definition_arn, revision: number, registered_at: Timestamp::now(), ..definition };
        let revision = Revision { definition, tags, unknown_members };
        let mut answer = json!({ "taskDefinition": revision.document() });
        if !revision.tags.is_empty() {
            answer["tags"] = json!(revision.tags);
        }
        family.revisions.insert(number, revision);
        Ok(answer)
    })
}

impl Register {
    /// The document without number and name, and its tags.
    fn draft(self) -> Answer<(TaskDefinition, Vec<Tag>)> {
        validation::check_family(&self.family)?;
        let size = validation::sizes::check(
            &self.requires_compatibilities,
            self.network_mode.as_deref(),
            self.cpu.as_deref(),
            self.memory.as_deref(),
        )?;
        let definition = TaskDefinition {
            task_definition_arn: String::new(),
            container_definitions: self.container_definitions,
            family: self.family,
            task_role_arn: self.task_role_arn.filter(|arn| !arn.is_empty()),
            execution_role_arn: self.execution_role_arn.filter(|arn| !arn.is_empty()),
            network_mode: self.network_mode.unwrap_or_default(),
            revision: 0,
            volumes: self.volumes,
            status: "ACTIVE".into(),
            requires_attributes: Vec::new(),
            placement_constraints: Vec::new(),
            compatibilities: vec!["EC2".into(), "FARGATE".into()],
            requires_compatibilities: self.requires_compatibilities,
            cpu: size.cpu.to_string(),
            memory: size.memory.to_string(),
            runtime_platform: self.runtime_platform,
            ephemeral_storage: self.ephemeral_storage,
            registered_at: Timestamp::default(),
            deregistered_at: None,
            registered_by: Some(format!("arn:aws:iam::{ACCOUNT}:root")),
        };
        Ok((definition, self.tags))
    }
}

/// Fills in AWS's defaults.
fn filled_in(mut definition: TaskDefinition, settings: &Settings) -> TaskDefinition {
    for container in &mut definition.container_definitions {
        container.essential.get_or_insert(true);
        for port in &mut container.port_mappings {
            port.host_port = Some(port.container_port);
            port.protocol.get_or_insert_with(|| "tcp".into());
        }
        if let Some(check) = &mut container.health_check {
            check.interval.get_or_insert(30);
            check.timeout.get_or_insert(5);
            check.retries.get_or_insert(3);
        }
    }
    for volume in &mut definition.volumes {
        if volume.efs_volume_configuration.is_none() {
            volume.host.get_or_insert_with(BTreeMap::new);
        }
    }
    definition.requires_attributes = attributes::of(&definition, settings);
    definition
}

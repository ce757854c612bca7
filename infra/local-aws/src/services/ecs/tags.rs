//! Tags of clusters, services, tasks and task definitions, all by ARN.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::reference::{self, key};
use super::{input, invalid};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::settings::Settings;
use crate::store::State;
use crate::store::task::TaskStatus;
use crate::store::task_definition::Tag;

/// AWS: at most 50 tags a resource, keys of at most 128 and values of at most 256 characters.
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Whether AWS takes these tags on something new.
pub(super) fn check(tags: &[Tag]) -> Answer<()> {
    if tags.len() > MOST {
        return Err(invalid(format!("Tags can not be more than {MOST}.")));
    }
    let mut keys = BTreeSet::new();
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > LONGEST_KEY {
            return Err(invalid(format!(
                "Tag key should have between 1 and {LONGEST_KEY} characters, but was '{key}'."
            )));
        }
        if value.chars().count() > LONGEST_VALUE {
            return Err(invalid(format!(
                "The value of tag '{key}' can not be longer than {LONGEST_VALUE} characters."
            )));
        }
        let allowed = |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter);
        if !key.chars().chain(value.chars()).all(allowed) {
            return Err(invalid(format!("The tag '{key}' has characters that are not allowed.")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
        }
        if !keys.insert(key) {
            return Err(invalid(format!("Duplicate tag keys found: {key}.")));
        }
    }
    Ok(())
}

/// A resource that can have tags.
enum Resource {
    Cluster(String),
    Service(String),
    Task(String),
    Definition(String, u32),
}

impl Resource {
    fn parse(settings: &Settings, arn: &str) -> Answer<Resource> {
        let bad = || invalid(format!("Invalid ARN: {arn}"));
        let rest = arn.strip_prefix("arn:").ok_or_else(bad)?;
        let resource = rest.splitn(5, ':').nth(4).ok_or_else(bad)?;
        let mut parts = resource.split('/');
        let (kind, first, second) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let long = |_| invalid("Long arn format must be used for tagging operations");
        match (kind, first, second) {
            ("cluster", Some(_), None) => Ok(Resource::Cluster(reference::cluster_name(settings, Some(arn))?)),
            ("service", Some(cluster), Some(_)) => {
                Ok(Resource::Service(key(cluster, reference::service_name(settings, cluster, arn)?)))
            }
            ("task", Some(cluster), Some(_)) => {
                Ok(Resource::Task(reference::task_id(settings, cluster, arn)?.to_owned()))
            }
            ("task-definition", Some(_), None) => {
                let found = reference::definition(settings, arn)?;
                Ok(Resource::Definition(found.family, found.revision.ok_or_else(bad)?))
            }
            ("service" | "task", Some(_), None) => Err(long(())),
            ("container-instance" | "task-set" | "capacity-provider", ..) => {
                Err(AwsError::unsupported(format!("Tagging of a {kind}")))
            }
            _ => Err(bad()),
        }
    }

    fn tags<'a>(&self, state: &'a mut State) -> Answer<&'a mut Vec<Tag>> {
        let over = |what: &str, state: &str, wanted: &str| {
            invalid(format!("The specified {what} is {state}. Specify {wanted} {what} and try again."))
        };
        let ecs = &mut state.ecs;
        match self {
            Resource::Cluster(name) => {
                let cluster = ecs.clusters.get_mut(name).ok_or_else(reference::no_cluster)?;
                if cluster.status != "ACTIVE" {
                    return Err(over("cluster", "inactive", "an active"));
                }
                Ok(&mut cluster.tags)
            }
            Resource::Service(key) => {
                let service = ecs.services.get_mut(key).filter(|service| service.status != "INACTIVE");
                Ok(&mut service.ok_or_else(|| over("service", "inactive", "an active"))?.tags)
            }
            Resource::Task(id) => {
                let task = ecs.tasks.get_mut(id).filter(|task| task.last_status != TaskStatus::Stopped);
                Ok(&mut task.ok_or_else(|| over("task", "stopped", "a running"))?.tags)
            }
            Resource::Definition(family, number) => {
                let revision = ecs.families.get_mut(family).and_then(|family| family.revisions.get_mut(number));
                let revision = revision.filter(|revision| revision.definition.status == "ACTIVE");
                Ok(&mut revision.ok_or_else(|| over("task definition", "inactive", "an active"))?.tags)
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Add {
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) fn add(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Add { resource_arn, tags } = input::members(given)?;
    check(&tags)?;
    let resource = Resource::parse(&emulator.settings, &resource_arn)?;
    emulator.store.write(|state| {
        let found = resource.tags(state)?;
        let mut all = found.clone();
        all.retain(|old| !tags.iter().any(|tag| tag.key == old.key));
        all.extend(tags);
        // ECS's own tags do not count.
        if all.iter().filter(|tag| !tag.key.starts_with("aws:")).count() > MOST {
            return Err(invalid(format!("Tags can not be more than {MOST}.")));
        }
        *found = all;
        Ok(json!({}))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remove {
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) fn remove(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Remove { resource_arn, tag_keys } = input::members(given)?;
    if tag_keys.iter().any(|key| key.starts_with("aws:")) {
        return Err(invalid("aws: prefixed tag key names are not allowed for external use."));
    }
    let resource = Resource::parse(&emulator.settings, &resource_arn)?;
    emulator.store.write(|state| {
        resource.tags(state)?.retain(|tag| !tag_keys.contains(&tag.key));
        Ok(json!({}))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    resource_arn: String,
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let List { resource_arn } = input::members(given)?;
    let resource = Resource::parse(&emulator.settings, &resource_arn)?;
    // Looking needs no change, but the one way to a resource is through a `State` that can be changed.
    emulator.store.update(|state| (false, resource.tags(state).map(|tags| json!({ "tags": tags }))))
}

//! Tags of parameters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::invalid;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::State;
use crate::store::ssm::Parameter;
use crate::store::task_definition::Tag;

/// AWS: at most 50 tags a resource.
const MOST: usize = 50;

/// A tag, as SSM writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GivenTag {
    key: String,
    value: String,
}

/// Tags that AWS would take: keys of 1 to 128 characters, values of at most 256, no key twice, none of AWS's own.
pub(super) fn checked(given: Vec<GivenTag>) -> Answer<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for GivenTag { key, value } in given {
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Err(invalid(format!("The tag '{key}' is empty or too long.")));
        }
        if key.starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for AWS."));
        }
        if tags.iter().any(|tag| tag.key == key) {
            return Err(invalid(format!("The tag key '{key}' is given twice.")));
        }
        tags.push(Tag { key, value });
    }
    if tags.len() > MOST {
        return Err(AwsError::client("TooManyTagsError", format!("A resource has at most {MOST} tags.")));
    }
    Ok(tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AddTags {
    resource_type: String,
    resource_id: String,
    tags: Vec<GivenTag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTags {
    resource_type: String,
    resource_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RemoveTags {
    resource_type: String,
    resource_id: String,
    tag_keys: Vec<String>,
}

fn check_type(resource_type: &str) -> Answer<()> {
    if resource_type == "Parameter" {
        return Ok(());
    }
    Err(AwsError::client(
        "InvalidResourceType",
        format!("The resource type '{resource_type}' is not supported by the local emulator."),
    ))
}

fn no_resource(id: &str) -> AwsError {
    AwsError::client(
        "InvalidResourceId",
        format!("The resource ID \"{id}\" is not valid. Verify the ID and try again."),
    )
}

fn parameter<'s>(state: &'s mut State, id: &str) -> Answer<&'s mut Parameter> {
    state.ssm.parameters.get_mut(id).ok_or_else(|| no_resource(id))
}

pub(super) fn add(emulator: &Emulator, input: AddTags) -> Answer<Value> {
    check_type(&input.resource_type)?;
    let given = checked(input.tags)?;
    emulator.store.write(|state| {
        let parameter = parameter(state, &input.resource_id)?;
        let mut tags = parameter.tags.clone();
        tags.retain(|tag| given.iter().all(|new| new.key != tag.key));
        tags.extend(given);
        if tags.len() > MOST {
            return Err(AwsError::client("TooManyTagsError", format!("A resource has at most {MOST} tags.")));
        }
        parameter.tags = tags;
        Ok(json!({}))
    })
}

pub(super) fn list(emulator: &Emulator, input: &ListTags) -> Answer<Value> {
    check_type(&input.resource_type)?;
    emulator.store.read(|state| {
        let found = state.ssm.parameters.get(&input.resource_id).ok_or_else(|| no_resource(&input.resource_id))?;
        let tags: Vec<Value> = found.tags.iter().map(|tag| json!({ "Key": tag.key, "Value": tag.value })).collect();
        Ok(json!({ "TagList": tags }))
    })
}

pub(super) fn remove(emulator: &Emulator, input: &RemoveTags) -> Answer<Value> {
    check_type(&input.resource_type)?;
    emulator.store.write(|state| {
        parameter(state, &input.resource_id)?.tags.retain(|tag| !input.tag_keys.contains(&tag.key));
        Ok(json!({}))
    })
}

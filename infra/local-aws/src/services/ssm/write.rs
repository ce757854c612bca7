//! Making, changing and deleting parameters. Without `Overwrite`, one of many writers at once wins.

use serde::Deserialize;
use serde_json::{Value, json};

use super::tags::{GivenTag, checked};
use super::{check_names, invalid, names, not_found};
use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol;
use crate::store::ssm::{Parameter, ParameterType};
use crate::time::Timestamp;

/// AWS: a standard parameter has at most 4 KB.
const LARGEST: usize = 4096;

/// AWS: at most 1,024 characters.
const LONGEST_DESCRIPTION: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PutParameter {
    name: String,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    description: Option<String>,
    overwrite: Option<bool>,
    #[serde(default)]
    tags: Option<Vec<GivenTag>>,
    tier: Option<String>,
    data_type: Option<String>,
    key_id: Option<String>,
}

pub(super) fn put(emulator: &Emulator, input: PutParameter) -> Answer<Value> {
    names::check(&input.name)?;
    let kind = input.kind.as_deref().map(parse_kind).transpose()?;
    check_value(&input)?;
    let PutParameter { name, value, description, overwrite, tags, .. } = input;
    let overwrite = overwrite.unwrap_or(false);
    let tags = checked(tags.unwrap_or_default())?;
    if overwrite && !tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let version = match state.ssm.parameters.get_mut(&name) {
            Some(_) if !overwrite => {
                return Err(AwsError::client(
                    "ParameterAlreadyExists",
                    "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
                ));
            }
            Some(known) => {
                if kind.is_some_and(|kind| kind != known.kind) {
                    return Err(AwsError::client(
                        "HierarchyTypeMismatchException",
                        "Parameter Store doesn't support changing a parameter type. Delete the parameter and create it anew.",
                    ));
                }
                known.value = value;
                known.version += 1;
                known.last_modified = now;
                known.description = description.or(known.description.take());
                known.version
            }
            None => {
                let kind = kind.ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
                let made = Parameter { kind, value, version: 1, last_modified: now, description, tags };
                state.ssm.parameters.insert(name, made);
                1
            }
        };
        Ok(json!({ "Version": version, "Tier": "Standard" }))
    })
}

fn parse_kind(text: &str) -> Answer<ParameterType> {
    Ok(match text {
        "String" => ParameterType::String,
        "StringList" => ParameterType::StringList,
        "SecureString" => ParameterType::SecureString,
        _ => {
            let rule = "Member must satisfy enum value set: [SecureString, StringList, String]";
            return Err(protocol::unfit(Service::Ssm, text, "type", rule));
        }
    })
}

fn check_value(input: &PutParameter) -> Answer<()> {
    if input.value.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        return Err(protocol::unfit(Service::Ssm, "", "value", rule));
    }
    if input.value.len() > LARGEST {
        return Err(invalid(format!(
            "Standard tier parameters support a maximum parameter value of {LARGEST} characters. Advanced parameters are \
             not supported by the local emulator."
        )));
    }
    if input.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        let rule = format!("Member must have length less than or equal to {LONGEST_DESCRIPTION}");
        return Err(protocol::unfit(Service::Ssm, "…", "description", &rule));
    }
    for (given, what, only) in [
        (&input.tier, "Tier", "Standard"),
        (&input.data_type, "DataType", "text"),
        (&input.key_id, "KeyId", "alias/aws/ssm"),
    ] {
        if let Some(given) = given.as_ref().filter(|given| *given != only) {
            return Err(AwsError::unsupported(format!("{what} '{given}'")));
        }
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteParameter {
    name: String,
}

pub(super) fn delete(emulator: &Emulator, input: &DeleteParameter) -> Answer<Value> {
    let removed = emulator.store.update(|state| {
        let removed = state.ssm.parameters.remove(&input.name);
        (removed.is_some(), removed)
    });
    removed.map(|_| json!({})).ok_or_else(|| not_found(&input.name))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteParameters {
    names: Vec<String>,
}

pub(super) fn delete_several(emulator: &Emulator, input: DeleteParameters) -> Answer<Value> {
    check_names(&input.names)?;
    let (deleted, missing): (Vec<String>, Vec<String>) = emulator
        .store
        .write(|state| input.names.into_iter().partition(|name| state.ssm.parameters.remove(name).is_some()));
    Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": missing }))
}

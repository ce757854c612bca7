//! Schedule groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_token, check_name, check_token, exists, invalid, not_found, page_size};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol::page;
use crate::settings::Settings;
use crate::store::scheduler::{DEFAULT_GROUP, ScheduleGroup};
use crate::time::Timestamp;

const KIND: &str = "Schedule group";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateScheduleGroup {
    name: String,
    client_token: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct NamedGroup {
    name: String,
    client_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListScheduleGroups {
    max_results: Option<i64>,
    name_prefix: Option<String>,
    next_token: Option<String>,
}

pub(super) fn create(emulator: &Emulator, input: CreateScheduleGroup) -> Answer<Value> {
    let CreateScheduleGroup { name, client_token, tags } = input;
    check_name(&name, "name")?;
    check_token(client_token.as_deref())?;
    if !tags.is_empty() {
        return Err(AwsError::unsupported("The member 'Tags'"));
    }
    let arn = arn(&emulator.settings, &name);
    let now = Timestamp::now();
    emulator.store.update(|state| {
        let groups = &mut state.scheduler.groups;
        match groups.get(&name) {
            // A retry of the call that created it.
            Some(known) if client_token.is_some() && known.client_token == client_token => {}
            Some(_) => return (false, Err(exists(KIND, &name))),
            None => _ = groups.insert(name, ScheduleGroup { created: now, client_token }),
        }
        (true, Ok(json!({ "ScheduleGroupArn": arn })))
    })
}

pub(super) fn get(emulator: &Emulator, input: &NamedGroup) -> Answer<Value> {
    check_name(&input.name, "name")?;
    emulator.store.read(|state| {
        let group = state.scheduler.groups.get(&input.name).ok_or_else(|| not_found(KIND, &input.name))?;
        Ok(shown(&emulator.settings, &input.name, group))
    })
}

/// Deletes a group and its schedules at once, where AWS takes a while.
pub(super) fn delete(emulator: &Emulator, input: &NamedGroup) -> Answer<Value> {
    check_name(&input.name, "name")?;
    check_token(input.client_token.as_deref())?;
    if input.name == DEFAULT_GROUP {
        return Err(invalid("The default schedule group cannot be deleted."));
    }
    emulator.store.update(|state| {
        if state.scheduler.groups.remove(&input.name).is_none() {
            return (false, Err(not_found(KIND, &input.name)));
        }
        state.scheduler.schedules.retain(|_, schedule| schedule.group != input.name);
        (true, Ok(json!({})))
    })
}

pub(super) fn list(emulator: &Emulator, input: &ListScheduleGroups) -> Answer<Value> {
    let size = page_size(input.max_results)?;
    let prefix = input.name_prefix.as_deref();
    prefix.map_or(Ok(()), |prefix| check_name(prefix, "namePrefix"))?;
    let prefix = prefix.unwrap_or_default();
    emulator.store.read(|state| {
        let groups = state.scheduler.groups.iter().filter(|(name, _)| name.starts_with(prefix));
        let all = groups.map(|(name, group)| (name.clone(), shown(&emulator.settings, name, group)));
        let scope = format!("ListScheduleGroups {prefix}");
        let (page, next) = page::cut(&scope, size, input.next_token.as_deref(), all).ok_or_else(bad_token)?;
        let mut answer = json!({ "ScheduleGroups": page });
        next.into_iter().for_each(|next| answer["NextToken"] = json!(next));
        Ok(answer)
    })
}

fn arn(settings: &Settings, name: &str) -> String {
    settings.arn("scheduler", &format!("schedule-group/{name}"))
}

fn shown(settings: &Settings, name: &str, group: &ScheduleGroup) -> Value {
    json!({
        "Arn": arn(settings, name),
        "CreationDate": group.created,
        "LastModificationDate": group.created,
        "Name": name,
        "State": "ACTIVE",
    })
}

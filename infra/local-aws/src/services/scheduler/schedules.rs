//! Schedules.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::ScheduleInput;
use super::{bad_token, check_name, check_one_of, check_token, exists, not_found, page_size};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::protocol::page;
use crate::settings::Settings;
use crate::store::scheduler::{DEFAULT_GROUP, Schedule, Scheduler};
use crate::time::Timestamp;

const KIND: &str = "Schedule";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct NamedSchedule {
    name: String,
    group_name: Option<String>,
    client_token: Option<String>,
}

impl NamedSchedule {
    fn key(&self) -> Answer<String> {
        let group = self.group_name.as_deref().unwrap_or(DEFAULT_GROUP);
        check_name(&self.name, "name")?;
        check_name(group, "groupName")?;
        check_token(self.client_token.as_deref())?;
        Ok(Scheduler::key(group, &self.name))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListSchedules {
    group_name: Option<String>,
    max_results: Option<i64>,
    name_prefix: Option<String>,
    next_token: Option<String>,
    state: Option<String>,
}

pub(super) fn create(emulator: &Emulator, input: ScheduleInput) -> Answer<Value> {
    let now = Timestamp::now();
    let (group, name, client_token) = input.identity()?;
    let settings = input.settings(&emulator.settings, now, true)?;
    let key = Scheduler::key(&group, &name);
    emulator.store.update(|state| {
        if !state.scheduler.groups.contains_key(&group) {
            return (false, Err(not_found("Schedule group", &group)));
        }
        if let Some(known) = state.scheduler.schedules.get(&key) {
            let is_retry = client_token.is_some() && known.client_token == client_token && known.settings == settings;
            let answer = if is_retry { Ok(answered(&emulator.settings, known)) } else { Err(exists(KIND, &name)) };
            return (false, answer);
        }
        let mut made = Schedule { group, name, settings, created: now, modified: now, client_token, next: None };
        made.next = made.next_from(now);
        let answer = answered(&emulator.settings, &made);
        state.scheduler.schedules.insert(key, made);
        (true, Ok(answer))
    })
}

/// Replaces all settings: those that the call leaves out get their defaults.
pub(super) fn update(emulator: &Emulator, input: ScheduleInput) -> Answer<Value> {
    let now = Timestamp::now();
    let (group, name, _) = input.identity()?;
    let settings = input.settings(&emulator.settings, now, false)?;
    emulator.store.update(|state| {
        let Some(known) = state.scheduler.schedules.get_mut(&Scheduler::key(&group, &name)) else {
            return (false, Err(not_found(KIND, &name)));
        };
        known.settings = settings;
        known.modified = now;
        known.next = known.next_from(now);
        (true, Ok(answered(&emulator.settings, known)))
    })
}

pub(super) fn get(emulator: &Emulator, input: &NamedSchedule) -> Answer<Value> {
    let key = input.key()?;
    emulator.store.read(|state| {
        let schedule = state.scheduler.schedules.get(&key).ok_or_else(|| not_found(KIND, &input.name))?;
        let mut shown = json!(schedule.settings);
        shown["Arn"] = json!(arn(&emulator.settings, schedule));
        shown["GroupName"] = json!(schedule.group);
        shown["Name"] = json!(schedule.name);
        shown["CreationDate"] = json!(schedule.created);
        shown["LastModificationDate"] = json!(schedule.modified);
        Ok(shown)
    })
}

pub(super) fn delete(emulator: &Emulator, input: &NamedSchedule) -> Answer<Value> {
    let key = input.key()?;
    emulator.store.update(|state| match state.scheduler.schedules.remove(&key) {
        Some(_) => (true, Ok(json!({}))),
        None => (false, Err(not_found(KIND, &input.name))),
    })
}

pub(super) fn list(emulator: &Emulator, input: &ListSchedules) -> Answer<Value> {
    let ListSchedules { group_name, max_results, name_prefix, next_token, state: wanted } = input;
    let size = page_size(*max_results)?;
    group_name.as_deref().map_or(Ok(()), |group| check_name(group, "groupName"))?;
    name_prefix.as_deref().map_or(Ok(()), |prefix| check_name(prefix, "namePrefix"))?;
    wanted.as_deref().map_or(Ok(()), |wanted| check_one_of(wanted, "state", &["ENABLED", "DISABLED"]))?;
    emulator.store.read(|state| {
        if let Some(group) = group_name.as_ref().filter(|group| !state.scheduler.groups.contains_key(*group)) {
            return Err(not_found("Schedule group", group));
        }
        let is_wanted = |schedule: &Schedule| {
            group_name.as_ref().is_none_or(|group| schedule.group == *group)
                && name_prefix.as_ref().is_none_or(|prefix| schedule.name.starts_with(prefix))
                && wanted.as_ref().is_none_or(|wanted| schedule.settings.state == *wanted)
        };
        let found = state.scheduler.schedules.iter().filter(|(_, schedule)| is_wanted(schedule));
        let all = found.map(|(key, schedule)| (key.clone(), summary(&emulator.settings, schedule)));
        let scope = format!("ListSchedules {group_name:?} {name_prefix:?} {wanted:?}");
        let (page, next) = page::cut(&scope, size, next_token.as_deref(), all).ok_or_else(bad_token)?;
        let mut answer = json!({ "Schedules": page });
        next.into_iter().for_each(|next| answer["NextToken"] = json!(next));
        Ok(answer)
    })
}

fn arn(settings: &Settings, schedule: &Schedule) -> String {
    settings.arn("scheduler", &format!("schedule/{}/{}", schedule.group, schedule.name))
}

fn answered(settings: &Settings, schedule: &Schedule) -> Value {
    json!({ "ScheduleArn": arn(settings, schedule) })
}

fn summary(settings: &Settings, schedule: &Schedule) -> Value {
    json!({
        "Arn": arn(settings, schedule),
        "CreationDate": schedule.created,
        "GroupName": schedule.group,
        "LastModificationDate": schedule.modified,
        "Name": schedule.name,
        "State": schedule.settings.state,
        "Target": { "Arn": schedule.settings.target.arn },
    })
}

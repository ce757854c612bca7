//! EventBridge Scheduler, as far as scheduled ECS tasks need it: schedules and their groups. Not here: other targets, tags,
//! keys. `schedule_clock` decides when a target is invoked.

mod groups;
mod input;
mod run_task;
mod schedules;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Service, ecs};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol;
use crate::store::scheduler::Schedule;
use crate::time::Timestamp;

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "CreateSchedule" => schedules::create(emulator, members(input)?),
        "GetSchedule" => schedules::get(emulator, &members(input)?),
        "UpdateSchedule" => schedules::update(emulator, members(input)?),
        "DeleteSchedule" => schedules::delete(emulator, &members(input)?),
        "ListSchedules" => schedules::list(emulator, &members(input)?),
        "CreateScheduleGroup" => groups::create(emulator, members(input)?),
        "GetScheduleGroup" => groups::get(emulator, &members(input)?),
        "DeleteScheduleGroup" => groups::delete(emulator, &members(input)?),
        "ListScheduleGroups" => groups::list(emulator, &members(input)?),
        _ => Err(AwsError::unsupported(action)),
    }
}

/// Invokes the target of a schedule: `RunTask`.
///
/// # Errors
/// ECS's own.
pub async fn invoke(emulator: &Emulator, schedule: &Schedule, time: Timestamp) -> Answer<Value> {
    let execution = uuid::Uuid::new_v4().to_string();
    let document = run_task::document(&emulator.settings, schedule, time, &execution)?;
    ecs::call(emulator, "RunTask", document).await
}

fn members<T: DeserializeOwned>(input: Value) -> Answer<T> {
    protocol::members(Service::Scheduler, input)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationException", message)
}

fn unfit(value: &str, name: &str, rule: &str) -> AwsError {
    protocol::unfit(Service::Scheduler, value, name, rule)
}

/// `kind`: `Schedule` or `Schedule group`.
fn not_found(kind: &str, name: &str) -> AwsError {
    AwsError { status: 404, ..AwsError::client("ResourceNotFoundException", format!("{kind} {name} does not exist.")) }
}

fn exists(kind: &str, name: &str) -> AwsError {
    AwsError { status: 409, ..AwsError::client("ConflictException", format!("{kind} {name} already exists.")) }
}

/// Names and their prefixes: letters, digits, `-`, `_` and `.`, at most 64.
fn check_name(text: &str, member: &str) -> Answer<()> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    check_pattern(text, member, is_letter, "^[0-9a-zA-Z-_.]+$")
}

fn check_token(token: Option<&str>) -> Answer<()> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    token.map_or(Ok(()), |token| check_pattern(token, "clientToken", is_letter, "^[a-zA-Z0-9-_]+$"))
}

fn check_pattern(text: &str, member: &str, is_letter: impl Fn(u8) -> bool, pattern: &str) -> Answer<()> {
    check_length(text, member, 64)?;
    if text.bytes().all(is_letter) {
        return Ok(());
    }
    Err(unfit(text, member, &format!("Member must satisfy regular expression pattern: {pattern}")))
}

/// A text of 1 to `most` characters.
fn check_length(text: &str, member: &str, most: usize) -> Answer<()> {
    match text.chars().count() {
        0 => Err(unfit(text, member, "Member must have length greater than or equal to 1")),
        length if length > most => {
            Err(unfit(text, member, &format!("Member must have length less than or equal to {most}")))
        }
        _ => Ok(()),
    }
}

fn check_one_of(text: &str, member: &str, values: &[&str]) -> Answer<()> {
    if values.contains(&text) {
        return Ok(());
    }
    Err(unfit(text, member, &format!("Member must satisfy enum value set: [{}]", values.join(", "))))
}

/// AWS: 1 to 100 entries a page, 100 by default.
fn page_size(asked: Option<i64>) -> Answer<usize> {
    protocol::page::size(asked, 100, 100).ok_or_else(|| {
        let asked = asked.unwrap_or_default().to_string();
        unfit(&asked, "maxResults", "Member must have value between 1 and 100")
    })
}

fn bad_token() -> AwsError {
    invalid("The NextToken is not valid.")
}

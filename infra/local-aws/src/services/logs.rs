//! CloudWatch Logs, as far as a deploy needs it: groups, streams, events in and out. Lines are kept in order of arrival by
//! `log_store`. Retention is kept and not enforced.

mod events;
mod filter;
mod groups;
mod pattern;
mod put;
mod streams;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::log_store::LogStore;
use crate::protocol;
use crate::store::State;
use crate::store::logs::LogGroup;

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "CreateLogGroup" => groups::create(emulator, &members(input)?),
        "DeleteLogGroup" => groups::delete(emulator, &members(input)?),
        "DescribeLogGroups" => groups::describe(emulator, &members(input)?),
        "PutRetentionPolicy" => groups::retain(emulator, &members(input)?),
        "DeleteRetentionPolicy" => groups::retain_forever(emulator, &members(input)?),
        "CreateLogStream" => streams::create(emulator, &members(input)?),
        "DeleteLogStream" => streams::delete(emulator, &members(input)?),
        "DescribeLogStreams" => streams::describe(emulator, members(input)?).await,
        "PutLogEvents" => put::put(emulator, members(input)?).await,
        "GetLogEvents" => events::get(emulator, members(input)?).await,
        "FilterLogEvents" => filter::filter(emulator, members(input)?).await,
        _ => Err(AwsError::unsupported(action)),
    }
}

fn members<T: DeserializeOwned>(input: Value) -> Answer<T> {
    protocol::members(Service::Logs, input)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}

fn no_group() -> AwsError {
    AwsError::client("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> AwsError {
    AwsError::client("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn group<'s>(state: &'s State, name: &str) -> Answer<&'s LogGroup> {
    state.logs.groups.get(name).ok_or_else(no_group)
}

fn group_mut<'s>(state: &'s mut State, name: &str) -> Answer<&'s mut LogGroup> {
    state.logs.groups.get_mut(name).ok_or_else(no_group)
}

/// The group that a call is about: by its name, or by an ARN of ours.
fn named<'a>(emulator: &Emulator, name: Option<&'a str>, identifier: Option<&'a str>) -> Answer<&'a str> {
    match (name, identifier) {
        (Some(_), Some(_)) => Err(invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")),
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) if identifier.starts_with("arn:") => {
            let name = identifier.strip_prefix(&emulator.settings.arn("logs", "log-group:")).ok_or_else(no_group)?;
            Ok(name.strip_suffix(":*").unwrap_or(name))
        }
        (None, Some(identifier)) => Ok(identifier),
        (None, None) => protocol::required(Service::Logs, "logGroupName", None),
    }
}

/// A page: AWS's limits differ by action.
fn page_size(asked: Option<i64>, most: usize) -> Answer<usize> {
    protocol::page::size(asked, most, most).ok_or_else(|| {
        let asked = asked.unwrap_or_default().to_string();
        protocol::unfit(Service::Logs, &asked, "limit", &format!("Member must have value between 1 and {most}"))
    })
}

fn bad_token() -> AwsError {
    invalid("The specified nextToken is invalid.")
}

/// One page of a listing.
fn listing(key: &str, (shown, next): (Vec<Value>, Option<String>)) -> Value {
    let mut answer = json!({ key: shown });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}

/// Files are read on a thread that no request waits on.
async fn on_disk<T: Send + 'static>(
    emulator: &Emulator,
    work: impl FnOnce(&LogStore) -> anyhow::Result<T> + Send + 'static,
) -> Answer<T> {
    let logs = emulator.logs.clone();
    let done = tokio::task::spawn_blocking(move || work(&logs)).await;
    done.map_err(anyhow::Error::from).and_then(|done| done).map_err(|error| AwsError::server(format!("{error:#}")))
}

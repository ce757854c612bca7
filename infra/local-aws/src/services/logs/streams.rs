//! Log streams: made, listed, deleted.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_token, group, group_mut, invalid, listing, named, no_stream, on_disk, page_size};
use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::log_store::{LogEvent, LogStore, Span};
use crate::protocol::{self, page};
use crate::time::Timestamp;

/// AWS's limit of `DescribeLogStreams`.
const PAGE: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stream {
    log_group_name: String,
    log_stream_name: String,
}

pub(super) fn create(emulator: &Emulator, input: &Stream) -> Answer<Value> {
    check_name(&input.log_stream_name)?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let streams = &mut group_mut(state, &input.log_group_name)?.streams;
        if streams.contains_key(&input.log_stream_name) {
            return Err(AwsError::client("ResourceAlreadyExistsException", "The specified log stream already exists"));
        }
        streams.insert(input.log_stream_name.clone(), now);
        Ok(Value::Null)
    })
}

/// AWS: 1 to 512 characters without `:` and `*`.
fn check_name(name: &str) -> Answer<()> {
    let refuse = |rule: &str| Err(protocol::unfit(Service::Logs, name, "logStreamName", rule));
    match name.chars().count() {
        0 => refuse("Member must have length greater than or equal to 1"),
        513.. => refuse("Member must have length less than or equal to 512"),
        _ if name.contains([':', '*']) => refuse("Member must satisfy regular expression pattern: [^:*]*"),
        _ => Ok(()),
    }
}

pub(super) fn delete(emulator: &Emulator, input: &Stream) -> Answer<Value> {
    let Stream { log_group_name, log_stream_name } = input;
    emulator
        .store
        .write(|state| group_mut(state, log_group_name)?.streams.remove(log_stream_name).ok_or_else(no_stream))?;
    let removed = emulator.logs.remove(log_group_name, Some(log_stream_name));
    removed.map_err(|error| AwsError::server(format!("{error:#}")))?;
    Ok(Value::Null)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    limit: Option<i64>,
    next_token: Option<String>,
}

/// A stream and the ends of it.
struct Ends {
    name: String,
    created: Timestamp,
    first: Option<LogEvent>,
    last: Option<LogEvent>,
}

pub(super) async fn describe(emulator: &Emulator, input: DescribeLogStreams) -> Answer<Value> {
    let name = named(emulator, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?.to_owned();
    let size = page_size(input.limit, PAGE)?;
    let prefix = input.log_stream_name_prefix;
    let by_time = match input.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if prefix.is_some() => {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
        }
        Some("LastEventTime") => true,
        Some(other) => {
            let rule = "Member must satisfy enum value set: [LogStreamName, LastEventTime]";
            return Err(protocol::unfit(Service::Logs, other, "orderBy", rule));
        }
    };
    let streams: Vec<(String, Timestamp)> = emulator.store.read(|state| {
        let streams = &group(state, &name)?.streams;
        let wanted = streams.iter().filter(|(name, _)| prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix)));
        Ok(wanted.map(|(name, created)| (name.clone(), *created)).collect())
    })?;
    let descending = input.descending.unwrap_or(false);
    let scope = format!("DescribeLogStreams {name} {prefix:?} {by_time} {descending}");
    let in_group = name.clone();
    let mut all = on_disk(emulator, move |logs| {
        streams
            .into_iter()
            .map(|(stream, created)| ends(logs, &in_group, stream, created))
            .collect::<Result<Vec<_>, _>>()
    })
    .await?;
    if by_time {
        all.sort_by_cached_key(|one| (one.last.as_ref().map(|event| event.timestamp), one.name.clone()));
    }
    if descending {
        all.reverse();
    }
    // Pages are cut by place: the order need not be that of names.
    let shown = all.iter().enumerate().map(|(at, one)| (format!("{at:08}"), shown(emulator, &name, one)));
    let page = page::cut(&scope, size, input.next_token.as_deref(), shown).ok_or_else(bad_token)?;
    Ok(listing("logStreams", page))
}

fn ends(logs: &LogStore, group: &str, name: String, created: Timestamp) -> anyhow::Result<Ends> {
    let (first, _) = logs.after(group, &name, 0, Span::ALL, 1)?;
    let (last, _) = logs.before(group, &name, None, Span::ALL, 1)?;
    let event = |found: Vec<crate::log_store::Placed>| found.into_iter().next().map(|placed| placed.event);
    Ok(Ends { first: event(first), last: event(last), name, created })
}

fn shown(emulator: &Emulator, group: &str, one: &Ends) -> Value {
    let arn = emulator.settings.arn("logs", &format!("log-group:{group}:log-stream:{}", one.name));
    let mut shown = json!({
        "logStreamName": one.name,
        "creationTime": one.created.as_millis(),
        "arn": arn,
        // AWS has answered nothing else since 2019.
        "storedBytes": 0,
    });
    if let (Some(first), Some(last)) = (&one.first, &one.last) {
        shown["firstEventTimestamp"] = json!(first.timestamp.as_millis());
        shown["lastEventTimestamp"] = json!(last.timestamp.as_millis());
        shown["lastIngestionTime"] = json!(last.ingested.as_millis());
        shown["uploadSequenceToken"] = json!(super::put::SEQUENCE_TOKEN);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_of_streams() {
        for name in ["a", "web/app/0123", "with space", "[1]"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "a:b", "a*", &"x".repeat(513)] {
            assert_eq!(check_name(name).unwrap_err().code, "InvalidParameterException", "{name}");
        }
    }
}

//! `PutLogEvents`: batches of lines that are not a container's.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{group, invalid, no_stream, on_disk};
use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::log_store::LogEvent;
use crate::protocol;
use crate::time::Timestamp;

/// AWS answers one and takes any: sequence tokens have had no meaning since 2023.
pub(super) const SEQUENCE_TOKEN: &str = "49590302204545555555555555555555555555555555555555555555";

/// AWS's limits of a batch: events, bytes, bytes that each event counts beside its message, bytes of one event.
const MOST: usize = 10_000;
const BYTES: usize = 1_048_576;
const OVERHEAD: usize = 26;

/// AWS: events are not taken when they are older than 14 days or lie more than two hours ahead.
const OLDEST: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const AHEAD: Duration = Duration::from_secs(2 * 60 * 60);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<Given>,
    /// Without a meaning.
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    timestamp: u64,
    message: String,
}

pub(super) async fn put(emulator: &Emulator, input: PutLogEvents) -> Answer<Value> {
    let PutLogEvents { log_group_name, log_stream_name, log_events, .. } = input;
    check(&log_events)?;
    emulator.store.read(|state| {
        let streams = &group(state, &log_group_name)?.streams;
        streams.contains_key(&log_stream_name).then_some(()).ok_or_else(no_stream)
    })?;
    let now = Timestamp::now();
    let count = log_events.len();
    let old = log_events.iter().take_while(|event| now.since(moment(event)) > OLDEST).count();
    let new = log_events.iter().take_while(|event| moment(event).since(now) <= AHEAD).count();
    let taken: Vec<LogEvent> = log_events
        .into_iter()
        .take(new)
        .skip(old)
        .map(|event| {
            let timestamp = moment(&event);
            // Readers rely on it that nothing arrives before it happens.
            LogEvent { timestamp, ingested: now.max(timestamp), message: event.message }
        })
        .collect();
    on_disk(emulator, move |logs| logs.append(&log_group_name, &log_stream_name, &taken)).await?;
    let mut answer = json!({ "nextSequenceToken": SEQUENCE_TOKEN });
    let mut rejected = json!({});
    if old > 0 {
        rejected["tooOldLogEventEndIndex"] = json!(old);
    }
    if new < count {
        rejected["tooNewLogEventStartIndex"] = json!(new);
    }
    if rejected != json!({}) {
        answer["rejectedLogEventsInfo"] = rejected;
    }
    Ok(answer)
}

fn moment(event: &Given) -> Timestamp {
    Timestamp::from_millis(event.timestamp)
}

fn check(events: &[Given]) -> Answer<()> {
    let unfit = |rule: &str| Err(protocol::unfit(Service::Logs, "[]", "logEvents", rule));
    if events.is_empty() {
        return unfit("Member must have length greater than or equal to 1");
    }
    if events.len() > MOST {
        return unfit(&format!("Member must have length less than or equal to {MOST}"));
    }
    if events.iter().any(|event| event.message.is_empty()) {
        return Err(protocol::unfit(
            Service::Logs,
            "",
            "logEvents.message",
            "Member must have length greater than or equal to 1",
        ));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + OVERHEAD).sum();
    if bytes > BYTES {
        return Err(AwsError::client(
            "InvalidParameterException",
            format!("Upload too large: {bytes} bytes exceeds limit of {BYTES}"),
        ));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_limits_and_an_order() {
        let given = |timestamp, message: &str| Given { timestamp, message: message.to_owned() };
        assert_eq!(check(&[given(1, "a"), given(1, "b"), given(2, "c")]), Ok(()));
        for wrong in [
            vec![],
            vec![given(2, "a"), given(1, "b")],
            vec![given(1, "")],
            vec![given(1, &"x".repeat(BYTES))],
            (0..10_001).map(|number| given(number, "a")).collect(),
        ] {
            assert_eq!(check(&wrong).unwrap_err().code, "InvalidParameterException");
        }
    }
}

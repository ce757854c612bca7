//! `FilterLogEvents`: several streams of a group in order of time, page after page.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::pattern::Pattern;
use super::{bad_token, group, invalid, named, no_stream, on_disk, page_size};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::log_store::{Found, MOST, Search};
use crate::protocol::page;

/// AWS: at most 100 streams by name.
const STREAMS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    /// AWS interleaves whatever is said.
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
    /// Nothing is masked here.
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

pub(super) async fn filter(emulator: &Emulator, input: FilterLogEvents) -> Answer<Value> {
    let name = named(emulator, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?.to_owned();
    let limit = page_size(input.limit, MOST)?;
    if input.start_from_head == Some(false) {
        return Err(AwsError::unsupported("Filtering from the end"));
    }
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
    let span = super::events::span(input.start_time, input.end_time);
    let (names, prefix) = (input.log_stream_names, input.log_stream_name_prefix);
    if names.is_some() && prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive."));
    }
    if names.as_ref().is_some_and(|names| !(1..=STREAMS).contains(&names.len())) {
        return Err(invalid(format!("logStreamNames must have between 1 and {STREAMS} names.")));
    }
    let scope = format!("FilterLogEvents {name} {names:?} {prefix:?} {span:?} {pattern:?}");
    let from: BTreeMap<String, u64> = match input.next_token.as_deref() {
        None => BTreeMap::new(),
        Some(token) => {
            let places = page::key(&scope, token).and_then(|key| serde_json::from_str(&key).ok());
            places.ok_or_else(bad_token)?
        }
    };
    let streams = emulator.store.read(|state| wanted(&group(state, &name)?.streams, names, prefix.as_deref()))?;
    let in_group = name.clone();
    let merged = on_disk(emulator, move |logs| {
        let fits = |message: &str| pattern.fits(message);
        logs.search(&in_group, &Search { streams: &streams, from: &from, span, limit, fits: &fits })
    })
    .await?;
    let events: Vec<Value> = merged.events.iter().map(|found| shown(&name, found)).collect();
    // AWS has answered nothing else in `searchedLogStreams` since 2020.
    let mut answer = json!({ "events": events, "searchedLogStreams": [] });
    if let Some(next) = merged.next {
        let places = serde_json::to_string(&next).map_err(|error| AwsError::server(error.to_string()))?;
        answer["nextToken"] = json!(page::token(&scope, &places));
    }
    Ok(answer)
}

fn wanted<T>(known: &BTreeMap<String, T>, names: Option<Vec<String>>, prefix: Option<&str>) -> Answer<Vec<String>> {
    match names {
        Some(names) if names.iter().all(|name| known.contains_key(name)) => Ok(names),
        Some(_) => Err(no_stream()),
        None => {
            let fits = |name: &&String| prefix.is_none_or(|prefix| name.starts_with(prefix));
            Ok(known.keys().filter(fits).cloned().collect())
        }
    }
}

fn shown(group: &str, found: &Found) -> Value {
    let Found { stream, begin, event } = found;
    json!({
        "logStreamName": stream,
        "timestamp": event.timestamp.as_millis(),
        "message": event.message,
        "ingestionTime": event.ingested.as_millis(),
        "eventId": id(group, stream, *begin),
    })
}

/// 56 digits, the same whenever the event is read.
fn id(group: &str, stream: &str, begin: u64) -> String {
    let hash = Sha256::digest(format!("{group}\n{stream}\n{begin}"));
    let numbers: String = hash.iter().map(|byte| format!("{byte:03}")).collect();
    numbers.chars().take(56).collect()
}

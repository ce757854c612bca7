//! `GetLogEvents`: one stream, from either end. A token is a place in the stream; at an end it stays the same.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_token, group, named, no_stream, on_disk, page_size};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::log_store::{MOST, Placed, Span};
use crate::protocol::page;
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<u64>,
    end_time: Option<u64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    /// Nothing is masked here.
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

/// Which way, and from which place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Forward(u64),
    Backward(Option<u64>),
}

pub(super) async fn get(emulator: &Emulator, input: GetLogEvents) -> Answer<Value> {
    let name = named(emulator, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?.to_owned();
    let limit = page_size(input.limit, MOST)?;
    let span = span(input.start_time, input.end_time);
    let stream = input.log_stream_name;
    let scope = format!("GetLogEvents {name} {stream}");
    let way = match input.next_token.as_deref() {
        None if input.start_from_head.unwrap_or(false) => Way::Forward(0),
        None => Way::Backward(None),
        Some(token) => way(&scope, token).ok_or_else(bad_token)?,
    };
    emulator
        .store
        .read(|state| group(state, &name)?.streams.contains_key(&stream).then_some(()).ok_or_else(no_stream))?;
    let (events, begin, end) = on_disk(emulator, move |logs| match way {
        Way::Forward(from) => {
            let (events, next) = logs.after(&name, &stream, from, span, limit)?;
            let begin = events.first().map_or(from, |placed| placed.begin);
            Ok((events, begin, next))
        }
        Way::Backward(until) => {
            // Before anything is read: what comes meanwhile is still ahead then.
            let until = until.map_or_else(|| logs.end(&name, &stream), Ok)?;
            let (events, begin) = logs.before(&name, &stream, Some(until), span, limit)?;
            let end = events.last().map_or(until, |placed| placed.end);
            Ok((events, begin, end))
        }
    })
    .await?;
    Ok(json!({
        "events": events.iter().map(shown).collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{}", page::token(&scope, &end.to_string())),
        "nextBackwardToken": format!("b/{}", page::token(&scope, &begin.to_string())),
    }))
}

/// AWS: the start is within, the end is not.
pub(super) fn span(start: Option<u64>, end: Option<u64>) -> Span {
    let moment = |given: Option<u64>, otherwise| given.map_or(otherwise, Timestamp::from_millis);
    Span { start: moment(start, Span::ALL.start), end: moment(end, Span::ALL.end) }
}

fn way(scope: &str, token: &str) -> Option<Way> {
    let (direction, rest) = token.split_once('/')?;
    let place = page::key(scope, rest)?.parse().ok()?;
    match direction {
        "f" => Some(Way::Forward(place)),
        "b" => Some(Way::Backward(Some(place))),
        _ => None,
    }
}

fn shown(placed: &Placed) -> Value {
    json!({
        "timestamp": placed.event.timestamp.as_millis(),
        "message": placed.event.message,
        "ingestionTime": placed.event.ingested.as_millis(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_of_one_stream() {
        let token = format!("b/{}", page::token("one", "17"));
        assert_eq!(way("one", &token), Some(Way::Backward(Some(17))));
        assert_eq!(way("other", &token), None);
        for wrong in ["", "b", "b/", "f/17", &token.replace("b/", "x/")] {
            assert_eq!(way("one", wrong), None, "{wrong}");
        }
    }
}

//! CloudWatch Logs' API, one function per call: the output of containers. A missing group or stream has no lines.

use serde_json::{Value, json};

use super::aws::{Api, Aws, Call, CallError};
use crate::ecs::{LogLine, Timestamp};

/// Maximum number of consecutive empty pages: AWS documents that a page may be empty although more follow.
const EMPTY_PAGES: u32 = 5;

/// Calls `GetLogEvents` from the end: the last lines of a stream, oldest first; `limit` is 10,000 at most (by AWS).
///
/// # Errors
/// Errors of the service and of the network.
pub fn tail(aws: &Aws, group: &str, stream: &str, limit: u32) -> Result<Vec<LogLine>, CallError> {
    let mut input = json!({ "logGroupName": group, "logStreamName": stream, "limit": limit, "startFromHead": false });
    for _ in 0..EMPTY_PAGES {
        let answer = match aws.call_json(Call::new(Api::Logs, "GetLogEvents"), &input) {
            Ok(answer) => answer,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let lines = lines(&answer, stream);
        let next = answer.get("nextBackwardToken").cloned().unwrap_or_default();
        // At the end of a stream, the returned token equals the given one.
        if !lines.is_empty() || next.is_null() || input.get("nextToken") == Some(&next) {
            return Ok(lines);
        }
        if let Some(input) = input.as_object_mut() {
            input.insert("nextToken".to_owned(), next);
        }
    }
    Ok(Vec::new())
}

/// Calls `FilterLogEvents` for one page: lines of all streams by time, and the token of the next page, if any. `since`
/// is inclusive.
///
/// # Errors
/// As above.
pub fn filter(
    aws: &Aws,
    group: &str,
    since: Timestamp,
    token: Option<&str>,
) -> Result<(Vec<LogLine>, Option<String>), CallError> {
    let mut input = json!({ "logGroupName": group, "startTime": milliseconds(since) });
    if let (Some(input), Some(token)) = (input.as_object_mut(), token) {
        input.insert("nextToken".to_owned(), token.into());
    }
    match aws.call_json(Call::new(Api::Logs, "FilterLogEvents"), &input) {
        Ok(answer) => {
            let next = answer.get("nextToken").and_then(Value::as_str).map(str::to_owned);
            Ok((lines(&answer, ""), next))
        }
        Err(error) if is_missing(&error) => Ok((Vec::new(), None)),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &CallError) -> bool {
    error.is(&["ResourceNotFoundException"])
}

fn lines(answer: &Value, stream: &str) -> Vec<LogLine> {
    let events = answer.get("events").and_then(Value::as_array).into_iter().flatten();
    events.map(|event| line(event, stream)).collect()
}

fn line(event: &Value, stream: &str) -> LogLine {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let at = event.get("timestamp").and_then(Value::as_f64).unwrap_or_default() / 1000.0;
    LogLine {
        stream: text("logStreamName").unwrap_or(stream).to_owned(),
        at: Timestamp(at),
        message: text("message").unwrap_or_default().trim_end_matches(['\r', '\n']).to_owned(),
    }
}

/// Returns the time in milliseconds since 1970, the unit of CloudWatch Logs.
fn milliseconds(at: Timestamp) -> i64 {
    (at.0.max(0.0) * 1000.0).floor() as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{LogLine, Timestamp, filter, lines, milliseconds, tail};
    use crate::effects::aws::scripted::{Scene, Scripted};

    #[test]
    fn an_empty_page_is_passed_over_and_the_end_is_seen() {
        let server = Scripted::new(&[
            Scene::Answer(200, r#"{"events":[],"nextBackwardToken":"b/1","nextForwardToken":"f/1"}"#),
            Scene::Answer(200, r#"{"events":[{"timestamp":1000,"message":"one"}],"nextBackwardToken":"b/2"}"#),
            Scene::Answer(200, r#"{"events":[],"nextBackwardToken":"b/3"}"#),
            Scene::Answer(200, r#"{"events":[],"nextBackwardToken":"b/3"}"#),
        ]);
        let aws = server.aws();
        assert_eq!(tail(&aws, "g", "s", 10).unwrap().len(), 1);
        assert_eq!(tail(&aws, "g", "s", 10).unwrap(), []);
        assert_eq!(aws.calls().total, 4);
    }

    #[test]
    fn groups_and_streams_that_are_not_there_yet_have_no_lines() {
        let absent = Scene::Answer(400, r#"{"__type":"ResourceNotFoundException","message":"no such stream"}"#);
        let page = Scene::Answer(200, r#"{"events":[],"nextToken":"n"}"#);
        let server = Scripted::new(&[absent.clone(), absent, page]);
        let aws = server.aws();
        assert_eq!(tail(&aws, "g", "s", 10).unwrap(), []);
        let page = || filter(&aws, "g", Timestamp(1.5), Some("t"));
        assert_eq!(page().unwrap(), (vec![], None));
        assert_eq!(page().unwrap(), (vec![], Some("n".to_owned())));
        server.asked();
        let asked = json!({ "logGroupName": "g", "startTime": 1500, "nextToken": "t" });
        assert_eq!(server.asked().json(), asked);
    }

    #[test]
    fn lines_of_both_calls() {
        let answer = json!({ "events": [
            { "timestamp": 1_500, "message": "one\n", "ingestionTime": 2_000 },
            { "timestamp": 2_000, "message": "two", "logStreamName": "app/app/1" },
        ] });
        let line = |stream: &str, at, message: &str| LogLine {
            stream: stream.into(),
            at: Timestamp(at),
            message: message.into(),
        };
        assert_eq!(lines(&answer, "s"), [line("s", 1.5, "one"), line("app/app/1", 2.0, "two")]);
        assert_eq!(lines(&json!({}), "s"), []);
    }

    #[test]
    fn times_go_out_as_milliseconds() {
        assert_eq!(milliseconds(Timestamp(1_700_000_000.25)), 1_700_000_000_250);
        assert_eq!(milliseconds(Timestamp(-1.0)), 0);
    }
}

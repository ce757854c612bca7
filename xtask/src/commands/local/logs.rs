//! `local logs`: the daemon's log file, or the output of its containers from the emulator's CloudWatch Logs.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::{Logs, load};
use crate::effects::local_daemon::{self, Place};
use crate::effects::{interrupt, loopback};
use crate::error::Failure;
use crate::report::Report;

/// Polling interval of `--follow`: short enough for a person who reads along.
const TICK: Duration = Duration::from_millis(300);
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(root: &Utf8Path, logs: &Logs, report: &Report) -> anyhow::Result<()> {
    let place = Place::of_repository(root);
    if logs.service || logs.container.is_some() || logs.task.is_some() {
        let target = load(root)?;
        let daemon = local_daemon::running(&place).ok_or_else(not_running)?;
        return containers(daemon.endpoint, &target.names.log_group, logs, report);
    }
    let log = place.log();
    let mut file = File::open(&log).map_err(|_| not_running())?;
    loop {
        let mut text = String::new();
        file.read_to_string(&mut text).with_context(|| format!("failed to read `{log}`"))?;
        for line in text.lines() {
            show(report, &json!({ "event": "line", "message": line }), line);
        }
        if !logs.follow {
            break;
        }
        wait()?;
        // A restarted daemon writes a new file.
        if !is_same(&file, &log) {
            file = File::open(&log).with_context(|| format!("failed to read `{log}`"))?;
        }
    }
    report.closing(json!({"outcome": "shown" }));
    Ok(())
}

fn not_running() -> Failure {
    Failure::failed("the local daemon has not been started").hint("cargo xtask local start")
}

fn is_same(file: &File, path: &Utf8Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(held), Ok(named)) = (file.metadata(), std::fs::metadata(path)) else { return true };
    held.ino() == named.ino() && held.len() <= named.len()
}

fn wait() -> anyhow::Result<()> {
    thread::sleep(TICK);
    Ok(interrupt::check()?)
}

fn show(report: &Report, event: &Value, line: &str) {
    report.result(line);
    report.event(event);
}

fn containers(endpoint: SocketAddr, group: &str, logs: &Logs, report: &Report) -> anyhow::Result<()> {
    let mut seen = 0;
    loop {
        let events = events(endpoint, group)?;
        for event in events.iter().skip(seen) {
            let stream = event["logStreamName"].as_str().unwrap_or_default();
            if is_wanted(stream, logs) {
                let message = event["message"].as_str().unwrap_or_default();
                let container = stream.rsplit('/').nth(1).unwrap_or(stream);
                let line =
                    json!({ "event": "line", "stream": stream, "timestamp": event["timestamp"], "message": message });
                show(report, &line, &format!("{container:<10} {message}"));
            }
        }
        seen = events.len();
        if !logs.follow {
            break;
        }
        wait()?;
    }
    report.closing(json!({"outcome": "shown" }));
    Ok(())
}

/// Returns whether a stream is selected: `<prefix>/<container>/<task>` (ECS developer guide, awslogs-stream-prefix).
fn is_wanted(stream: &str, logs: &Logs) -> bool {
    let mut parts = stream.rsplit('/');
    let (task, container) = (parts.next(), parts.next());
    logs.container.as_deref().is_none_or(|wanted| container == Some(wanted))
        && logs.task.as_deref().is_none_or(|wanted| task.is_some_and(|task| task.starts_with(wanted)))
}

/// Returns all lines of the log group, from all pages.
fn events(endpoint: SocketAddr, group: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({ "logGroupName": group });
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let input = input.to_string();
        let answer = loopback::call(endpoint, "logs", "Logs_20140328.FilterLogEvents", &input, ANSWER_LIMIT)
            .with_context(|| format!("failed to ask {endpoint} for the lines of `{group}`"))?;
        ensure!(answer.status == 200, "failed to read the lines of `{group}`: {}", answer.body);
        let page: Value = serde_json::from_str(&answer.body).context("failed to read the lines")?;
        all.extend(page["events"].as_array().into_iter().flatten().cloned());
        token = page["nextToken"].clone();
        if token.is_null() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Logs;
    use super::is_wanted;

    #[test]
    fn streams_are_chosen_by_container_and_by_the_beginning_of_a_task() {
        let check = |container: Option<&str>, task: Option<&str>, expected: bool| {
            let logs =
                Logs { container: container.map(str::to_owned), task: task.map(str::to_owned), ..Logs::default() };
            assert_eq!(is_wanted("web/app/0123abcd", &logs), expected, "{logs:?}");
        };
        check(None, None, true);
        check(Some("app"), Some("0123"), true);
        check(Some("web"), None, false);
        check(None, Some("abcd"), false);
    }
}

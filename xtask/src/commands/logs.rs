//! `cargo xtask logs`: the container logs of one or all services, from CloudWatch Logs, merged by time.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::Utf8Path;
use serde_json::json;

use crate::ecs::{LogLine, TaskDefinition, Timestamp};
use crate::effects::ecs;
use crate::effects::interrupt;
use crate::effects::logs;
use crate::operations::output;
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::project::EnvironmentName;
use crate::report::Report;

/// Polling interval of `--follow`.
const LOOK: Duration = Duration::from_secs(1);

/// Maximum delay of lines that `--follow` still shows: CloudWatch sorts by time, not by arrival.
const LATE: Duration = Duration::from_secs(15);

/// The arguments of `logs`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment of the services.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; all, if absent.
    pub service: Option<String>,
    /// Whether to continue until interrupted.
    pub follow: bool,
    /// Name of the only container to show.
    pub container: Option<String>,
    /// Id of the only task to show, or a prefix of it.
    pub task: Option<String>,
    /// Age of the oldest lines to show.
    pub since: Duration,
}

/// Shows log lines.
///
/// # Errors
/// Failed AWS calls.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(root, Settings::load(root, request.environment)?, Missing::Refuse, report)?;
    let group = &target.settings.names.log_group;
    let prefixes = match &request.service {
        Some(name) => Some(prefixes(&target.services(Some(name))?)?),
        None => None,
    };
    let mut from = now().saturating_sub(request.since);
    let mut shown = BTreeSet::new();
    let mut count: u64 = 0;
    loop {
        let begun = now();
        for line in lines(&target, group, from)? {
            let is_of_service = prefixes.as_ref().is_none_or(|all| all.iter().any(|one| line.stream.starts_with(one)));
            if !is_of_service || !is_wanted(&line, request) || !shown.insert(key(&line)) {
                continue;
            }
            count += 1;
            show(report, &line);
        }
        if !request.follow || interrupt::requested() {
            break;
        }
        let oldest = begun.saturating_sub(LATE);
        from = from.max(oldest);
        let from = from.as_secs_f64();
        shown.retain(|(at, _, _)| f64::from_bits(*at) >= from);
        thread::sleep(LOOK);
    }
    if count == 0 && !request.follow {
        report.detail(format!("no lines in `{group}` of the last {} s", request.since.as_secs()));
    }
    report.closing(json!({"outcome": "shown", "lines": count}));
    Ok(())
}

/// Returns the prefixes of the services' stream names, `<prefix>/<container>/`, from the running revisions.
fn prefixes(services: &[Target]) -> anyhow::Result<Vec<String>> {
    let mut prefixes = Vec::new();
    for target in services {
        let Some(service) = ecs::describe_service(&target.aws, target.cluster(), target.service())? else { continue };
        let Some(revision) = ecs::describe_task_definition(&target.aws, &service.task_definition)? else { continue };
        let definition = TaskDefinition::from_document(revision.document)?;
        let names = definition.view().container_definitions.iter().map(|container| container.name.as_str());
        prefixes.extend(names.filter_map(|name| output::stream(&definition, name, "")).map(|stream| stream.name));
    }
    Ok(prefixes)
}

/// Returns the lines of a group, from all pages.
fn lines(target: &Target, group: &str, from: Duration) -> anyhow::Result<Vec<LogLine>> {
    let (mut lines, mut token) = (Vec::new(), None);
    loop {
        let since = Timestamp(from.as_secs_f64());
        let (page, next) = logs::filter(&target.aws, group, since, token.as_deref())?;
        lines.extend(page);
        token = next;
        if token.is_none() || interrupt::requested() {
            return Ok(lines);
        }
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Returns the identity of a line. Two equal lines of one container in one millisecond are shown once.
fn key(line: &LogLine) -> (u64, String, String) {
    (line.at.0.to_bits(), line.stream.clone(), line.message.clone())
}

/// Splits `<prefix>/<container>/<task id>` into container and task id.
fn parts(stream: &str) -> (&str, &str) {
    let mut parts = stream.rsplit('/');
    let task = parts.next().unwrap_or_default();
    (parts.next().unwrap_or_default(), task)
}

fn is_wanted(line: &LogLine, request: &Request) -> bool {
    let (container, task) = parts(&line.stream);
    request.container.as_ref().is_none_or(|wanted| wanted == container)
        && request.task.as_ref().is_none_or(|wanted| task.starts_with(wanted.as_str()))
}

fn show(report: &Report, line: &LogLine) {
    let (container, task) = parts(&line.stream);
    let short: String = task.chars().take(8).collect();
    report.result(format!("{container} {short}  {}", line.message));
    report
        .event(&json!({"event": "line", "container": container, "task": task, "at": line.at, "message": line.message}));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Request, is_wanted};
    use crate::ecs::LogLine;
    use crate::project::EnvironmentName;

    #[test]
    fn lines_are_chosen_by_container_and_task() {
        let line = LogLine { stream: "web/app/0123abcd".to_owned(), ..LogLine::default() };
        let check = |container: Option<&str>, task: Option<&str>, expected| {
            let request = Request {
                environment: EnvironmentName::LOCAL,
                service: None,
                follow: false,
                container: container.map(str::to_owned),
                task: task.map(str::to_owned),
                since: Duration::ZERO,
            };
            assert_eq!(is_wanted(&line, &request), expected, "{container:?} {task:?}");
        };
        check(None, None, true);
        check(Some("app"), Some("0123"), true);
        check(Some("nginx"), None, false);
        check(None, Some("abcd"), false);
    }
}

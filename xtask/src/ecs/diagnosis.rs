//! Why a release does not run, in plain words and with the next command: evidence in, one cause out. A root cause wins over
//! what follows from it. Not here: who gathers the evidence (`operations::evidence`).

mod cause;
mod containers;
mod output;
mod targets;
mod texts;

use std::collections::BTreeMap;

pub use cause::{Cause, CauseId};

use super::{Event, LogLine, TargetGroup, TargetHealth, Task, TaskDefinition};

/// Last lines that are quoted of a container.
const LINES: usize = 30;

/// How the load balancer asks whether a task is well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthProbe {
    /// What it asks for.
    pub path: String,
    /// Status codes that are good.
    pub matcher: String,
}

impl HealthProbe {
    /// That of a target group.
    pub fn of(group: &TargetGroup) -> HealthProbe {
        HealthProbe {
            path: group.health_check_path.clone().unwrap_or_else(|| "/".to_owned()),
            matcher: group.matcher.clone().unwrap_or_else(|| "200".to_owned()),
        }
    }
}

/// What was gathered. Every part may be missing.
#[derive(Clone, Debug, Default)]
pub struct Evidence<'a> {
    /// What was to run.
    pub definition: Option<&'a TaskDefinition>,
    /// Tasks of it, the newest first.
    pub tasks: Vec<Task>,
    /// Last lines by task id and container.
    pub lines: BTreeMap<(String, String), Vec<LogLine>>,
    /// What the load balancer says.
    pub targets: Vec<TargetHealth>,
    /// What the service told, the newest first.
    pub events: Vec<Event>,
    /// How the load balancer asks.
    pub probe: Option<HealthProbe>,
}

/// The cause. There is always one: `unknown` has all the evidence, too.
pub fn diagnose(evidence: &Evidence<'_>) -> Cause {
    let found = by_texts(evidence)
        .or_else(|| containers::by_exit(evidence))
        .or_else(|| targets::by_health(evidence))
        .or_else(|| containers::by_health(evidence))
        .or_else(|| by_events(evidence));
    let mut cause = found.unwrap_or_else(|| Cause::new(CauseId::Unknown, "nothing that was found says why"));
    cause.evidence = quote(evidence, cause.culprit.as_deref());
    cause
}

/// Why no retry mends what a task ended of, if so: deploying on would fail as often as it is tried.
pub fn is_hopeless(task: &Task) -> Option<CauseId> {
    let cause = reasons(task).find_map(|(text, container)| texts::cause(text, container))?;
    cause.id.is_hopeless().then_some(cause.id)
}

/// The cause of a call that AWS refused: of a registration or an update.
pub fn of_refusal(message: &str) -> Option<Cause> {
    texts::cause(message, None)
}

/// Reasons of a task and of its containers, with the container's name.
fn reasons(task: &Task) -> impl Iterator<Item = (&str, Option<&str>)> {
    let of_containers =
        task.containers.iter().filter_map(|one| Some((one.reason.as_deref()?, Some(one.name.as_str()))));
    of_containers.chain(task.stopped_reason.as_deref().map(|reason| (reason, None)))
}

fn by_texts(evidence: &Evidence<'_>) -> Option<Cause> {
    let stopped = evidence.tasks.iter().filter(|task| task.is_stopped());
    stopped.flat_map(reasons).find_map(|(text, container)| texts::cause(text, container))
}

fn by_events(evidence: &Evidence<'_>) -> Option<Cause> {
    let told = evidence.events.iter().map(|event| event.message.as_str());
    let placed = told.clone().filter(|text| text.contains("unable to") || text.contains("is unhealthy"));
    let rolled = told.clone().find(|text| text.contains("rolling back") || text.contains("circuit breaker"));
    let rolled = rolled.map(|text| {
        let cause = Cause::new(CauseId::CircuitBreakerRolledBack, "too many tasks failed, so ECS went back by itself");
        cause.next(format!("read what the tasks wrote: cargo xtask logs ({text})"))
    });
    placed.into_iter().find_map(|text| texts::cause(text, None)).or(rolled)
}

/// Facts as they are, the culprit's output last: that is where people look.
fn quote(evidence: &Evidence<'_>, culprit: Option<&str>) -> Vec<String> {
    let mut quoted = Vec::new();
    for task in evidence.tasks.iter().take(3) {
        let id: String = task.id().chars().take(8).collect();
        let reason = task.stopped_reason.as_deref().unwrap_or("no stopped reason");
        quoted.push(format!("task {id} {}: {reason}", task.last_status.to_lowercase()));
        for one in &task.containers {
            let exit = one.exit_code.map_or_else(String::new, |code| format!(", exit code {code}"));
            let reason = one.reason.as_ref().map_or_else(String::new, |reason| format!(", {reason}"));
            let (name, status, health) = (&one.name, one.last_status.to_lowercase(), one.health_status.to_lowercase());
            quoted.push(format!("  {name} {status}, {health}{exit}{reason}"));
        }
    }
    for target in &evidence.targets {
        let why = target.description.as_deref().or(target.reason.as_deref()).unwrap_or_default();
        quoted.push(format!("target {}:{} {} {why}", target.address, target.port, target.state));
    }
    quoted.extend(evidence.events.iter().take(5).map(|event| format!("event {}", event.message)));
    let lines = evidence.tasks.iter().find_map(|task| {
        let names =
            task.containers.iter().map(|one| one.name.as_str()).filter(|name| culprit.is_none_or(|one| one == *name));
        names.filter_map(|name| Some((name, output::of(evidence, task, name)?))).find(|(_, lines)| !lines.is_empty())
    });
    if let Some((name, lines)) = lines {
        quoted.push(format!("last lines of {name}:"));
        let from = lines.len().saturating_sub(LINES);
        quoted.extend(lines.iter().skip(from).map(|line| format!("  {}", line.message)));
    }
    quoted
}

#[cfg(test)]
mod tests;

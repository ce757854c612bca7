//! Evidence of a cause, as quoted facts.

use super::{CauseId, Evidence, Finding};
use crate::ecs::{Container, TargetHealth, Task};

/// Quoted lines of a container's output: as many as fit on a screen.
const LINES: usize = 30;

/// Maximum length of a line in characters: fits a JSON line with a traceback, but not an HTML page.
const LONGEST: usize = 4000;

/// Maximum number of quoted targets and events, and of events without other evidence.
const OTHERS: usize = 5;
const EVENTS_ALONE: usize = 10;

/// Returns all facts: first those about the task, last the failing container's output.
pub(super) fn facts(finding: &Finding<'_>, evidence: &Evidence<'_>) -> Vec<String> {
    let mut facts: Vec<String> = evidence.refusal.map(|text| format!("AWS refused: {text}")).into_iter().collect();
    let is_unknown = finding.id == CauseId::Unknown;
    // Without a cause, the tasks themselves are the evidence.
    let shown: Vec<&Task> = match finding.task {
        Some(task) => vec![task],
        None => evidence.tasks.iter().take(OTHERS).collect(),
    };
    for task in &shown {
        facts.push(of_task(task));
        facts.extend(task.containers.iter().map(of_container));
    }
    let ill = evidence.targets.iter().filter(|target| !matches!(target.state.as_str(), "healthy" | "draining"));
    facts.extend(ill.take(OTHERS).map(of_target));
    let events = if is_unknown { EVENTS_ALONE } else { OTHERS };
    facts.extend(evidence.events.iter().take(events).map(|event| format!("event: {}", event.message)));
    for task in &shown {
        let of_interest = |one: &&Container| finding.failing_container.as_ref().is_none_or(|name| *name == one.name);
        for container in task.containers.iter().filter(of_interest) {
            facts.extend(output(task, container, finding.failing_container.is_some(), evidence));
        }
    }
    facts
}

fn of_task(task: &Task) -> String {
    let id = task.id();
    if task.stopped_reason.is_none() && task.stop_code.is_none() {
        return format!("task {id} is {}", task.last_status);
    }
    let said = [&task.stop_code, &task.stopped_reason].into_iter().flatten().map(String::as_str);
    format!("task {id} stopped: {}", said.collect::<Vec<_>>().join(": "))
}

fn of_container(container: &Container) -> String {
    let name = &container.name;
    let reason = container.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match container.exit_code {
        Some(code) => format!("container `{name}`: exit code {code}{reason}"),
        None if container.last_status == "RUNNING" => {
            let health = if container.health_status.is_empty() { "UNKNOWN" } else { &container.health_status };
            format!("container `{name}`: RUNNING, health {health}{reason}")
        }
        None => format!("container `{name}`: no exit code{reason}"),
    }
}

fn of_target(target: &TargetHealth) -> String {
    let said = [&target.reason, &target.description].into_iter().flatten().map(String::as_str);
    let said = said.collect::<Vec<_>>().join(", ");
    format!("target {}:{} is {}: {said}", target.address, target.port, target.state)
}

fn output(task: &Task, container: &Container, is_failing_container: bool, evidence: &Evidence<'_>) -> Vec<String> {
    let lines = evidence.output_of(task, container);
    if lines.is_empty() {
        let ran = container.exit_code.is_some() || container.last_status == "RUNNING";
        let silent = format!("container `{}` wrote nothing that was found", container.name);
        return if is_failing_container && ran { vec![silent] } else { Vec::new() };
    }
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    let quoted = last.iter().map(|line| {
        let text: String = line.message.chars().take(LONGEST).collect();
        format!("{} | {text}", container.name)
    });
    quoted.collect()
}

//! Results of the load balancer's health checks, from its targets or, once those are gone, from the service's events.

use super::{CauseId, Evidence, Finding, output};
use crate::ecs::{Container, Task};

/// A failed health check: ELB's description, and the status code if there was a response.
struct Failure<'a> {
    reason: &'a str,
    description: &'a str,
}

impl Failure<'_> {
    /// Returns the last code of a description such as `Health checks failed with these codes: [502]`.
    fn code(&self) -> Option<i64> {
        let codes = self.description.split_once('[')?.1.split_once(']')?.0;
        codes.split(',').next_back()?.trim().parse().ok()
    }

    fn is_timeout(&self) -> bool {
        self.reason == "Target.Timeout" || self.description.to_lowercase().contains("timed out")
    }
}

/// Returns the finding of unhealthy targets while tasks run.
pub(super) fn of_service<'a>(evidence: &Evidence<'a>) -> Option<Finding<'a>> {
    let failure = of_targets(evidence).or_else(|| of_events(evidence, None))?;
    let running = evidence.tasks.iter().find(|task| task.last_status == "RUNNING");
    Some(judge(&failure, running, evidence))
}

/// Returns the finding of a task that was stopped because of its health checks.
pub(super) fn of_task<'a>(task: &'a Task, evidence: &Evidence<'a>) -> Finding<'a> {
    let failure = of_events(evidence, Some(task.id())).or_else(|| of_targets(evidence));
    match failure.or_else(|| of_events(evidence, None)) {
        Some(failure) => judge(&failure, Some(task), evidence),
        None => Finding { said: task.stopped_reason.clone(), ..Finding::new(CauseId::HealthCheckFailing) },
    }
}

fn of_targets<'a>(evidence: &Evidence<'a>) -> Option<Failure<'a>> {
    let target = evidence.targets.iter().find(|target| target.state == "unhealthy")?;
    let text = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
    Some(Failure { reason: text(&target.reason), description: text(&target.description) })
}

/// Parses `… is unhealthy in (target-group …) due to (reason Health checks failed with these codes: [502]).`
fn of_events<'a>(evidence: &Evidence<'a>, task: Option<&str>) -> Option<Failure<'a>> {
    let about = |message: &str| task.is_none_or(|id| message.contains(id));
    evidence.events.iter().filter(|event| about(&event.message)).find_map(|event| {
        let description = event.message.split_once(" is unhealthy in ")?.1.split_once("(reason ")?.1;
        Some(Failure { reason: "", description: description.rsplit_once(')').map_or(description, |(text, _)| text) })
    })
}

fn judge<'a>(failure: &Failure<'_>, task: Option<&'a Task>, evidence: &Evidence<'a>) -> Finding<'a> {
    let code = failure.code();
    let refusing = task.and_then(|task| refusing(task, evidence));
    let id = match code {
        Some(300..=399) => CauseId::HealthPathRedirects,
        Some(400) => CauseId::HostNotAllowed,
        Some(_) => CauseId::HealthCheckFailing,
        None if failure.is_timeout() => CauseId::HealthCheckTimeout,
        None => CauseId::PortNotListening,
    };
    let behind = matches!(code, Some(500..=599)).then(|| task.and_then(|task| behind_front(task, evidence))).flatten();
    let failing_container = match id {
        CauseId::HostNotAllowed => refusing.map(|(container, _)| container).or_else(|| front(task, evidence)),
        _ => behind.or_else(|| front(task, evidence)),
    };
    let lines = task
        .zip(failing_container)
        .map(|(task, failing_container)| evidence.output_of(task, failing_container))
        .unwrap_or_default();
    // A server's output explains its errors. For redirects and the like, the load balancer's reason is better.
    let of_output = match id {
        CauseId::HealthCheckFailing => output::telling(lines),
        CauseId::HostNotAllowed => refusing.map(|(_, line)| line.to_owned()),
        _ => None,
    };
    let symptom = of_output.as_deref().and_then(output::symptom);
    let said = of_output.unwrap_or_else(|| failure.description.to_owned());
    let failing_container = failing_container.map(|container| container.name.clone());
    Finding { id: symptom.unwrap_or(id), task, failing_container, said: Some(said), code }
}

/// Returns the container that receives the health checks.
fn front<'a>(task: Option<&'a Task>, evidence: &Evidence<'_>) -> Option<&'a Container> {
    let port = evidence.probe.map(|probe| probe.port)?;
    let view = evidence.definition?;
    let listens = view
        .container_definitions
        .iter()
        .find(|container| container.port_mappings.iter().any(|mapping| mapping.container_port == Some(port)))?;
    task?.container(&listens.name)
}

/// Returns the container behind the front: its dependency, or another one with output. nginx passes server errors on
/// and does not cause them.
fn behind_front<'a>(task: &'a Task, evidence: &Evidence<'_>) -> Option<&'a Container> {
    let front = front(Some(task), evidence)?;
    let view = evidence.definition?;
    let definition = view.container_definitions.iter().find(|container| container.name == front.name)?;
    let awaited = definition.depends_on.iter().find_map(|needed| task.container(&needed.container_name));
    let others = || task.containers.iter().filter(|other| other.name != front.name);
    awaited.or_else(|| others().find(|other| !evidence.output_of(task, other).is_empty()))
}

/// Returns the container in which Django rejected a `Host` header, and its log line.
fn refusing<'a>(task: &'a Task, evidence: &Evidence<'a>) -> Option<(&'a Container, &'a str)> {
    task.containers
        .iter()
        .find_map(|container| Some((container, output::refused_host(evidence.output_of(task, container))?)))
}

//! Selection of the finding nearest to the root: first each failed task by itself, then the health checks, then the
//! service events.

use super::{CauseId, Evidence, Finding, failing_container, health, output, reasons};
use crate::ecs::{Container, Task};

/// Returns the finding that takes precedence.
pub(super) fn root<'a>(evidence: &Evidence<'a>) -> Finding<'a> {
    let mut tasks: Vec<&Task> = evidence.tasks.iter().collect();
    // Newest first: `min_by_key` returns the first of equal elements.
    tasks.sort_by(|one, other| other.created_at.0.total_cmp(&one.created_at.0));
    let of_tasks = tasks.into_iter().filter_map(|task| of_task(task, evidence));
    let of_refusal = evidence.refusal.map(|text| {
        let id = reasons::cause_of(text).unwrap_or(CauseId::Unknown);
        Finding { said: Some(text.to_owned()), ..Finding::new(id) }
    });
    let of_health = health::of_service(evidence);
    let found = of_tasks.chain(of_refusal).chain(of_health).chain(of_events(evidence));
    found.min_by_key(|finding| finding.id).unwrap_or(Finding::new(CauseId::Unknown))
}

/// Returns the cause in the reasons and exit codes of a stopped task, without its output.
pub(super) fn of_stopped_task(task: &Task) -> Option<CauseId> {
    if !task.is_stopped() {
        return None;
    }
    let named = said_by_ecs(task).filter_map(|(_, text)| reasons::cause_of(text)).min();
    let by_itself = task.stop_code.as_deref() == Some("EssentialContainerExited");
    let codes = task.containers.iter().filter(|_| by_itself).filter_map(|container| container.exit_code);
    let refused = codes.filter_map(of_refused_program).min();
    named.into_iter().chain(refused).min()
}

fn of_refused_program(code: i64) -> Option<CauseId> {
    match code {
        failing_container::NOT_FOUND => Some(CauseId::CommandNotFound),
        failing_container::NOT_EXECUTABLE => Some(CauseId::PermissionDenied),
        _ => None,
    }
}

fn of_task<'a>(task: &'a Task, evidence: &Evidence<'a>) -> Option<Finding<'a>> {
    let found = if task.is_stopped() || task.stop_code.is_some() {
        of_ended_task(task, evidence)
    } else {
        unhealthy_container(task).map(|container| unhealthy(task, container, evidence))
    };
    found.map(|finding| Finding { task: Some(task), ..finding })
}

fn of_ended_task<'a>(task: &'a Task, evidence: &Evidence<'a>) -> Option<Finding<'a>> {
    let reason = task.stopped_reason.as_deref().unwrap_or_default();
    if reason.starts_with("Scaling activity") {
        return None;
    }
    let of_reasons = of_reasons(task, evidence);
    let foreign = task.containers.iter().find(|one| {
        one.exit_code.is_some_and(|code| code != 0) && output::shows_foreign_program(evidence.output_of(task, one))
    });
    if let Some(container) = foreign {
        return Some(of_exit(CauseId::ExecFormatError, task, container, evidence));
    }
    if of_reasons.is_some() {
        return of_reasons;
    }
    match task.stop_code.as_deref() {
        Some("SpotInterruption") => {
            return Some(Finding { said: some(reason), ..Finding::new(CauseId::SpotInterruption) });
        }
        Some("UserInitiated") => return Some(Finding { said: some(reason), ..Finding::new(CauseId::UserStopped) }),
        _ => {}
    }
    if reason.contains("failed container health checks") {
        return Some(match unhealthy_container(task) {
            Some(container) => unhealthy(task, container, evidence),
            None => Finding::new(CauseId::ContainerUnhealthy),
        });
    }
    if reason.contains("failed ELB health checks") {
        return Some(health::of_task(task, evidence));
    }
    let container = failing_container::first_to_end(task, evidence.definition)?;
    // A task that the scheduler stopped without a known reason.
    let was_ended = task.stop_code.as_deref() == Some("ServiceSchedulerInitiated");
    (!was_ended).then(|| exited(task, container, evidence))
}

/// Returns ECS's reasons for a task: first those of its containers, then that of the task.
fn said_by_ecs(task: &Task) -> impl Iterator<Item = (Option<&Container>, &str)> {
    let of_containers = task.containers.iter().filter_map(|one| Some((Some(one), one.reason.as_deref()?)));
    of_containers.chain(task.stopped_reason.as_deref().map(|reason| (None, reason)))
}

fn of_reasons<'a>(task: &'a Task, evidence: &Evidence<'a>) -> Option<Finding<'a>> {
    let named = said_by_ecs(task).filter_map(|(container, text)| {
        let id = reasons::cause_of(text)?;
        // Memory exhaustion in a non-essential container does not stop the task.
        let beside = container.is_some_and(|one| !failing_container::is_essential(evidence.definition, &one.name));
        (!(beside && id == CauseId::OutOfMemory)).then_some((id, container, text))
    });
    let (id, container, text) = named.min_by_key(|(id, ..)| *id)?;
    if id == CauseId::DependencyFailed {
        let awaited = reasons::dependency(text).and_then(|name| task.container(name));
        return Some(match awaited {
            Some(awaited) if awaited.exit_code.is_some_and(|code| code != 0) => exited(task, awaited, evidence),
            Some(awaited) if awaited.health_status == "UNHEALTHY" => unhealthy(task, awaited, evidence),
            awaited => Finding {
                failing_container: awaited.map(|one| one.name.clone()),
                said: some(text),
                ..Finding::new(CauseId::DependencyFailed)
            },
        });
    }
    let failing_container = container.map(|one| one.name.clone()).or_else(|| of_image(task, text));
    let code = container.and_then(|one| one.exit_code);
    Some(Finding { failing_container, said: some(text), code, ..Finding::new(id) })
}

/// Returns the container whose image a reason contains.
fn of_image(task: &Task, text: &str) -> Option<String> {
    let named = |one: &&Container| !one.image.is_empty() && text.contains(&one.image);
    task.containers.iter().find(named).map(|one| one.name.clone())
}

/// Returns the finding of a container that stopped by itself.
fn exited<'a>(task: &'a Task, container: &Container, evidence: &Evidence<'a>) -> Finding<'a> {
    let code = container.exit_code.unwrap_or_default();
    let said = output::telling(evidence.output_of(task, container));
    let symptom = said.as_deref().and_then(output::symptom);
    let id = match code {
        _ if failing_container::is_out_of_memory(container) => CauseId::OutOfMemory,
        failing_container::KILLED => CauseId::Killed,
        _ => of_refused_program(code).or(symptom.filter(|_| code != 0)).unwrap_or(
            if evidence.release_phase == Some(container.name.as_str()) {
                CauseId::MigrationFailed
            } else {
                CauseId::ExitsAtStart
            },
        ),
    };
    of_exit(id, task, container, evidence)
}

fn of_exit<'a>(id: CauseId, task: &'a Task, container: &Container, evidence: &Evidence<'a>) -> Finding<'a> {
    let said = output::telling(evidence.output_of(task, container));
    Finding { failing_container: Some(container.name.clone()), said, code: container.exit_code, ..Finding::new(id) }
}

fn unhealthy_container(task: &Task) -> Option<&Container> {
    task.containers.iter().find(|container| container.health_status == "UNHEALTHY")
}

/// Returns the finding of a running container that fails its own health check. Its output may contain the reason.
fn unhealthy<'a>(task: &'a Task, container: &Container, evidence: &Evidence<'a>) -> Finding<'a> {
    let lines = evidence.output_of(task, container);
    let said = output::telling(lines);
    let id = match said.as_deref().and_then(output::symptom) {
        Some(symptom) => symptom,
        None if output::refused_host(lines).is_some() => CauseId::HostNotAllowed,
        None => CauseId::ContainerUnhealthy,
    };
    let said = if id == CauseId::HostNotAllowed { output::refused_host(lines).map(str::to_owned) } else { said };
    Finding { failing_container: Some(container.name.clone()), said, ..Finding::new(id) }
}

/// Returns the findings of service events, for failures without a task: placement, the circuit breaker.
fn of_events<'a>(evidence: &Evidence<'a>) -> Vec<Finding<'a>> {
    let placing = evidence.events.iter().filter(|event| {
        ["was unable to place a task", "failed to launch a task", "failed to create"]
            .iter()
            .any(|sign| event.message.contains(sign))
    });
    let named = placing.filter_map(|event| {
        Some(Finding { said: some(&event.message), ..Finding::new(reasons::cause_of(&event.message)?) })
    });
    let breaker = evidence.events.iter().filter(|event| {
        let failed = event.message.contains("deployment failed") && event.message.contains("tasks failed to start");
        failed || event.message.contains("rolling back to deployment")
    });
    let gave_up =
        breaker.map(|event| Finding { said: some(&event.message), ..Finding::new(CauseId::CircuitBreakerRolledBack) });
    named.chain(gave_up).collect()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

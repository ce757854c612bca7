//! Causes that containers show: how they ended, and what their own health checks say.

use super::cause::{Cause, CauseId};
use super::{Evidence, output};
use crate::ecs::{Container, Task};

/// By exit codes and last lines of tasks that ended.
pub(super) fn by_exit(evidence: &Evidence<'_>) -> Option<Cause> {
    evidence.tasks.iter().filter(|task| task.is_stopped()).find_map(|task| of_task(evidence, task))
}

/// By health checks: of tasks that run, and of those that were stopped for them.
pub(super) fn by_health(evidence: &Evidence<'_>) -> Option<Cause> {
    let failed = |task: &&Task| {
        task.stopped_reason.as_deref().is_some_and(|reason| reason.contains("failed container health checks"))
            || task.containers.iter().any(|one| one.health_status == "UNHEALTHY")
            || !task.is_stopped()
    };
    evidence.tasks.iter().filter(failed).find_map(|task| {
        let waited = waited_for(evidence, task);
        let unhealthy = task.containers.iter().find(|one| one.health_status == "UNHEALTHY").or(waited)?;
        let name = unhealthy.name.as_str();
        let said = output::of(evidence, task, name).and_then(output::telling);
        let said = said.map(|line| format!("; it wrote last: {line}")).unwrap_or_default();
        let (id, what) = match waited {
            Some(_) => (CauseId::DependencyFailed, "others wait for it, and it does not get healthy"),
            None => (CauseId::ContainerUnhealthy, "its health check fails"),
        };
        Some(Cause::new(id, format!("`{name}`: {what}{said}")).culprit(Some(name)))
    })
}

/// A container that another one waits for in vain.
fn waited_for<'t>(evidence: &Evidence<'_>, task: &'t Task) -> Option<&'t Container> {
    let definitions = evidence.definition.into_iter().flat_map(|definition| &definition.view().container_definitions);
    let waits = definitions.filter(|one| task.container(&one.name).is_some_and(|one| one.last_status == "PENDING"));
    let names = waits.flat_map(|one| &one.depends_on).filter(|dependency| dependency.condition == "HEALTHY");
    names.filter_map(|dependency| task.container(&dependency.container_name)).find(|one| one.health_status != "HEALTHY")
}

fn of_task(evidence: &Evidence<'_>, task: &Task) -> Option<Cause> {
    if task.stop_code.as_deref() == Some("UserInitiated") {
        return Some(Cause::new(CauseId::UserStopped, "somebody stopped the task"));
    }
    // Those that the scheduler ends have done nothing wrong by themselves.
    if task.stop_code.as_deref() == Some("ServiceSchedulerInitiated") {
        return None;
    }
    let culprit = culprit(evidence, task)?;
    let name = culprit.name.as_str();
    let lines = output::of(evidence, task, name).unwrap_or_default();
    let said = output::telling(lines);
    let code = culprit.exit_code.unwrap_or_default();
    let (id, what) = match code {
        _ if output::says(lines, "exec format error") => {
            (CauseId::ExecFormatError, "a program of the image is for another machine".to_owned())
        }
        _ if output::says(lines, "Read-only file system") => {
            (CauseId::ReadOnlyFileSystem, "it writes where its root file system is read-only".to_owned())
        }
        _ if output::says(lines, "No space left on device") => (CauseId::DiskFull, "its disk is full".to_owned()),
        126 => (CauseId::PermissionDenied, "its command may not be executed".to_owned()),
        127 => (CauseId::CommandNotFound, "its command does not exist".to_owned()),
        137 => (CauseId::Killed, "it was killed (137)".to_owned()),
        code => (CauseId::ExitsAtStart, format!("it ended with exit code {code}")),
    };
    let said = said.map(|line| format!(": {line}")).unwrap_or_default();
    Some(Cause::new(id, format!("`{name}`: {what}{said}")).culprit(Some(name)))
}

/// The container that ended first of its own: the others were sent a signal because of it, so they ended by one, or with 0.
fn culprit<'t>(evidence: &Evidence<'_>, task: &'t Task) -> Option<&'t Container> {
    let ended = |one: &&Container| one.exit_code.is_some();
    let is_essential = |one: &Container| {
        let defined = evidence.definition.and_then(|definition| definition.container(&one.name));
        defined.is_none_or(crate::ecs::ContainerDefinition::is_essential)
    };
    let rank = |one: &&Container| match one.exit_code {
        Some(0) => 2,
        Some(137 | 143) => 1,
        _ => 0,
    };
    task.containers.iter().filter(ended).filter(|one| is_essential(one)).min_by_key(rank)
}

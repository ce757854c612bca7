//! State of a one-off task: the release phase, or a task of `run`. Its result is the exit code of one container, the
//! watched one. Not here: the cause of a failure (`diagnosis`).

use super::{Container, Task, View};

/// The state of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The task is in progress.
    Going {
        /// `PROVISIONING` … `RUNNING` …
        status: String,
    },
    /// The watched container exited.
    Ended {
        /// Exit code.
        code: i64,
    },
    /// The watched container never ran, or its exit code is unknown.
    NeverStarted {
        /// Reason, from ECS.
        reason: String,
    },
    /// Another essential container exited first, so that ECS stopped the watched one.
    OtherEnded {
        /// Name of the other container.
        container: String,
        /// Exit code.
        code: i64,
    },
    /// The task was stopped from outside.
    Stopped {
        /// Reason, from ECS.
        reason: String,
    },
}

impl Verdict {
    /// Returns whether the watched container exited with 0.
    pub fn is_success(&self) -> bool {
        matches!(self, Verdict::Ended { code: 0 })
    }

    /// Returns whether the state cannot change any more.
    pub fn is_final(&self) -> bool {
        !matches!(self, Verdict::Going { .. })
    }
}

/// Exit codes of processes that SIGKILL and SIGTERM stop: 128 plus the signal number. ECS stops the other containers of
/// a task with these signals when an essential one exits.
const KILLED: i64 = 137;
const TERMINATED: i64 = 143;

/// Returns the state of a task by its container `watched`. Without `definition`, all containers are essential.
pub fn verdict(task: &Task, watched: &str, definition: Option<&View>) -> Verdict {
    let Some(container) = task.container(watched) else {
        let names: Vec<_> = task.containers.iter().map(|container| container.name.as_str()).collect();
        let reason = format!("the task has no container `{watched}`, but `{}`", names.join("`, `"));
        return Verdict::NeverStarted { reason };
    };
    match task.stop_code.as_deref() {
        // The container may have run, even with exit code 0, but the task as a whole failed to start.
        Some("TaskFailedToStart") => {
            return unless_going(task, Verdict::NeverStarted { reason: reason(task, container) });
        }
        None | Some("EssentialContainerExited") => {}
        // A stopped program may exit with 0 although its work is incomplete.
        Some(_) => return unless_going(task, Verdict::Stopped { reason: reason(task, container) }),
    }
    match container.exit_code {
        Some(code) => match taken_along_by(task, container, code, definition) {
            Some((other, code)) => Verdict::OtherEnded { container: other.name.clone(), code },
            // The rest of the task does not matter: waiting for its network to be removed is useless.
            None => Verdict::Ended { code },
        },
        None => unless_going(task, Verdict::NeverStarted { reason: reason(task, container) }),
    }
}

fn unless_going(task: &Task, end: Verdict) -> Verdict {
    if task.is_stopped() { end } else { Verdict::Going { status: task.last_status.clone() } }
}

/// Returns the container that exited before the watched one. `DescribeTasks` has no times of containers: if a signal
/// stopped the watched one, and an essential one exited by itself, ECS stopped the watched one.
fn taken_along_by<'a>(
    task: &'a Task,
    watched: &Container,
    code: i64,
    definition: Option<&View>,
) -> Option<(&'a Container, i64)> {
    let out_of_memory = watched.reason.as_ref().is_some_and(|reason| reason.contains("OutOfMemory"));
    if !matches!(code, KILLED | TERMINATED) || out_of_memory {
        return None;
    }
    let is_essential = |name: &str| {
        let known = definition.and_then(|view| view.container_definitions.iter().find(|one| one.name == name));
        known.is_none_or(super::ContainerDefinition::is_essential)
    };
    let others = task.containers.iter().filter(|other| other.name != watched.name && is_essential(&other.name));
    let mut ended = others.filter_map(|other| Some((other, other.exit_code?)));
    ended.find(|(_, code)| !matches!(*code, KILLED | TERMINATED))
}

/// Returns the most informative reason.
fn reason(task: &Task, watched: &Container) -> String {
    let others = task.containers.iter().filter_map(|container| container.reason.as_ref());
    let said = watched.reason.iter().chain(&task.stopped_reason).chain(others).find(|reason| is_telling(reason));
    said.or(task.stopped_reason.as_ref()).cloned().unwrap_or_else(|| "ECS gives no reason".into())
}

/// Returns whether a reason is more than a reference to another one.
fn is_telling(reason: &str) -> bool {
    !matches!(reason.trim_end_matches('.'), "" | "Task failed to start" | "Essential container in task exited")
}

#[cfg(test)]
mod tests {
    use super::super::ContainerDefinition;
    use super::*;

    const PULL: &str = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";

    /// Builds a task from tuples of name, exit code and reason, such as `("app", Some(0), "")`.
    fn task(status: &str, code: &str, reason: &str, containers: &[(&str, Option<i64>, &str)]) -> Task {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let container = |(name, exit_code, reason): &(&str, Option<i64>, &str)| Container {
            name: (*name).into(),
            exit_code: *exit_code,
            reason: some(reason),
            ..Container::default()
        };
        Task {
            last_status: status.into(),
            stop_code: some(code),
            stopped_reason: some(reason),
            containers: containers.iter().map(container).collect(),
            ..Task::default()
        }
    }

    fn check(task: &Task, expected: &str) {
        let view = View {
            container_definitions: [("app", true), ("nginx", true), ("side", false)]
                .map(|(name, essential)| ContainerDefinition {
                    name: name.into(),
                    essential: Some(essential),
                    ..ContainerDefinition::default()
                })
                .into(),
            ..View::default()
        };
        let verdict = verdict(task, "app", Some(&view));
        let told = match &verdict {
            Verdict::Going { status } => format!("going: {status}"),
            Verdict::Ended { code } => format!("ended: {code}"),
            Verdict::NeverStarted { reason } => format!("never started: {reason}"),
            Verdict::OtherEnded { container, code } => format!("taken along by {container}: {code}"),
            Verdict::Stopped { reason } => format!("stopped: {reason}"),
        };
        assert_eq!(told, expected, "{task:#?}");
        assert_eq!(verdict.is_success(), expected == "ended: 0");
        assert_eq!(verdict.is_final(), !expected.starts_with("going"));
    }

    #[test]
    fn a_task_is_judged_by_the_container_that_is_watched() {
        let exited = ("EssentialContainerExited", "Essential container in task exited");
        let stopped = |containers: &[_]| task("STOPPED", exited.0, exited.1, containers);
        check(&task("PENDING", "", "", &[("app", None, "")]), "going: PENDING");
        check(&stopped(&[("app", Some(0), "")]), "ended: 0");
        check(&stopped(&[("app", Some(1), "")]), "ended: 1");
        // The container exits before the task stops.
        check(&task("DEPROVISIONING", exited.0, exited.1, &[("app", Some(0), "")]), "ended: 0");
        check(&task("RUNNING", "", "", &[("app", Some(3), ""), ("nginx", None, "")]), "ended: 3");
        // Exit codes of the other containers do not matter.
        check(&stopped(&[("app", Some(0), ""), ("nginx", Some(1), "")]), "ended: 0");
        check(&stopped(&[("app", Some(2), ""), ("nginx", Some(137), "")]), "ended: 2");
        check(&stopped(&[("app", Some(0), ""), ("side", Some(1), "")]), "ended: 0");
    }

    #[test]
    fn a_container_that_was_taken_along_is_not_judged_by_its_own_code() {
        let task = |containers: &[_]| task("STOPPED", "EssentialContainerExited", "", containers);
        check(&task(&[("app", Some(143), ""), ("nginx", Some(1), "")]), "taken along by nginx: 1");
        check(&task(&[("app", Some(137), ""), ("nginx", Some(0), "")]), "taken along by nginx: 0");
        check(&task(&[("app", Some(143), ""), ("side", Some(1), "")]), "ended: 143");
        check(&task(&[("app", Some(137), "OutOfMemoryError: killed"), ("nginx", Some(0), "")]), "ended: 137");
        check(&task(&[("app", Some(137), ""), ("nginx", Some(137), "")]), "ended: 137");
    }

    #[test]
    fn ecspresso_534_a_task_that_never_started_is_no_success() {
        let failed = |containers: &[_]| task("STOPPED", "TaskFailedToStart", "Task failed to start", containers);
        check(&failed(&[("app", None, PULL)]), &format!("never started: {PULL}"));
        check(&failed(&[("app", None, ""), ("nginx", None, PULL)]), &format!("never started: {PULL}"));
        check(&failed(&[("app", None, "")]), "never started: Task failed to start");
        check(&failed(&[("app", Some(0), ""), ("nginx", None, PULL)]), &format!("never started: {PULL}"));
        check(&task("STOPPED", "", "", &[("app", None, "")]), "never started: ECS gives no reason");
        check(
            &task("STOPPED", "TaskFailedToStart", PULL, &[]),
            "never started: the task has no container `app`, but ``",
        );
        check(&task("DEPROVISIONING", "TaskFailedToStart", PULL, &[("app", None, "")]), "going: DEPROVISIONING");
    }

    #[test]
    fn a_task_that_somebody_stopped_is_no_success() {
        for code in
            ["UserInitiated", "SpotInterruption", "TerminationNotice", "ServiceSchedulerInitiated", "OfLaterYears"]
        {
            for exit in [Some(0), Some(143), None] {
                check(
                    &task("STOPPED", code, "Task stopped by user", &[("app", exit, "")]),
                    "stopped: Task stopped by user",
                );
            }
        }
    }
}

//! Cause of a failure: from observed tasks, output, targets and events to one cause, its evidence and the next steps.
//! The module is pure and always returns a cause: the last one is `unknown` with all evidence. Not here: whether it
//! failed (`rollout`, `one_off`). Values of variables are never quoted.

mod cause;
mod failing_container;
mod findings;
mod health;
mod message;
mod next;
mod output;
mod quote;
mod reasons;

pub use cause::CauseId;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Container, Event, LogLine, TargetHealth, Task, View};

/// Last log lines by task id and container name.
pub type Output = BTreeMap<(String, String), Vec<LogLine>>;

/// Observations of a failure. The caller leaves out what is older than the deployment.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Name of the environment, for the commands in the next steps.
    pub environment: &'a str,
    /// Task definition of the tasks.
    pub definition: Option<&'a View>,
    /// Stopped and running tasks of the deployment, in any order.
    pub tasks: &'a [Task],
    /// Their output, as far as it was read.
    pub lines: &'a Output,
    /// Targets of the service's target groups.
    pub targets: &'a [TargetHealth],
    /// Service events, the newest first.
    pub events: &'a [Event],
    /// How the load balancer checks its targets.
    pub probe: Option<&'a HealthProbe>,
    /// The watched container, if the tasks are those of the release phase.
    pub release_phase: Option<&'a str>,
    /// AWS's error message, where a call was rejected. There may be no task then.
    pub refusal: Option<&'a str>,
}

impl<'a> Evidence<'a> {
    /// Returns the output of a container, as far as it was read.
    fn output_of(&self, task: &Task, container: &Container) -> &'a [LogLine] {
        let key = (task.id().to_owned(), container.name.clone());
        self.lines.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// A possible cause, and the object that shows it.
#[derive(Clone, Debug, PartialEq)]
struct Finding<'a> {
    id: CauseId,
    /// Task that shows it.
    task: Option<&'a Task>,
    /// Name of the container that shows it.
    failing_container: Option<String>,
    /// The most informative text, of ECS or of the container itself.
    said: Option<String>,
    /// Exit code, or status code of the health check.
    code: Option<i64>,
}

impl Finding<'_> {
    fn new(id: CauseId) -> Self {
        Finding { id, task: None, failing_container: None, said: None, code: None }
    }
}

/// How the load balancer checks its targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthProbe {
    /// Path, such as `/healthz`.
    pub path: String,
    /// Status codes that count as healthy, such as `200` or `200-299`.
    pub matcher: String,
    /// The port of the health check.
    pub port: u16,
}

/// Cause of a failure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// Stable id, for scripts.
    pub id: CauseId,
    /// Description in one sentence without a full stop.
    pub message: String,
    /// Quoted facts: reasons, exit codes, targets, events, the last lines of the failing container.
    pub evidence: Vec<String>,
    /// Next steps: exact commands and settings.
    pub next: Vec<String>,
    /// The failing container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_container: Option<String>,
}

/// Returns the cause nearest to the root. If tasks failed for different reasons, returns the cause that takes
/// precedence, of the newest task.
pub fn diagnose(evidence: &Evidence<'_>) -> Cause {
    let finding = findings::root(evidence);
    Cause {
        id: finding.id,
        message: message::of(&finding, evidence),
        evidence: quote::facts(&finding, evidence),
        next: next::steps(&finding, evidence),
        failing_container: finding.failing_container,
    }
}

/// Returns the cause of a permanent failure: each new task would fail too, so waiting for the circuit breaker is
/// useless. Transient reasons (capacity, network, rate limits, a crash) are excluded. A missing permission counts only
/// if an earlier stopped task in `before` lacked it too: IAM takes time to propagate a new role.
pub fn permanent_failure(task: &Task, before: &[Task]) -> Option<CauseId> {
    let cause = findings::of_stopped_task(task)?;
    let again = || before.iter().any(|earlier| findings::of_stopped_task(earlier) == Some(cause));
    (reasons::is_lasting(cause) && (!reasons::is_denial(cause) || again())).then_some(cause)
}

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod precedence;

#[cfg(test)]
mod scenarios;

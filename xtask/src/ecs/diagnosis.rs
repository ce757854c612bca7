//! Why it failed: from what was seen of tasks, output, targets and events to one cause in plain words, what it rests on and
//! what to do next. Pure, and always an answer: the last one is `unknown` with everything that was seen. Not here: whether it
//! failed (`rollout`, `one_off`). Values of variables are no evidence and never quoted.

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

/// The last lines of one container of one task: task id, container name.
pub type Output = BTreeMap<(String, String), Vec<LogLine>>;

/// All that was seen. Who gathers it leaves out what is older than the deployment.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The environment's name, for the commands that are named as the next step.
    pub environment: &'a str,
    /// What the tasks are made from.
    pub definition: Option<&'a View>,
    /// Stopped and running ones of our deployment, in any order.
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
    /// What AWS said, where a call was refused and there may be no task at all.
    pub refusal: Option<&'a str>,
}

impl<'a> Evidence<'a> {
    /// Returns the output of a container, as far as it was read.
    fn output_of(&self, task: &Task, container: &Container) -> &'a [LogLine] {
        let key = (task.id().to_owned(), container.name.clone());
        self.lines.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// One candidate for the cause, and the place where it shows.
#[derive(Clone, Debug, PartialEq)]
struct Finding<'a> {
    id: CauseId,
    /// The task that shows it.
    task: Option<&'a Task>,
    /// Name of the container that shows it.
    failing_container: Option<String>,
    /// The most telling text: of ECS, or of the container itself.
    said: Option<String>,
    /// Exit code, or status of the answer to the health check.
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
    /// `/healthz`.
    pub path: String,
    /// Codes that count as healthy: `200`, `200-299`.
    pub matcher: String,
    /// The port of the health check.
    pub port: u16,
}

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// Stable, for scripts.
    pub id: CauseId,
    /// Plain words, one sentence without a full stop.
    pub message: String,
    /// Quoted facts: reasons, exit codes, targets, events, the last lines of the failing container.
    pub evidence: Vec<String>,
    /// What to do: exact commands and settings.
    pub next: Vec<String>,
    /// The container that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_container: Option<String>,
}

/// Finds the cause that is nearest to the root. Of tasks that failed for different reasons, the one whose cause wins over the
/// others is shown, the newest of them.
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

/// The cause for which a stopped task will fail again however often it is started: there is no use in waiting for the circuit
/// breaker. Reasons that may pass (capacity, network, rate limits, a crash) are not among them. A permission that lacks is one
/// once a task of `before`, those that ended earlier, lacked it too: IAM needs a while to tell everybody of a new role.
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

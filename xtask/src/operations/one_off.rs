//! One-off tasks: run from a revision in the service's network, and followed to their end with their output. Used by
//! the release phase and `run`.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::output::Output;
use super::target::Target;
use crate::ecs::one_off::{self, Verdict};
use crate::ecs::{Task, TaskDefinition};
use crate::effects::ecs;
use crate::effects::interrupt;
use crate::error::Failure;

/// Interval between polls. A short command takes a second, so about one call per second is enough.
const LOOK: Duration = Duration::from_millis(900);

/// Parameters of a one-off task.
#[derive(Clone, Copy, Debug)]
pub struct OneOff<'a> {
    /// ARN of the revision.
    pub revision: &'a str,
    /// The revision as a document.
    pub definition: &'a TaskDefinition,
    /// Name of the container whose exit code counts.
    pub container: &'a str,
    /// Command that replaces the container's.
    pub command: &'a [String],
    /// `networkConfiguration` and other members that the task inherits from the service.
    pub inherited: &'a Map<String, Value>,
    /// Time limit of the task.
    pub limit: Duration,
}

/// Result of a one-off task.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The task.
    pub task: Task,
    /// Verdict on the task.
    pub verdict: Verdict,
}

/// Returns the members of a service that its one-off tasks inherit.
pub fn inherited(service: &Map<String, Value>) -> Map<String, Value> {
    const MEMBERS: [&str; 4] = ["networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion"];
    let taken = service.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
    taken.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Runs the task to its end. Each log line of the watched container goes to `line`; `tick` is called between polls.
///
/// # Errors
/// Returns an error if the task does not start, exceeds its limit or is interrupted. The task is stopped then.
pub fn run(
    target: &Target,
    wanted: &OneOff<'_>,
    mut line: impl FnMut(&str),
    mut tick: impl FnMut(),
) -> anyhow::Result<Ended> {
    let command = wanted.command.join(" ");
    let begun = Instant::now();
    let task = ecs::run_task(&target.aws, &request(target, wanted))?;
    // After an interrupt the task must still be stopped: the loop checks for interrupts, the calls do not.
    let aws = target.aws.in_spite_of_interrupts();
    let arn = task.task_arn.clone();
    let mut output = Output::of(target, wanted.definition, wanted.container, task.id());
    loop {
        let task = ecs::describe_tasks(&aws, target.cluster(), std::slice::from_ref(&arn))?.pop();
        let task = task.ok_or_else(|| Failure::failed(format!("ECS has lost the task `{arn}` of `{command}`")))?;
        let is_over = task.is_stopped();
        // The last lines may arrive after the end, so the logs are read once more.
        if is_over || begun.elapsed() > LOOK {
            output.news().unwrap_or_default().iter().for_each(|news| line(&news.message));
        }
        if is_over {
            let verdict = one_off::verdict(&task, wanted.container, Some(wanted.definition.view()));
            return Ok(Ended { task, verdict });
        }
        if interrupt::requested() {
            ecs::stop_task(&aws, target.cluster(), &arn, "interrupted by the user")?;
            return Err(Failure::interrupted(format!("interrupted: the task of `{command}` was stopped")).into());
        }
        if begun.elapsed() > wanted.limit {
            ecs::stop_task(&aws, target.cluster(), &arn, "took longer than it may")?;
            let limit = wanted.limit.as_secs();
            return Err(Failure::failed(format!("`{command}` was stopped: it did not end within {limit} s"))
                .hint("raise `timeout` under `[services.<name>.release]` in infra/slipway.toml, or make it shorter")
                .into());
        }
        tick();
        thread::sleep(LOOK);
    }
}

fn request(target: &Target, wanted: &OneOff<'_>) -> Map<String, Value> {
    let mut request = Map::new();
    request.insert("cluster".to_owned(), target.cluster().into());
    request.insert("taskDefinition".to_owned(), wanted.revision.into());
    request.insert("count".to_owned(), 1.into());
    request.extend(wanted.inherited.clone());
    let overrides = json!({"containerOverrides": [{"name": wanted.container, "command": wanted.command}]});
    request.insert("overrides".to_owned(), overrides);
    request.insert("startedBy".to_owned(), "slipway".into());
    request
}

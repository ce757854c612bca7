//! A one-off task: run from a revision, in the service's own network, watched to its end with its output as it comes. The
//! release phase and `run` are such tasks.

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

/// Between two looks. A command that does little is over in a second; one call a second is polite.
const LOOK: Duration = Duration::from_millis(900);

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct OneOff<'a> {
    /// ARN of the revision.
    pub revision: &'a str,
    /// The same as a document.
    pub definition: &'a TaskDefinition,
    /// Whose exit code counts.
    pub container: &'a str,
    /// Replaces its command.
    pub command: &'a [String],
    /// `networkConfiguration` and what else the task inherits of the service.
    pub inherited: &'a Map<String, Value>,
    /// How long it may take.
    pub limit: Duration,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The task.
    pub task: Task,
    /// What that means.
    pub verdict: Verdict,
}

/// Members of a service that a one-off task of it takes over.
pub fn inherited(service: &Map<String, Value>) -> Map<String, Value> {
    const MEMBERS: [&str; 4] = ["networkConfiguration", "launchType", "capacityProviderStrategy", "platformVersion"];
    let taken = service.iter().filter(|(name, _)| MEMBERS.contains(&name.as_str()));
    taken.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Runs it to its end. Each line of the watched container's output goes to `line`; `tick` is called between looks.
///
/// # Errors
/// It could not be started, it took too long (it is stopped then), the run was interrupted (it is stopped, too).
pub fn run(
    target: &Target,
    wanted: &OneOff<'_>,
    mut line: impl FnMut(&str),
    mut tick: impl FnMut(),
) -> anyhow::Result<Ended> {
    let command = wanted.command.join(" ");
    let begun = Instant::now();
    let task = ecs::run_task(&target.aws, &request(target, wanted))?;
    // After an interrupt the task is still to be stopped: the loop looks for interrupts, and the calls do not.
    let aws = target.aws.in_spite_of_interrupts();
    let arn = task.task_arn.clone();
    let mut output = Output::of(target, wanted.definition, wanted.container, task.id());
    loop {
        let task = ecs::describe_tasks(&aws, target.cluster(), std::slice::from_ref(&arn))?.pop();
        let task = task.ok_or_else(|| Failure::failed(format!("ECS has lost the task `{arn}` of `{command}`")))?;
        let is_over = task.is_stopped();
        // The last lines may arrive after the end, so they are read once more then.
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

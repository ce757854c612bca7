//! Evidence of a failure, gathered before anything cleans it up: tasks that ended, their last lines, what the load balancer
//! says of its targets, what the service told. Every part is worth having without the others, so none is required.

use std::collections::BTreeMap;

use super::output;
use super::target::Target;
use crate::ecs::diagnosis::{Cause, Evidence, HealthProbe, diagnose};
use crate::ecs::{Service, TargetGroup, Task, TaskDefinition, Timestamp};
use crate::effects::ecs::{self, TaskFilter};
use crate::effects::{elb, logs};

/// Tasks whose lines are read: the newest tell the same as all.
const TASKS: usize = 3;

/// Last lines of each container.
const LINES: u32 = 30;

/// What is known already.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The definition that failed.
    pub definition: &'a TaskDefinition,
    /// The service, as it was seen last.
    pub service: Option<&'a Service>,
    /// Where its tasks are registered.
    pub group: Option<&'a TargetGroup>,
    /// Tasks that are worth a look; those of the deployment are added.
    pub tasks: &'a [Task],
    /// The deployment that failed.
    pub deployment: Option<&'a str>,
    /// When it began: earlier events are about other deployments.
    pub since: Option<Timestamp>,
    /// The watched container, where the task is that of the release phase or of `run`.
    pub release_phase: Option<&'a str>,
}

/// Gathers the evidence and returns the cause that it shows.
pub fn cause(target: &Target, known: &Known<'_>) -> Cause {
    let mut tasks = known.tasks.to_vec();
    if let Some(deployment) = known.deployment {
        for task in tasks_of(target, deployment) {
            match tasks.iter_mut().find(|known| known.task_arn == task.task_arn) {
                Some(known) => *known = task,
                None => tasks.push(task),
            }
        }
    }
    // The newest first.
    tasks.sort_by(|one, other| other.created_at.0.total_cmp(&one.created_at.0));
    let mut lines = BTreeMap::new();
    for task in tasks.iter().take(TASKS) {
        for container in &task.containers {
            let Some(stream) = output::stream(known.definition, &container.name, task.id()) else { continue };
            if let Ok(tail) = logs::tail(&target.aws, &stream.group, &stream.name, LINES) {
                lines.insert((task.id().to_owned(), container.name.clone()), tail);
            }
        }
    }
    let targets = known.group.and_then(|group| elb::target_health(&target.aws, &group.arn).ok()).unwrap_or_default();
    // The release phase is no deployment: what the service tells is about others.
    let of_service = match known.release_phase {
        Some(_) => None,
        None => ecs::describe_service(&target.aws, target.cluster(), target.service()).ok().flatten(),
    };
    let mut events = of_service.as_ref().or(known.service).map(|service| service.events.clone()).unwrap_or_default();
    events.retain(|event| known.since.is_none_or(|since| event.created_at >= since));
    let probe = known.group.map(probe);
    diagnose(&Evidence {
        environment: target.environment().as_str(),
        definition: Some(known.definition.view()),
        tasks: &tasks,
        lines: &lines,
        targets: &targets,
        events: &events,
        probe: probe.as_ref(),
        release_phase: known.release_phase,
        refusal: None,
    })
}

/// The cause of a call that AWS refused; there may be no task at all.
pub fn cause_of_refusal(target: &Target, definition: &TaskDefinition, refusal: &str) -> Cause {
    diagnose(&Evidence {
        environment: target.environment().as_str(),
        definition: Some(definition.view()),
        tasks: &[],
        lines: &BTreeMap::new(),
        targets: &[],
        events: &[],
        probe: None,
        release_phase: None,
        refusal: Some(refusal),
    })
}

fn probe(group: &TargetGroup) -> HealthProbe {
    HealthProbe {
        path: group.health_check_path.clone().unwrap_or_else(|| "/".to_owned()),
        matcher: group.matcher.clone().unwrap_or_else(|| "200".to_owned()),
        port: group.port.unwrap_or_default(),
    }
}

/// Tasks of a deployment, those that ended included, as long as ECS remembers them (an hour).
pub fn tasks_of(target: &Target, deployment: &str) -> Vec<Task> {
    let mut arns = Vec::new();
    for desired in ["RUNNING", "STOPPED"] {
        let filter =
            TaskFilter { started_by: Some(deployment), desired_status: Some(desired), ..TaskFilter::default() };
        arns.extend(ecs::list_tasks(&target.aws, target.cluster(), &filter).unwrap_or_default());
    }
    ecs::describe_tasks(&target.aws, target.cluster(), &arns).unwrap_or_default()
}

//! Evidence of a failure, gathered before it is cleaned up: stopped tasks, their last log lines, health of targets,
//! service events. Every part is optional: a missing one does not prevent the others.

use std::collections::BTreeMap;

use super::output;
use super::target::Target;
use crate::ecs::diagnosis::{Cause, Evidence, HealthProbe, diagnose};
use crate::ecs::{Service, TargetGroup, Task, TaskDefinition, Timestamp};
use crate::effects::ecs::{self, TaskFilter};
use crate::effects::{elb, logs};

/// Number of tasks whose log lines are read: the newest ones are representative.
const TASKS: usize = 3;

/// Number of last log lines per container.
const LINES: u32 = 30;

/// Known facts of a failure.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Task definition that failed.
    pub definition: &'a TaskDefinition,
    /// The service, as last observed.
    pub service: Option<&'a Service>,
    /// Target group in which its tasks are registered.
    pub group: Option<&'a TargetGroup>,
    /// Tasks to examine; those of the deployment are added.
    pub tasks: &'a [Task],
    /// Id of the failed deployment.
    pub deployment: Option<&'a str>,
    /// Start time of the deployment: earlier events are ignored.
    pub since: Option<Timestamp>,
    /// The watched container, where the task is that of the release phase or of `run`.
    pub release_phase: Option<&'a str>,
}

/// Gathers the evidence and returns its cause.
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
    // Newest first.
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
    // The release phase is not a deployment: service events are about others.
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

/// Returns the cause of a call that AWS rejected; there may be no task.
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

/// Returns the tasks of a deployment, including stopped ones while ECS keeps them (an hour).
pub fn tasks_of(target: &Target, deployment: &str) -> Vec<Task> {
    let mut arns = Vec::new();
    for desired in ["RUNNING", "STOPPED"] {
        let filter =
            TaskFilter { started_by: Some(deployment), desired_status: Some(desired), ..TaskFilter::default() };
        arns.extend(ecs::list_tasks(&target.aws, target.cluster(), &filter).unwrap_or_default());
    }
    ecs::describe_tasks(&target.aws, target.cluster(), &arns).unwrap_or_default()
}

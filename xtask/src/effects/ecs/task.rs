//! Tasks: list, describe, run, stop.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{call, list, with_token};
use crate::ecs::Task;
use crate::effects::aws::{Aws, CallError};
use crate::error::Failure;

/// AWS's limit: 100 tasks per call of `DescribeTasks`.
const MOST_DESCRIBED: usize = 100;

/// Filter of a cluster's tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskFilter<'f> {
    /// Name of the service.
    pub service: Option<&'f str>,
    /// Family of the task definition.
    pub family: Option<&'f str>,
    /// Value of `startedBy`: a deployment's id, or that of `RunTask`. ECS accepts it only without `service`.
    pub started_by: Option<&'f str>,
    /// `RUNNING` (ECS's default) or `STOPPED`.
    pub desired_status: Option<&'f str>,
}

/// Calls `ListTasks` and returns the ARNs of all pages.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn list_tasks(aws: &Aws, cluster: &str, filter: &TaskFilter<'_>) -> Result<Vec<String>, CallError> {
    let mut input = json!({ "cluster": cluster });
    let members = [
        ("serviceName", filter.service),
        ("family", filter.family),
        ("startedBy", filter.started_by),
        ("desiredStatus", filter.desired_status),
    ];
    for (name, value) in members {
        if let (Some(value), Some(input)) = (value, input.as_object_mut()) {
            input.insert(name.to_owned(), value.into());
        }
    }
    let call = call("ListTasks");
    list(aws, call, &input, "taskArns", None, |input| send!(aws, call, input, list_tasks))
}

/// Calls `DescribeTasks`. Tasks that ECS has deleted, about an hour after they stopped, are omitted.
///
/// # Errors
/// As above.
pub fn describe_tasks(aws: &Aws, cluster: &str, arns: &[String]) -> Result<Vec<Task>, CallError> {
    let call = call("DescribeTasks");
    let mut tasks = Vec::new();
    for some in arns.chunks(MOST_DESCRIBED) {
        let mut answer = send!(aws, call, &json!({ "cluster": cluster, "tasks": some }), describe_tasks)?;
        tasks.extend(aws.member::<Vec<Task>>(call, &mut answer, "tasks")?);
    }
    Ok(tasks)
}

/// A task that could not be started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskFailure {
    /// Reason, such as `RESOURCE:MEMORY` or `Capacity is unavailable at this time`.
    pub reason: String,
    /// Further details, if ECS reports them.
    pub detail: Option<String>,
}

/// Reason why no task was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// The call failed.
    Call(CallError),
    /// ECS accepted the call, but could not place the task.
    Failed(TaskFailure),
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRun::Call(error) => error.fmt(f),
            NotRun::Failed(TaskFailure { reason, detail }) => {
                write!(f, "ECS could not start the task: {reason}")?;
                detail.as_ref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
            }
        }
    }
}

impl From<CallError> for NotRun {
    fn from(error: CallError) -> NotRun {
        NotRun::Call(error)
    }
}

impl From<NotRun> for anyhow::Error {
    fn from(not_run: NotRun) -> anyhow::Error {
        match not_run {
            NotRun::Call(error) => error.into(),
            failed @ NotRun::Failed(_) => Failure::failed(failed.to_string()).into(),
        }
    }
}

/// Calls `RunTask` for one task, with a client token: a retry starts no second task.
///
/// # Errors
/// The reason why no task was started.
pub fn run_task(aws: &Aws, document: &Map<String, Value>) -> Result<Task, NotRun> {
    let call = call("RunTask").idempotent();
    let mut answer = send!(aws, call, &with_token(document), run_task)?;
    let tasks: Vec<Task> = aws.member(call, &mut answer, "tasks")?;
    if let Some(task) = tasks.into_iter().next() {
        return Ok(task);
    }
    let text = |name: &str| answer.pointer(&format!("/failures/0/{name}")).and_then(Value::as_str).map(str::to_owned);
    let reason = text("reason").unwrap_or_else(|| "no reason given".to_owned());
    Err(NotRun::Failed(TaskFailure { reason, detail: text("detail") }))
}

/// Calls `StopTask`. For a stopped task this is a no-op.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn stop_task(aws: &Aws, cluster: &str, arn: &str, reason: &str) -> Result<(), CallError> {
    // AWS's limit: 255 characters for a reason.
    let reason: String = reason.chars().take(255).collect();
    let input = json!({ "cluster": cluster, "task": arn, "reason": reason });
    send!(aws, call("StopTask").idempotent(), &input, stop_task).map(|_| ())
}

//! Tasks: described, listed, stopped. Starting them is `run`'s.

pub(super) mod run;

use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Page;
use super::{failure, includes, input, invalid, one_of, reference, task_wire, with_token};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::store::task::{StopCode, Task, TaskStatus};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    cluster: Option<String>,
    tasks: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

/// AWS: at most 100 tasks a call.
const MOST: usize = 100;

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { cluster, tasks, include } = input::members(given)?;
    let with_tags = includes(&include, &["TAGS"])?.contains(&"TAGS");
    if tasks.is_empty() {
        return Err(invalid("Tasks cannot be empty."));
    }
    if tasks.len() > MOST {
        return Err(invalid(format!("Tasks cannot have more than {MOST} items.")));
    }
    emulator.store.read(|state| {
        let cluster = &reference::cluster(state, &emulator.settings, cluster.as_deref())?.name;
        let (mut found, mut failures) = (Vec::new(), Vec::new());
        for given in &tasks {
            let id = reference::task_id(&emulator.settings, cluster, given)?;
            match state.ecs.tasks.get(id).filter(|task| task.cluster == *cluster) {
                Some(task) => found.push(task_wire::task(&emulator.settings, &state.ecs, task, with_tags)),
                None => failures.push(failure(&emulator.settings.arn("ecs", &format!("task/{cluster}/{id}")))),
            }
        }
        Ok(json!({ "tasks": found, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    cluster: Option<String>,
    container_instance: Option<String>,
    daemon_name: Option<String>,
    family: Option<String>,
    service_name: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

/// `RUNNING` or `STOPPED`.
pub(super) fn desired_status(task: &Task) -> &'static str {
    if task.stop.is_some() || task.last_status == TaskStatus::Stopped { "STOPPED" } else { "RUNNING" }
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let given: List = input::members(given)?;
    let desired = given.desired_status.as_deref().unwrap_or("RUNNING");
    one_of("desiredStatus", desired, &["RUNNING", "PENDING", "STOPPED"])?;
    if let Some(launch_type) = &given.launch_type {
        one_of("launchType", launch_type, &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"])?;
    }
    if given.started_by.is_some() && given.service_name.is_some() {
        return Err(invalid("The startedBy and serviceName filters cannot be used together."));
    }
    let arns = emulator.store.read(|state| {
        let cluster = &reference::cluster(state, &emulator.settings, given.cluster.as_deref())?.name;
        let service = given.service_name.as_deref();
        let service = service.map(|name| reference::service_name(&emulator.settings, cluster, name)).transpose()?;
        if let Some(name) = service {
            reference::service(&state.ecs, cluster, name)?;
        }
        let mut tasks: Vec<&Task> = state.ecs.tasks.values().collect();
        tasks.retain(|task| {
            task.cluster == *cluster
                && desired_status(task) == desired
                // There are no instances and no daemons.
                && given.container_instance.is_none()
                && given.daemon_name.is_none()
                && service.is_none_or(|name| task.service() == Some(name))
                && given.started_by.as_ref().is_none_or(|by| task.started_by.as_ref() == Some(by))
                && given.launch_type.as_ref().is_none_or(|launch_type| task.launch_type.as_ref() == Some(launch_type))
                && given.family.as_deref().is_none_or(|family| task_wire::family(task) == family)
        });
        Ok(tasks.into_iter().map(|task| task_wire::arn(&emulator.settings, task)).collect::<Vec<_>>())
    })?;
    let (arns, next) = Page { max_results: given.max_results, next_token: given.next_token }.of(
        "ListTasks",
        arns,
        |arn| arn,
        (100, 100),
    )?;
    Ok(with_token(json!({ "taskArns": arns }), next))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stop {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

/// AWS: at most 1024 characters.
const LONGEST_REASON: usize = 1024;

pub(super) fn stop(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Stop { cluster, task, reason } = input::members(given)?;
    let reason = reason.filter(|text| !text.is_empty()).unwrap_or_else(|| "Task stopped by user".into());
    if reason.chars().count() > LONGEST_REASON {
        return Err(invalid(format!("The reason can not be longer than {LONGEST_REASON} characters.")));
    }
    emulator.store.write(|state| {
        let cluster = reference::cluster(state, &emulator.settings, cluster.as_deref())?.name.clone();
        let id = reference::task_id(&emulator.settings, &cluster, &task)?;
        let found = state.ecs.tasks.get_mut(id).filter(|task| task.cluster == cluster);
        let found = found.ok_or_else(|| invalid("The referenced task was not found."))?;
        // One that is over stays as it is.
        if found.last_status != TaskStatus::Stopped {
            found.request_stop(StopCode::UserInitiated, reason);
        }
        let task = &state.ecs.tasks[id];
        Ok(json!({ "task": task_wire::task(&emulator.settings, &state.ecs, task, true) }))
    })
}

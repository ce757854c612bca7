//! Observed state: tasks as containers. Takes each task from `PROVISIONING` to `STOPPED`, and finds its containers again
//! after a restart of the daemon. Which tasks there should be is `scheduler`'s.
//!
//! `run` gives every task one `supervisor`; `starting` and `stopping` are the halves of its life, `observe` is what it sees.
//! `order`, `reasons`, `limits`, `spec` and `lines` are pure.

mod cgroups;
mod engine;
#[cfg(test)]
mod fixtures;
mod forward;
mod images;
mod limits;
mod lines;
mod network;
mod observe;
mod order;
mod pause;
mod prepare;
mod reasons;
mod spec;
mod starting;
mod stopping;
mod supervisor;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bollard::query_parameters::{EventsOptionsBuilder, KillContainerOptionsBuilder};
use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::emulator::Emulator;
use crate::store::task::{StopCode, TaskStatus};
use engine::{CONTAINER, Engine, INSTANCE, TASK};
use supervisor::Supervisor;

/// Pause before the next attempt to reach an engine that does not answer.
const AGAIN: Duration = Duration::from_secs(1);

/// Task → how to tell its supervisor that there is news.
type Bells = Arc<Mutex<HashMap<String, Arc<Notify>>>>;

/// Looks after all tasks for as long as the daemon runs.
pub async fn run(emulator: Emulator) {
    let engine = connect(&emulator).await;
    while let Err(error) = remove_leftovers(&emulator, &engine).await {
        eprintln!("warning: {error:#}; trying again");
        tokio::time::sleep(AGAIN).await;
    }
    let bells = Bells::default();
    // All that is started here ends with this function: the set aborts its tasks when it is dropped.
    let mut supervisors = JoinSet::new();
    supervisors.spawn(listen(emulator.clone(), engine.clone(), bells.clone()));
    let mut changes = emulator.store.changes();
    let mut ending = BTreeSet::new();
    loop {
        let live: Vec<(String, bool)> = emulator.store.read(|state| {
            let live = state.ecs.tasks.values().filter(|task| observe::is_live(task));
            live.map(|task| (task.id.clone(), task.stop.is_some())).collect()
        });
        for (id, ends) in live {
            let known = bells.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
            let bell = known.unwrap_or_else(|| {
                let bell = Arc::new(Notify::new());
                bells.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), bell.clone());
                let supervisor = Supervisor::new(emulator.clone(), engine.clone(), id.clone(), bell.clone());
                let bells = bells.clone();
                let id = id.clone();
                supervisors.spawn(async move {
                    supervisor.keep().await;
                    bells.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                });
                bell
            });
            if ends && ending.insert(id) {
                bell.notify_one();
            }
        }
        while supervisors.try_join_next().is_some() {}
        ending.retain(|id| bells.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id));
        if changes.changed().await.is_err() {
            return;
        }
    }
}

async fn connect(emulator: &Emulator) -> Engine {
    let mut told = false;
    loop {
        match Engine::connect(&emulator.settings.engine, &emulator.settings.instance).await {
            Ok(engine) => return engine,
            Err(error) if !told => {
                eprintln!("warning: {error:#}; trying again");
                told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// One subscription for all tasks. Events may have been missed while the engine did not answer: every supervisor inspects its containers.
async fn listen(emulator: Emulator, engine: Engine, bells: Bells) {
    let mut filters = engine::labelled(INSTANCE, &emulator.settings.instance);
    filters.insert("type".into(), vec!["container".into()]);
    // Health probes make three events each, and none of them is needed here.
    let wanted = ["start", "die", "oom", "health_status", "destroy"];
    filters.insert("event".into(), wanted.iter().map(ToString::to_string).collect());
    loop {
        let options = EventsOptionsBuilder::default().filters(&filters).build();
        let mut events = std::pin::pin!(engine.docker.events(Some(options)));
        ring(&bells, None);
        while let Some(Ok(event)) = events.next().await {
            let task = event.actor.and_then(|actor| actor.attributes?.remove(TASK));
            ring(&bells, task.as_deref());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn ring(bells: &Bells, task: Option<&str>) {
    let bells = bells.lock().unwrap_or_else(PoisonError::into_inner);
    for (_, bell) in bells.iter().filter(|(id, _)| task.is_none_or(|task| task == *id)) {
        bell.notify_one();
    }
}

/// What belongs to no task that lives: the daemon was killed between the last removal and the note of it.
async fn remove_leftovers(emulator: &Emulator, engine: &Engine) -> anyhow::Result<()> {
    let found = engine.containers(INSTANCE, &emulator.settings.instance).await.context("failed to list containers")?;
    let mut tasks: BTreeSet<String> = found.into_iter().filter_map(|mut one| one.labels.remove(TASK)).collect();
    tasks.extend(engine.cgroups.iter().flat_map(cgroups::Cgroups::tasks));
    let volumes = engine::labelled(INSTANCE, &emulator.settings.instance);
    let options = bollard::query_parameters::ListVolumesOptionsBuilder::default().filters(&volumes).build();
    let volumes = engine.docker.list_volumes(Some(options)).await.context("failed to list volumes")?;
    tasks.extend(volumes.volumes.into_iter().flatten().filter_map(|mut volume| volume.labels.remove(TASK)));
    for task in tasks {
        let live = emulator.store.read(|state| state.ecs.tasks.get(&task).is_some_and(observe::is_live));
        if !live {
            stopping::remove_task(engine, &task).await.context("failed to remove what is left of a task")?;
        }
    }
    Ok(())
}

/// Ends all tasks of this instance gracefully: `local stop`. The scheduler must rest before: it would replace them.
///
/// # Errors
/// The engine's; tasks that do not end within the longest stop timeout that ECS has.
pub async fn stop_all(emulator: &Emulator) -> anyhow::Result<()> {
    // AWS: a `stopTimeout` is at most 120 s; the rest is for draining and removal.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(180);
    let mut changes = emulator.store.changes();
    loop {
        let (left, unasked) = emulator.store.read(|state| {
            let live = || state.ecs.tasks.values().filter(|task| observe::is_live(task));
            (live().count(), live().any(|task| task.stop.is_none()))
        });
        if left == 0 {
            return Ok(());
        }
        Engine::connect(&emulator.settings.engine, &emulator.settings.instance).await?;
        if unasked {
            emulator.store.write(|state| {
                for task in state.ecs.tasks.values_mut().filter(|task| task.last_status != TaskStatus::Stopped) {
                    task.request_stop(StopCode::UserInitiated, "Task stopped by user");
                }
            });
            changes.mark_unchanged();
        }
        let changed = tokio::time::timeout_at(deadline, changes.changed()).await;
        changed.with_context(|| format!("{left} tasks have not ended in time"))?.context("the daemon ends")?;
    }
}

/// Removes every container, network and volume of this instance from the engine, whatever the state says: `local reset`.
/// May be done again, and where there is nothing.
///
/// # Errors
/// The engine's.
pub async fn sweep(engine: &str, instance: &str) -> anyhow::Result<()> {
    let engine = Engine::connect(engine, instance).await?;
    stopping::remove_containers(&engine, INSTANCE, instance).await.context("failed to remove containers")?;
    stopping::remove_volumes(&engine, INSTANCE, instance).await.context("failed to remove volumes")?;
    pause::remove_image(&engine.docker, instance)
        .await
        .context("failed to remove the image of the network container")?;
    if let Some(cgroups) = &engine.cgroups {
        for task in cgroups.tasks() {
            cgroups.remove(&task).await;
        }
        cgroups.remove_folder_of_instance();
    }
    Ok(())
}

/// Kills a container of a task, or all of them, as if it had crashed.
///
/// # Errors
/// The engine's; no such container.
pub async fn kill(emulator: &Emulator, task: &str, container: Option<&str>) -> anyhow::Result<()> {
    let engine = Engine::connect(&emulator.settings.engine, &emulator.settings.instance).await?;
    let mut killed = false;
    for one in engine.containers(TASK, task).await.context("failed to list containers")? {
        let Some(name) = one.labels.get(CONTAINER) else { continue };
        if container.is_none_or(|wanted| wanted == name) {
            let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
            engine.docker.kill_container(&one.id, Some(options)).await.context("failed to kill a container")?;
            killed = true;
        }
    }
    anyhow::ensure!(killed, "task {task} has no such container");
    Ok(())
}

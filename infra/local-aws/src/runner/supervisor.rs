//! One supervisor a task: takes it through its life and writes down what it sees. Every step looks at the engine first and
//! may be done twice, so that a supervisor may begin anywhere: after a restart, after the engine was away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::engine::{Engine, sentence};
use super::forward::{Destination, forward};
use super::prepare::log_stream;
use super::reasons;
use crate::emulator::Emulator;
use crate::scheduler;
use crate::store::task::{StopCode, Task, TaskStatus};
use crate::store::task_definition::TaskDefinition;
use crate::time::Timestamp;

/// Why a step was not finished.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The engine is away, or cannot be made to do what must be done: again later.
    Away(String),
    /// The task is to end.
    Ending,
    /// The task cannot start, for this reason.
    Failed(String),
}

impl From<bollard::errors::Error> for Trouble {
    fn from(error: bollard::errors::Error) -> Trouble {
        Trouble::Away(sentence(&error))
    }
}

/// Looks after one task.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) emulator: Emulator,
    pub(super) engine: Engine,
    pub(super) id: String,
    /// Told when the engine has news of the task, and when it is to end.
    pub(super) news: Arc<Notify>,
    /// Container → who forwards its output.
    followers: Mutex<HashMap<String, JoinHandle<()>>>,
}

/// How often a supervisor looks even if it has heard nothing: the engine's events are not kept for who was away.
const LOOK: Duration = Duration::from_secs(30);

impl Supervisor {
    /// Not begun yet.
    pub(super) fn new(emulator: Emulator, engine: Engine, id: String, news: Arc<Notify>) -> Supervisor {
        Supervisor { emulator, engine, id, news, followers: Mutex::default() }
    }

    /// Until the task is over.
    pub(super) async fn keep(self) {
        // Doubled up to 5 s: an engine that restarts is found again soon, one that is gone costs nothing.
        let mut pause = Duration::from_millis(250);
        while let Err(trouble) = self.live().await {
            if let Trouble::Away(why) | Trouble::Failed(why) = trouble
                && pause == Duration::from_millis(250)
            {
                eprintln!("warning: task {}: {why}; trying again", self.id);
                if self.engine.docker.ping().await.is_err() {
                    let reason = "the Docker engine of this machine does not answer";
                    self.emulator
                        .store
                        .write(|state| scheduler::tell_unplaced(state, &self.id, reason, Timestamp::now()));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn live(&self) -> Result<(), Trouble> {
        let Some(task) = self.task() else { return Ok(()) };
        let Some(definition) = self.definition(&task) else {
            self.request_stop(StopCode::TaskFailedToStart, "The task definition does not exist.");
            return self.remove_everything().await;
        };
        if task.stop.is_none() && task.last_status < TaskStatus::Running {
            match self.start(&definition).await {
                Ok(()) | Err(Trouble::Ending) => {}
                Err(Trouble::Failed(reason)) => self.request_stop(StopCode::TaskFailedToStart, &reason),
                Err(away) => return Err(away),
            }
        }
        if self.task().is_some_and(|task| task.stop.is_none()) {
            self.watch(&definition).await?;
        }
        self.end(&definition).await
    }

    /// While the task runs.
    async fn watch(&self, definition: &TaskDefinition) -> Result<(), Trouble> {
        loop {
            let sight = self.observe(definition).await?;
            let network = sight.pause.as_ref().is_some_and(|(_, running)| *running);
            if sight.essential_ended(definition) || !network {
                self.request_stop(StopCode::EssentialContainerExited, reasons::ESSENTIAL);
            }
            if self.ends() {
                return Ok(());
            }
            self.wait_for_news(LOOK).await;
        }
    }

    /// Until something may have changed.
    pub(super) async fn wait_for_news(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most.min(LOOK), self.news.notified()).await;
    }

    /// The task as it is.
    pub(super) fn task(&self) -> Option<Task> {
        self.emulator.store.read(|state| state.ecs.tasks.get(&self.id).cloned())
    }

    fn definition(&self, task: &Task) -> Option<TaskDefinition> {
        self.emulator
            .store
            .read(|state| state.ecs.revision(&task.task_definition).map(|found| found.definition.clone()))
    }

    /// Whether somebody wants the task to end.
    pub(super) fn ends(&self) -> bool {
        self.emulator.store.read(|state| state.ecs.tasks.get(&self.id).is_none_or(|task| task.stop.is_some()))
    }

    /// Returns once somebody wants the task to end.
    pub(super) async fn until_ending(&self) {
        let mut changes = self.emulator.store.changes();
        while !self.ends() && changes.changed().await.is_ok() {}
    }

    /// Changes the task; `change` says whether it did.
    pub(super) fn update(&self, change: impl FnOnce(&mut Task) -> bool) {
        self.emulator.store.update(|state| {
            let Some(task) = state.ecs.tasks.get_mut(&self.id) else { return (false, ()) };
            let changed = change(task);
            task.version += u64::from(changed);
            (changed, ())
        });
    }

    /// Moves the task on; never back.
    pub(super) fn advance(&self, status: TaskStatus) {
        self.update(|task| {
            let on = task.last_status < status;
            if on {
                task.last_status = status;
            }
            on
        });
    }

    /// Ends the task, unless somebody has a reason already.
    pub(super) fn request_stop(&self, code: StopCode, reason: &str) {
        self.update(|task| {
            let first = task.stop.is_none();
            if first {
                task.stop = Some(crate::store::task::Stop { code, reason: reason.to_owned() });
            }
            first
        });
    }

    /// A container that cannot run.
    pub(super) fn give_up_container(&self, name: &str, reason: &str) {
        self.update(|task| {
            let Some(container) = task.containers.iter_mut().find(|container| container.name == name) else {
                return false;
            };
            container.last_status = "STOPPED".into();
            container.reason = Some(reason.to_owned());
            true
        });
    }

    /// Begins to forward the output of a container, once.
    pub(super) fn follow(&self, definition: &TaskDefinition, name: &str, id: &str) {
        let container = definition.container_definitions.iter().find(|container| container.name == name);
        let Some((group, stream)) = container.and_then(|container| log_stream(container, &self.id)) else { return };
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.entry(name.to_owned()).or_insert_with(|| {
            let to = Destination { group, stream };
            tokio::spawn(forward(self.emulator.clone(), self.engine.docker.clone(), id.to_owned(), to))
        });
    }

    /// Waits until the output of all containers, which are over, has been stored.
    pub(super) async fn drain_output(&self) {
        let followers = std::mem::take(&mut *self.followers.lock().unwrap_or_else(PoisonError::into_inner));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        for (_, mut follower) in followers {
            if tokio::time::timeout_at(deadline, &mut follower).await.is_err() {
                follower.abort();
            }
        }
    }

    /// The end: written down after everything else has been done.
    pub(super) fn settle(&self) {
        let now = Timestamp::now();
        self.update(|task| {
            task.last_status = TaskStatus::Stopped;
            task.stopped_at = Some(now);
            task.execution_stopped_at.get_or_insert(now);
            task.stopping_at.get_or_insert(now);
            for container in &mut task.containers {
                container.last_status = "STOPPED".into();
            }
            true
        });
    }
}

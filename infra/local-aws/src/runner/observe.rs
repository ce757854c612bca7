//! What the engine shows of one task, and how it is written down. The rest of the runner decides by this alone, so that a
//! task that was left in the middle is continued like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, HealthStatusEnum};

use super::engine::{CONTAINER, Kind, TASK, kind};
use super::order::Phase;
use super::reasons;
use super::supervisor::{Supervisor, Trouble};
use crate::store::task::{Container, Health, Task, TaskStatus};
use crate::store::task_definition::TaskDefinition;
use crate::time::Timestamp;

/// One container of the definition.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `None`: the engine has none.
    pub(super) id: Option<String>,
    /// How far it is.
    pub(super) phase: Phase,
    /// Whether the kernel killed it.
    pub(super) out_of_memory: bool,
    /// Whether it has run, and is not in the engine any more.
    pub(super) gone: bool,
}

/// All of a task.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    /// Name in the definition → container.
    pub(super) containers: BTreeMap<String, Seen>,
    /// The one that holds the network, and whether it runs.
    pub(super) pause: Option<(String, bool)>,
}

impl Sight {
    /// How far each container is.
    pub(super) fn phases(&self) -> BTreeMap<String, Phase> {
        self.containers.iter().map(|(name, seen)| (name.clone(), seen.phase.clone())).collect()
    }

    /// Whether an essential container is over that has run.
    pub(super) fn essential_ended(&self, definition: &TaskDefinition) -> bool {
        definition.container_definitions.iter().filter(|container| container.is_essential()).any(|container| {
            self.containers
                .get(&container.name)
                .is_some_and(|seen| matches!(seen.phase, Phase::Ended { ran: true, .. }))
        })
    }

    /// Whether no container is waiting any more.
    pub(super) fn all_started(&self) -> bool {
        self.containers.values().all(|seen| seen.phase != Phase::Waiting)
    }
}

impl Supervisor {
    /// Looks at the engine, and starts to forward the output of containers that were not known before.
    pub(super) async fn observe(&self, definition: &TaskDefinition) -> Result<Sight, Trouble> {
        let found = self.engine.containers(TASK, &self.id).await?;
        let mut sight = Sight { containers: BTreeMap::new(), pause: None };
        let mut ids: BTreeMap<String, String> = BTreeMap::new();
        for one in found {
            match one.labels.get(CONTAINER) {
                Some(name) => drop(ids.insert(name.clone(), one.id)),
                None => {
                    let inspected = self.inspect(&one.id).await?;
                    let running = inspected.and_then(|found| found.state?.running).unwrap_or(false);
                    sight.pause = Some((one.id, running));
                }
            }
        }
        let Some(task) = self.task() else { return Ok(sight) };
        for recorded in &task.containers {
            let inspected = match ids.get(&recorded.name) {
                Some(id) => self.inspect_settled(id, task.last_status).await?,
                None => None,
            };
            let seen = inspected.map_or_else(|| absent(recorded), |found| present(recorded, found));
            if let (Some(id), true) = (&seen.id, seen.phase != Phase::Waiting) {
                self.follow(definition, &recorded.name, id);
            }
            sight.containers.insert(recorded.name.clone(), seen);
        }
        self.record(definition, &sight);
        Ok(sight)
    }

    async fn inspect(&self, id: &str) -> Result<Option<ContainerInspectResponse>, Trouble> {
        match self.engine.docker.inspect_container(id, None).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if kind(&error) == Kind::Missing => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The engine may hear of a container's end before it hears that memory was the reason: a SIGKILL that was not ours
    /// is looked at twice.
    async fn inspect_settled(&self, id: &str, status: TaskStatus) -> Result<Option<ContainerInspectResponse>, Trouble> {
        let found = self.inspect(id).await?;
        let killed = found.as_ref().and_then(|found| found.state.as_ref()).is_some_and(|state| {
            state.running == Some(false) && state.exit_code == Some(137) && state.oom_killed != Some(true)
        });
        if !killed || status >= TaskStatus::Stopping {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.inspect(id).await
    }

    /// Records changes; without a change, no watcher wakes.
    fn record(&self, definition: &TaskDefinition, sight: &Sight) {
        let ended = sight.essential_ended(definition);
        self.update(|task| {
            let mut changed = false;
            let status = task.last_status;
            for container in &mut task.containers {
                let Some(seen) = sight.containers.get(&container.name) else { continue };
                changed |= record_one(container, seen, status);
            }
            let health = reasons::task_health(definition, &task.containers);
            changed |= replace(&mut task.health, health);
            if ended && task.execution_stopped_at.is_none() {
                task.execution_stopped_at = Some(Timestamp::now());
                changed = true;
            }
            changed
        });
    }
}

fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let changed = *old != new;
    *old = new;
    changed
}

fn record_one(container: &mut Container, seen: &Seen, status: TaskStatus) -> bool {
    let mut changed = false;
    if seen.id.is_some() {
        changed |= replace(&mut container.runtime_id, seen.id.clone());
    }
    let over = container.last_status == "STOPPED";
    match &seen.phase {
        Phase::Waiting => {}
        Phase::Running { health, .. } => {
            changed |= replace(&mut container.last_status, "RUNNING".to_owned());
            changed |= replace(&mut container.health, *health);
        }
        Phase::Ended { code, .. } if !over => {
            container.last_status = "STOPPED".into();
            container.exit_code = *code;
            // A container that outlived its stop timeout was killed by the engine, not by the kernel.
            if seen.out_of_memory && status < TaskStatus::Stopping {
                container.reason = Some(reasons::OUT_OF_MEMORY.into());
            } else if seen.gone {
                container.reason = Some(reasons::GONE.into());
            }
            changed = true;
        }
        Phase::Ended { .. } => {}
    }
    changed
}

/// A container that the engine has.
fn present(recorded: &Container, found: ContainerInspectResponse) -> Seen {
    let state = found.state.unwrap_or_default();
    let health = match state.health.and_then(|health| health.status) {
        Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
        Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
        _ => Health::Unknown,
    };
    let since = state
        .started_at
        .as_deref()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .and_then(|time| u64::try_from(time.as_millisecond()).ok())
        .map_or_else(Timestamp::now, Timestamp::from_millis);
    // The engine leaves a container that it could not start as it was before.
    let broken = recorded.last_status == "STOPPED" && recorded.exit_code.is_none();
    let phase = match state.status {
        Some(ContainerStateStatusEnum::CREATED) if broken => Phase::Ended { code: None, ran: false },
        Some(ContainerStateStatusEnum::CREATED) => Phase::Waiting,
        Some(
            ContainerStateStatusEnum::EXITED | ContainerStateStatusEnum::DEAD | ContainerStateStatusEnum::REMOVING,
        ) => Phase::Ended { code: state.exit_code, ran: true },
        _ => Phase::Running { since, health },
    };
    let out_of_memory = state.oom_killed == Some(true) && state.exit_code == Some(137);
    Seen { id: found.id, phase, out_of_memory, gone: false }
}

/// A container that the engine does not have: not yet, or not any more.
fn absent(recorded: &Container) -> Seen {
    let phase = match recorded.last_status.as_str() {
        "RUNNING" => Phase::Ended { code: None, ran: true },
        "STOPPED" => Phase::Ended { code: recorded.exit_code, ran: recorded.exit_code.is_some() },
        _ => Phase::Waiting,
    };
    Seen { id: None, phase, out_of_memory: false, gone: recorded.last_status == "RUNNING" }
}

/// For `Task`s in tests and the sweep: whether containers of it may be in the engine.
pub(super) fn is_live(task: &Task) -> bool {
    task.last_status != TaskStatus::Stopped
}

//! The second half of a task's life: from `DEACTIVATING` to `STOPPED`. Whatever there is of the task is brought to its
//! end, so it does not matter how far its start had got.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use bollard::query_parameters::{
    ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, StopContainerOptionsBuilder,
};
use tokio::task::JoinSet;

use super::engine::{CONTAINER, Engine, Kind, TASK, kind, labelled};
use super::observe::Sight;
use super::order::{self, Phase};
use super::supervisor::{Supervisor, Trouble};
use crate::store::task::{Task, TaskStatus};
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};
use crate::time::Timestamp;

/// AWS: the default `stopTimeout` of a container, in seconds.
const STOP_TIMEOUT: u32 = 30;

/// How much longer than the group's delay a target is waited for: the balancer that removes it may be down.
const MARGIN: Duration = Duration::from_secs(5);

impl Supervisor {
    /// From wherever the task is until it is over.
    pub(super) async fn end(&self, definition: &TaskDefinition) -> Result<(), Trouble> {
        let task = self.task().ok_or(Trouble::Ending)?;
        self.update(|task| {
            let first = task.stopping_at.is_none();
            task.stopping_at.get_or_insert_with(Timestamp::now);
            first
        });
        if task.last_status >= TaskStatus::Activating && !task.load_balancers.is_empty() {
            self.advance(TaskStatus::Deactivating);
            self.drain_targets(&task).await;
        }
        self.advance(TaskStatus::Stopping);
        self.stop_containers(definition).await?;
        self.update(|task| {
            let first = task.execution_stopped_at.is_none();
            task.execution_stopped_at.get_or_insert_with(Timestamp::now);
            first
        });
        self.advance(TaskStatus::Deprovisioning);
        self.drain_output().await;
        self.remove_everything().await
    }

    /// Takes the task out of its target groups and waits until the balancer has let go of it.
    async fn drain_targets(&self, task: &Task) {
        let Some(address) = task.private_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok()) else { return };
        let delay = self.emulator.store.write(|state| {
            let mut delay = Duration::ZERO;
            for balanced in &task.load_balancers {
                if let Some(group) = state.elb.target_groups.get_mut(&balanced.target_group_arn) {
                    group.deregister(address, balanced.container_port, Timestamp::now());
                    delay = delay.max(Duration::from_secs(group.deregistration_delay_seconds.into()));
                }
            }
            delay
        });
        let mut changes = self.emulator.store.changes();
        let registered = || {
            self.emulator.store.read(|state| {
                task.load_balancers.iter().any(|balanced| {
                    state.elb.target_groups.get(&balanced.target_group_arn).is_some_and(|group| {
                        group
                            .targets
                            .iter()
                            .any(|target| (target.address, target.port) == (address, balanced.container_port))
                    })
                })
            })
        };
        let gone = async { while registered() && changes.changed().await.is_ok() {} };
        if tokio::time::timeout(delay + MARGIN, gone).await.is_err() {
            eprintln!("warning: task {}: its targets are still registered; stopping it nevertheless", self.id);
        }
    }

    /// Each as soon as nothing that runs depends on it, with its own stop signal and timeout.
    async fn stop_containers(&self, definition: &TaskDefinition) -> Result<(), Trouble> {
        let mut asked = BTreeSet::new();
        let mut stops: JoinSet<()> = JoinSet::new();
        loop {
            let sight = self.observe(definition).await?;
            let running: BTreeSet<String> = sight
                .phases()
                .into_iter()
                .filter(|(_, phase)| matches!(phase, Phase::Running { .. }))
                .map(|(name, _)| name)
                .collect();
            if running.is_empty() {
                return Ok(());
            }
            for container in order::stoppable(definition, &running) {
                if asked.insert(container.name.clone()) {
                    self.stop_one(container, &sight, &mut stops);
                }
            }
            if stops.is_empty() {
                // The engine has taken every call and something still runs: the call is retried.
                asked.clear();
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            tokio::select! {
                _ = stops.join_next() => {}
                () = self.wait_for_news(Duration::MAX) => {}
            }
        }
    }

    fn stop_one(&self, container: &ContainerDefinition, sight: &Sight, stops: &mut JoinSet<()>) {
        let Some(id) = sight.containers.get(&container.name).and_then(|seen| seen.id.clone()) else { return };
        let seconds = i32::try_from(container.stop_timeout.unwrap_or(STOP_TIMEOUT)).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let docker = self.engine.docker.clone();
        stops.spawn(async move {
            // Whether it worked is seen at the next look.
            let _ = docker.stop_container(&id, Some(options)).await;
        });
    }

    /// Containers, volumes, network, control group; then the task is over.
    pub(super) async fn remove_everything(&self) -> Result<(), Trouble> {
        remove_task(&self.engine, &self.id).await?;
        self.settle();
        Ok(())
    }
}

/// Removes whatever the engine has of a task. Nothing to remove is fine.
pub(super) async fn remove_task(engine: &Engine, task: &str) -> Result<(), bollard::errors::Error> {
    remove_containers(engine, TASK, task).await?;
    remove_volumes(engine, TASK, task).await?;
    if let Some(cgroups) = &engine.cgroups {
        cgroups.remove(task).await;
    }
    Ok(())
}

/// All containers with a label, until there is none: a daemon that was killed may have left the engine in the middle of
/// creating or removing one, and the engine reports both before they are over.
pub(super) async fn remove_containers(engine: &Engine, label: &str, value: &str) -> Result<(), bollard::errors::Error> {
    // 30 s: an engine under load needs seconds to remove one container.
    for _ in 0..300 {
        let mut found = engine.containers(label, value).await?;
        if found.is_empty() {
            break;
        }
        // The one that holds the network goes last.
        found.sort_by_key(|one| !one.labels.contains_key(CONTAINER));
        let mut under_way = false;
        for one in found {
            under_way |= !remove_container(engine, &one.id).await?;
        }
        if under_way {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    Ok(())
}

/// With its anonymous volumes, killed where it runs. False: the engine is at it already.
pub(super) async fn remove_container(engine: &Engine, id: &str) -> Result<bool, bollard::errors::Error> {
    let options = RemoveContainerOptionsBuilder::default().v(true).force(true).build();
    match engine.docker.remove_container(id, Some(options)).await {
        Ok(()) => Ok(true),
        Err(error) => match kind(&error) {
            Kind::Missing => Ok(true),
            Kind::Conflict => Ok(false),
            _ => Err(error),
        },
    }
}

/// All volumes with a label.
pub(super) async fn remove_volumes(engine: &Engine, label: &str, value: &str) -> Result<(), bollard::errors::Error> {
    let options = ListVolumesOptionsBuilder::default().filters(&labelled(label, value)).build();
    for volume in engine.docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default() {
        let options = RemoveVolumeOptionsBuilder::default().force(true).build();
        match engine.docker.remove_volume(&volume.name, Some(options)).await {
            Err(error) if kind(&error) != Kind::Missing => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

//! The first half of a task's life: from `PROVISIONING` to `RUNNING`.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bollard::models::VolumeCreateRequest;
use futures_util::future::{join_all, try_join_all};

use super::engine::{self, Kind, kind, name_of, sentence};
use super::images::{self, Image};
use super::limits::{TaskLimits, container_limits};
use super::network::Network;
use super::observe::Sight;
use super::order::{self, Phase, Step};
use super::prepare::{self, Secrets};
use super::reasons;
use super::spec::{self, Sandbox, VolumeSource};
use super::stopping::remove_container;
use super::supervisor::{Supervisor, Trouble};
use crate::store::task::{StopCode, Task, TaskStatus};
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};
use crate::time::Timestamp;

/// All that containers are made of.
struct Parts {
    network: Network,
    volumes: HashMap<String, VolumeSource>,
    secrets: Secrets,
    images: HashMap<String, Image>,
    platform: String,
}

impl Supervisor {
    /// From wherever the task is until it runs.
    pub(super) async fn start(&self, definition: &TaskDefinition) -> Result<(), Trouble> {
        let task = self.task().ok_or(Trouble::Ending)?;
        let sight = self.observe(definition).await?;
        let parts = tokio::select! {
            parts = self.gather(&task, definition, &sight) => parts?,
            () = self.until_ending() => return Err(Trouble::Ending),
        };
        self.start_containers(&task, definition, &parts).await?;
        self.advance(TaskStatus::Activating);
        let ends = self.emulator.store.write(|state| {
            let ended = state.ecs.tasks.get(&self.id).is_none_or(|task| task.stop.is_some());
            for balanced in task.load_balancers.iter().filter(|_| !ended) {
                if let Some(group) = state.elb.target_groups.get_mut(&balanced.target_group_arn) {
                    let (address, port) = (parts.network.address, balanced.container_port);
                    group.register(address, port, parts.network.reached_at(port), Timestamp::now());
                }
            }
            ended
        });
        if ends {
            return Err(Trouble::Ending);
        }
        self.update(|task| {
            task.last_status = TaskStatus::Running;
            task.started_at.get_or_insert_with(Timestamp::now);
            true
        });
        Ok(())
    }

    /// Network and images at the same time: neither needs the other.
    async fn gather(&self, task: &Task, definition: &TaskDefinition, sight: &Sight) -> Result<Parts, Trouble> {
        let (settings, store) = (&self.emulator.settings, &self.emulator.store);
        let known = store.read(|state| state.ecs.file_systems.clone());
        let volumes = prepare::volumes(settings, &known, definition, &self.id).map_err(Trouble::Failed)?;
        let secrets = store.read(|state| prepare::secrets(state, definition)).map_err(Trouble::Failed)?;
        store
            .write(|state| prepare::log_groups(state, definition, &self.id, Timestamp::now()))
            .map_err(Trouble::Failed)?;
        let provision = async {
            self.make_volumes(&volumes).await?;
            let network = self.network(task, definition, sight).await?;
            self.update(|task| {
                task.private_ip = Some(network.address.to_string());
                task.last_status = task.last_status.max(TaskStatus::Pending);
                true
            });
            Ok(network)
        };
        let platform = images::platform(definition);
        let (network, images) = tokio::try_join!(provision, self.images(definition, sight, &platform))?;
        Ok(Parts { network, volumes, secrets, images, platform })
    }

    async fn make_volumes(&self, volumes: &HashMap<String, VolumeSource>) -> Result<(), Trouble> {
        for source in volumes.values() {
            let VolumeSource::Engine(name) = source else { continue };
            let request = VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some(engine::labels(&self.emulator.settings.instance, &self.id)),
                ..VolumeCreateRequest::default()
            };
            self.engine.docker.create_volume(request).await?;
        }
        Ok(())
    }

    /// Pulls the images of all containers that are not there yet.
    async fn images(
        &self,
        definition: &TaskDefinition,
        sight: &Sight,
        platform: &str,
    ) -> Result<HashMap<String, Image>, Trouble> {
        let missing: Vec<&ContainerDefinition> = definition
            .container_definitions
            .iter()
            .filter(|container| sight.containers.get(&container.name).is_none_or(|seen| seen.id.is_none()))
            .collect();
        if missing.is_empty() {
            return Ok(HashMap::new());
        }
        self.update(|task| {
            task.pull_started_at.get_or_insert_with(Timestamp::now);
            true
        });
        let pulls = missing.into_iter().map(async |container| {
            let pulled = images::obtain(&self.emulator, &self.engine.docker, &container.image, platform).await;
            if let Err(Trouble::Failed(reason)) = &pulled {
                self.give_up_container(&container.name, reason);
            }
            pulled.map(|image| (container.name.clone(), image))
        });
        let images: HashMap<String, Image> = try_join_all(pulls).await?.into_iter().collect();
        self.update(|task| {
            task.pull_stopped_at = Some(Timestamp::now());
            for container in &mut task.containers {
                if let Some(image) = images.get(&container.name) {
                    container.image_digest.clone_from(&image.digest);
                }
            }
            true
        });
        Ok(images)
    }

    /// Each as soon as `dependsOn` lets it, several at once.
    async fn start_containers(&self, task: &Task, definition: &TaskDefinition, parts: &Parts) -> Result<(), Trouble> {
        loop {
            let sight = self.observe(definition).await?;
            if self.ends() {
                return Err(Trouble::Ending);
            }
            let phases = sight.phases();
            let failed = |container: &&ContainerDefinition| {
                container.is_essential() && matches!(phases.get(&container.name), Some(Phase::Ended { ran: false, .. }))
            };
            if definition.container_definitions.iter().any(|container| failed(&container)) {
                return Err(Trouble::Failed(reasons::FAILED_TO_START.into()));
            }
            if sight.essential_ended(definition) {
                return self.ended_early(&sight);
            }
            if sight.all_started() {
                return Ok(());
            }
            let now = Timestamp::now();
            let mut wait = Duration::MAX;
            let mut to_start = Vec::new();
            let mut given_up = false;
            for container in &definition.container_definitions {
                if phases.get(&container.name) != Some(&Phase::Waiting) {
                    continue;
                }
                match order::next(container, definition, &phases, now) {
                    Step::Start => to_start.push(container),
                    Step::Wait(deadline) => {
                        let left = deadline.map_or(Duration::MAX, |deadline| deadline.since(now));
                        wait = wait.min(left);
                    }
                    Step::Never(why) => {
                        self.give_up_container(&container.name, &reasons::cannot_start(&why));
                        given_up = true;
                    }
                }
            }
            if to_start.is_empty() {
                if !given_up {
                    self.wait_for_news(wait).await;
                }
                continue;
            }
            let starts = to_start.into_iter().map(|container| {
                let known = sight.containers.get(&container.name).and_then(|seen| seen.id.clone());
                self.start_one(task, definition, container, parts, known, true)
            });
            join_all(starts).await.into_iter().collect::<Result<(), Trouble>>()?;
        }
    }

    /// A one-off task may be over before it was observed running; it has run nevertheless.
    fn ended_early(&self, sight: &Sight) -> Result<(), Trouble> {
        let started = sight.all_started();
        self.update(|task| {
            if started {
                task.started_at.get_or_insert_with(Timestamp::now);
            }
            started
        });
        self.request_stop(StopCode::EssentialContainerExited, reasons::ESSENTIAL);
        Err(Trouble::Ending)
    }

    /// A refusal of the engine is the container's end, not ours.
    async fn start_one(
        &self,
        task: &Task,
        definition: &TaskDefinition,
        container: &ContainerDefinition,
        parts: &Parts,
        known: Option<String>,
        again: bool,
    ) -> Result<(), Trouble> {
        let id = match known {
            Some(id) => id,
            None => match self.create_one(task, definition, container, parts).await {
                Ok(id) => id,
                Err(error) if kind(&error) == Kind::Away => return Err(error.into()),
                Err(error) => {
                    self.give_up_container(&container.name, &reasons::cannot_create(&sentence(&error)));
                    return Ok(());
                }
            },
        };
        match self.engine.docker.start_container(&id, None).await {
            Ok(()) => Ok(()),
            Err(error) if kind(&error) == Kind::Away => Err(error.into()),
            // An engine that is not quite root cannot raise its own limit: the default is then what it has.
            Err(error)
                if sentence(&error).contains("setting rlimit")
                    && !spec::sets_open_files(&container.ulimits)
                    && again =>
            {
                self.engine.few_files.store(true, Ordering::Relaxed);
                remove_container(&self.engine, &id).await?;
                Box::pin(self.start_one(task, definition, container, parts, None, false)).await
            }
            Err(error) => {
                self.give_up_container(&container.name, &reasons::cannot_start(&sentence(&error)));
                Ok(())
            }
        }
    }

    async fn create_one(
        &self,
        task: &Task,
        definition: &TaskDefinition,
        container: &ContainerDefinition,
        parts: &Parts,
    ) -> Result<String, bollard::errors::Error> {
        let limits = TaskLimits::of(task, definition);
        let around = Sandbox {
            instance: &self.emulator.settings.instance,
            image: parts.images.get(&container.name).map_or(&container.image, |image| &image.reference),
            pause: &parts.network.pause,
            secrets: parts.secrets.get(&container.name).map_or(&[], Vec::as_slice),
            volumes: &parts.volumes,
            limits: container_limits(task, container, limits, self.engine.cgroups.is_some()),
            cgroup_parent: self.engine.cgroups.as_ref().map(|cgroups| cgroups.parent(&self.id)),
            start_interval: self.engine.start_interval,
            few_files: self.engine.few_files.load(Ordering::Relaxed),
        };
        let body = spec::body(task, container, &around);
        self.create(&name_of(&self.id, Some(&container.name)), &parts.platform, body).await
    }
}

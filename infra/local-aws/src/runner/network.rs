//! The network of a task: a container that does nothing holds a network namespace on the engine's bridge, the others join
//! it. Where the bridge cannot be reached from here, ports of load balancers are published on loopback instead.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig, PortBinding};
use bollard::query_parameters::CreateContainerOptionsBuilder;

use super::engine::{self, Kind, kind, name_of, sentence};
use super::limits::TaskLimits;
use super::observe::Sight;
use super::supervisor::{Supervisor, Trouble};
use super::{pause, reasons, spec};
use crate::store::task::Task;
use crate::store::task_definition::TaskDefinition;

/// The network of a task.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// Id of the container that holds it.
    pub(super) pause: String,
    /// Its address.
    pub(super) address: IpAddr,
    /// Port of the task → where it is published, where it is.
    published: HashMap<u16, SocketAddr>,
}

impl Network {
    /// Where connections to a port of the task go.
    pub(super) fn reached_at(&self, port: u16) -> SocketAddr {
        self.published.get(&port).copied().unwrap_or(SocketAddr::new(self.address, port))
    }
}

impl Supervisor {
    /// Makes the network, or finds it.
    pub(super) async fn network(
        &self,
        task: &Task,
        definition: &TaskDefinition,
        sight: &Sight,
    ) -> Result<Network, Trouble> {
        let refused = |error: bollard::errors::Error| match kind(&error) {
            Kind::Away => error.into(),
            _ => Trouble::Failed(reasons::no_network(&sentence(&error))),
        };
        let docker = &self.engine.docker;
        if let Some(cgroups) = &self.engine.cgroups {
            cgroups
                .make(&task.id, TaskLimits::of(task, definition))
                .map_err(|error| Trouble::Failed(reasons::no_network(&format!("control group: {error}"))))?;
        }
        let id = match &sight.pause {
            Some((id, true)) => id.clone(),
            // It may have been created a moment before the daemon was killed; no container has joined it, so it may start again.
            Some((id, false)) if sight.containers.values().all(|seen| seen.id.is_none()) => id.clone(),
            Some(_) => return Err(Trouble::Failed(reasons::no_network("its container has ended"))),
            None => self.create_pause(task, definition).await.map_err(refused)?,
        };
        docker.start_container(&id, None).await.map_err(refused)?;
        let found = docker.inspect_container(&id, None).await.map_err(refused)?;
        let address = address(&found).ok_or_else(|| Trouble::Failed(reasons::no_network("no address")))?;
        Ok(Network { pause: id, address, published: published(&found) })
    }

    async fn create_pause(&self, task: &Task, definition: &TaskDefinition) -> Result<String, bollard::errors::Error> {
        let instance = &self.emulator.settings.instance;
        let docker = &self.engine.docker;
        pause::ensure_image(docker, instance, &self.engine.architecture).await?;
        let ports: Vec<u16> = task.load_balancers.iter().map(|balanced| balanced.container_port).collect();
        let published = if self.engine.local { &[][..] } else { &ports[..] };
        let loopback =
            || PortBinding { host_ip: Some(Ipv4Addr::LOCALHOST.to_string()), host_port: Some(String::new()) };
        let sysctls = definition
            .container_definitions
            .iter()
            .flat_map(|container| &container.system_controls)
            .filter(|control| control.namespace.starts_with("net."))
            .map(|control| (control.namespace.clone(), control.value.clone()));
        let host = HostConfig {
            network_mode: Some("bridge".into()),
            sysctls: Some(sysctls.collect()),
            port_bindings: Some(published.iter().map(|port| (format!("{port}/tcp"), Some(vec![loopback()]))).collect()),
            cgroup_parent: self.engine.cgroups.as_ref().map(|cgroups| cgroups.parent(&task.id)),
            log_config: Some(spec::log_config()),
            ..HostConfig::default()
        };
        let body = ContainerCreateBody {
            image: Some(pause::image(instance)),
            hostname: Some(name_of(&task.id, None)),
            exposed_ports: Some(published.iter().map(|port| format!("{port}/tcp")).collect()),
            labels: Some(engine::labels(instance, &task.id)),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        self.create(&name_of(&task.id, None), "", body).await
    }

    /// Creates a container, or finds the one that was created a moment before the daemon was killed.
    pub(super) async fn create(
        &self,
        name: &str,
        platform: &str,
        body: ContainerCreateBody,
    ) -> Result<String, bollard::errors::Error> {
        let docker = &self.engine.docker;
        // 10 s: the engine keeps the name from the first moment on, but shows the container only when it is complete.
        for _ in 0..100 {
            let options = CreateContainerOptionsBuilder::default().name(name).platform(platform).build();
            let conflict = match docker.create_container(Some(options), body.clone()).await {
                Ok(made) => return Ok(made.id),
                Err(error) if kind(&error) == Kind::Conflict => error,
                Err(error) => return Err(error),
            };
            match docker.inspect_container(name, None).await {
                Ok(found) => {
                    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
                    match (found.id, labels.get(engine::TASK)) {
                        (Some(id), Some(task)) if *task == self.id => return Ok(id),
                        _ => return Err(conflict),
                    }
                }
                Err(error) if kind(&error) == Kind::Missing => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(error),
            }
        }
        Err(bollard::errors::Error::RequestTimeoutError)
    }
}

fn address(found: &ContainerInspectResponse) -> Option<IpAddr> {
    let networks = found.network_settings.as_ref()?.networks.as_ref()?;
    networks.values().find_map(|network| network.ip_address.as_deref()?.parse().ok())
}

fn published(found: &ContainerInspectResponse) -> HashMap<u16, SocketAddr> {
    let ports = found.network_settings.as_ref().and_then(|settings| settings.ports.as_ref());
    let one = |name: &str, bindings: &Option<Vec<PortBinding>>| {
        let binding = bindings.as_ref()?.first()?;
        let port = binding.host_port.as_deref()?.parse().ok()?;
        let inner: u16 = name.split('/').next()?.parse().ok()?;
        Some((inner, SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)))
    };
    ports.into_iter().flatten().filter_map(|(name, bindings)| one(name, bindings)).collect()
}

//! The Docker engine: connection, capabilities, names and labels of the emulator's containers, and the classification of errors
//! into refusals and outages.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use bollard::errors::Error;
use bollard::models::SystemInfo;
use bollard::query_parameters::ListContainersOptionsBuilder;
use bollard::{API_DEFAULT_VERSION, Docker};

use super::cgroups::Cgroups;

/// Label: the daemon's instance.
pub(super) const INSTANCE: &str = "slipway.local.instance";
/// Label: the task's id.
pub(super) const TASK: &str = "slipway.local.task";
/// Label: the container's name in the task definition. The container that holds the network has none.
pub(super) const CONTAINER: &str = "slipway.local.container";

/// Seconds that one call may take. ECS allows a `stopTimeout` of 120 s, and that call lasts as long.
const CALL_SECONDS: u64 = 180;

/// An engine that has answered once.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    /// The client. It connects for each call, so it outlives a restart of the engine.
    pub(super) docker: Docker,
    /// Whether it runs under this very kernel, so that its networks can be reached.
    pub(super) local: bool,
    /// Such as `x86_64`.
    pub(super) architecture: String,
    /// Whether it can check health more often while a container starts.
    pub(super) start_interval: bool,
    /// Control groups of whole tasks; `None` where the daemon cannot set them.
    pub(super) cgroups: Option<Cgroups>,
    /// Set once it has turned out that it may not give containers as many open files as Fargate does.
    pub(super) few_files: Arc<AtomicBool>,
}

impl Engine {
    /// Connects and reads the engine's capabilities.
    pub(super) async fn connect(address: &str, instance: &str) -> anyhow::Result<Engine> {
        let path = address.strip_prefix("unix://").with_context(|| {
            format!("the Docker engine at `{address}` cannot be used: only `unix://` addresses are supported")
        })?;
        let docker = Docker::connect_with_unix(path, CALL_SECONDS, API_DEFAULT_VERSION)
            .with_context(|| format!("the Docker engine at `{address}` does not answer"))?;
        let docker = docker
            .negotiate_version()
            .await
            .with_context(|| format!("the Docker engine at `{address}` does not answer"))?;
        let info = docker.info().await.with_context(|| format!("the Docker engine at `{address}` does not answer"))?;
        let version = docker.client_version();
        let local = same_kernel(&info);
        Ok(Engine {
            local,
            architecture: info.architecture.clone().unwrap_or_default(),
            // The engine's API has `StartInterval` since 1.44.
            start_interval: (version.major_version, version.minor_version) >= (1, 44),
            cgroups: if local { Cgroups::of(&info, instance) } else { None },
            few_files: Arc::default(),
            docker,
        })
    }

    /// Id and labels of all containers with a label, running or not.
    pub(super) async fn containers(&self, label: &str, value: &str) -> Result<Vec<Found>, Error> {
        let options = ListContainersOptionsBuilder::default().all(true).filters(&labelled(label, value)).build();
        let found = self.docker.list_containers(Some(options)).await?;
        Ok(found
            .into_iter()
            .filter_map(|one| Some(Found { id: one.id?, labels: one.labels.unwrap_or_default() }))
            .collect())
    }
}

/// A container in a list.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Its id.
    pub(super) id: String,
    /// Its labels.
    pub(super) labels: HashMap<String, String>,
}

/// Docker Desktop and remote engines have a kernel of their own: neither its networks nor its cgroups are ours.
fn same_kernel(info: &SystemInfo) -> bool {
    let ours = |file: &str| std::fs::read_to_string(file).map(|text| text.trim().to_owned()).ok();
    cfg!(target_os = "linux")
        && ours("/proc/sys/kernel/osrelease") == info.kernel_version
        && ours("/proc/sys/kernel/hostname") == info.name
}

/// A filter on one label.
pub(super) fn labelled(label: &str, value: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{label}={value}")])])
}

/// The labels of everything that belongs to a task.
pub(super) fn labels(instance: &str, task: &str) -> HashMap<String, String> {
    HashMap::from([(INSTANCE.to_owned(), instance.to_owned()), (TASK.to_owned(), task.to_owned())])
}

/// Returns the name of a task's containers in the engine: readable, unique enough with 32 bits of a random id.
pub(super) fn name_of(task: &str, part: Option<&str>) -> String {
    let short = task.get(..8).unwrap_or(task);
    part.map_or_else(|| format!("slipway-{short}"), |part| format!("slipway-{short}-{part}"))
}

/// The kinds of errors of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is no such thing.
    Missing,
    /// The name is taken, or the thing is in use.
    Conflict,
    /// It answers, and refuses.
    Refused,
    /// It does not answer, or is on its way down: again later.
    Away,
}

/// Sorts errors. An engine that is being stopped still answers, with errors about what it has lost already.
pub(super) fn kind(error: &Error) -> Kind {
    match error {
        Error::DockerResponseServerError { status_code: 404, .. } => Kind::Missing,
        Error::DockerResponseServerError { status_code: 409, .. } => Kind::Conflict,
        Error::DockerResponseServerError { status_code: 500..=599, message } if on_its_way_down(message) => Kind::Away,
        Error::DockerResponseServerError { .. } | Error::DockerStreamError { .. } => Kind::Refused,
        Error::DockerContainerWaitError { .. } => Kind::Refused,
        _ => Kind::Away,
    }
}

fn on_its_way_down(message: &str) -> bool {
    ["containerd.sock", "error reading from server: EOF", "transport is closing", "context canceled", "shutting down"]
        .iter()
        .any(|sign| message.contains(sign))
}

/// The engine's own sentence.
pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_goes_down_is_away_and_one_that_refuses_is_not() {
        let answer =
            |status_code, message: &str| Error::DockerResponseServerError { status_code, message: message.into() };
        assert_eq!(kind(&answer(404, "No such container: x")), Kind::Missing);
        assert_eq!(kind(&answer(409, "name in use")), Kind::Conflict);
        assert_eq!(kind(&answer(500, "exec: no such file")), Kind::Refused);
        assert_eq!(kind(&answer(500, "dial unix /run/containerd.sock: connect: connection refused")), Kind::Away);
        assert_eq!(kind(&Error::RequestTimeoutError), Kind::Away);
        assert_eq!(kind(&Error::SocketNotFoundError("/x".into())), Kind::Away);
    }

    #[test]
    fn names_are_readable() {
        assert_eq!(name_of("0123456789abcdef", Some("app")), "slipway-01234567-app");
        assert_eq!(name_of("0123456789abcdef", None), "slipway-01234567");
    }
}

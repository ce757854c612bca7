//! A container definition, converted to the engine's create request. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits,
};
use camino::Utf8PathBuf;

use super::engine;
use super::limits::{ContainerLimits, PERIOD};
use crate::store::task::Task;
use crate::store::task_definition::{ContainerDefinition, HealthCheck, Ulimit};

/// AWS: the default soft and hard limit of open files on Fargate.
const OPEN_FILES: i64 = 65_535;

/// Everything that is not in the definition.
#[derive(Clone, Debug)]
pub(super) struct Sandbox<'a> {
    /// Whose it is.
    pub(super) instance: &'a str,
    /// The reference to create it from.
    pub(super) image: &'a str,
    /// Id of the container that holds the network.
    pub(super) pause: &'a str,
    /// Variable → value, looked up.
    pub(super) secrets: &'a [(String, String)],
    /// Volume of the definition → where it is.
    pub(super) volumes: &'a HashMap<String, VolumeSource>,
    /// Limits.
    pub(super) limits: ContainerLimits,
    /// Control group of the task.
    pub(super) cgroup_parent: Option<String>,
    /// Whether the engine checks health more often while a container starts.
    pub(super) start_interval: bool,
    /// Whether the engine itself may have fewer open files than Fargate gives.
    pub(super) few_files: bool,
}

/// Where a volume of a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum VolumeSource {
    /// A volume of the engine, removed with the task.
    Engine(String),
    /// A folder that outlives the task.
    Folder(Utf8PathBuf),
}

/// The request.
pub(super) fn body(task: &Task, container: &ContainerDefinition, around: &Sandbox<'_>) -> ContainerCreateBody {
    let over = task.overrides.container_overrides.iter().find(|over| over.name.as_deref() == Some(&container.name));
    let command = over.and_then(|over| over.command.clone()).unwrap_or_else(|| container.command.clone());
    let filled = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let mut labels: HashMap<String, String> = container.docker_labels.clone().into_iter().collect();
    labels.extend(engine::labels(around.instance, &task.id));
    labels.insert(engine::CONTAINER.into(), container.name.clone());
    ContainerCreateBody {
        image: Some(around.image.to_owned()),
        entrypoint: filled(container.entry_point.clone()),
        cmd: filled(command),
        env: Some(variables(task, container, around.secrets)),
        user: container.user.clone(),
        working_dir: container.working_directory.clone(),
        labels: Some(labels),
        healthcheck: Some(health(container.health_check.as_ref(), around.start_interval)),
        host_config: Some(host(container, around)),
        ..ContainerCreateBody::default()
    }
}

/// The definition's variables, then secrets, then what `RunTask` gave: the last one wins, each keeps its first place.
fn variables(task: &Task, container: &ContainerDefinition, secrets: &[(String, String)]) -> Vec<String> {
    let over = task.overrides.container_overrides.iter().filter(|over| over.name.as_deref() == Some(&container.name));
    let plain = container.environment.iter().map(|one| (&one.name, &one.value));
    let secret = secrets.iter().map(|(name, value)| (name, value));
    let given = over.flat_map(|over| over.environment.iter().map(|one| (&one.name, &one.value)));
    let mut variables: Vec<(&String, &String)> = Vec::new();
    for (name, value) in plain.chain(secret).chain(given) {
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => variables.push((name, value)),
        }
    }
    variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn host(container: &ContainerDefinition, around: &Sandbox<'_>) -> HostConfig {
    let linux = container.linux_parameters.clone().unwrap_or_default();
    let capabilities = linux.capabilities.unwrap_or_default();
    let mounts = container.mount_points.iter().filter_map(|point| {
        let (typ, source) = match around.volumes.get(&point.source_volume)? {
            VolumeSource::Engine(name) => (MountType::VOLUME, name.clone()),
            VolumeSource::Folder(folder) => (MountType::BIND, folder.to_string()),
        };
        Some(Mount {
            typ: Some(typ),
            source: Some(source),
            target: Some(point.container_path.clone()),
            read_only: point.read_only,
            ..Mount::default()
        })
    });
    let limits = around.limits;
    HostConfig {
        network_mode: Some(format!("container:{}", around.pause)),
        readonly_rootfs: container.readonly_root_filesystem,
        mounts: Some(mounts.collect()),
        ulimits: Some(ulimits(&container.ulimits, around.few_files)),
        cap_add: Some(capabilities.add),
        cap_drop: Some(capabilities.drop),
        init: linux.init_process_enabled.filter(|wanted| *wanted),
        cgroup_parent: around.cgroup_parent.clone(),
        cpu_shares: Some(limits.cpu_shares),
        cpu_period: limits.cpu_quota.and(i64::try_from(PERIOD).ok()),
        cpu_quota: limits.cpu_quota,
        memory: limits.memory,
        // Memory and swap together: Fargate has no swap.
        memory_swap: limits.memory,
        memory_reservation: limits.memory_reservation,
        log_config: Some(log_config()),
        ..HostConfig::default()
    }
}

/// Kept by the engine until we have it, so that nothing is lost while the daemon is down: at most 100 MB a container.
pub(super) fn log_config() -> HostConfigLogConfig {
    let options = [("max-size", "20m"), ("max-file", "5"), ("compress", "false")];
    HostConfigLogConfig {
        typ: Some("local".into()),
        config: Some(options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()),
    }
}

/// Whether a definition says how many files may be open.
pub(super) fn sets_open_files(own: &[Ulimit]) -> bool {
    own.iter().any(|limit| limit.name == "nofile")
}

fn ulimits(own: &[Ulimit], few_files: bool) -> Vec<ResourcesUlimits> {
    let mut limits: Vec<ResourcesUlimits> = own
        .iter()
        .map(|limit| ResourcesUlimits {
            name: Some(limit.name.clone()),
            soft: Some(limit.soft_limit),
            hard: Some(limit.hard_limit),
        })
        .collect();
    if !few_files && !sets_open_files(own) {
        limits.push(ResourcesUlimits { name: Some("nofile".into()), soft: Some(OPEN_FILES), hard: Some(OPEN_FILES) });
    }
    limits
}

/// The definition's check. The image's is switched off, as ECS does.
fn health(check: Option<&HealthCheck>, start_interval: bool) -> HealthConfig {
    let Some(check) = check else {
        return HealthConfig { test: Some(vec!["NONE".into()]), ..HealthConfig::default() };
    };
    let nanos = |seconds: u32| i64::from(seconds) * 1_000_000_000;
    // AWS's defaults: 30 s, 5 s, 3, off.
    let interval = check.interval.unwrap_or(30);
    let start_period = check.start_period.unwrap_or(0);
    // Nothing can fail before the first check, which ECS makes after one interval. Until then we check twice a second
    // and count passes only, so that a ready container is not waited for.
    let quick = start_interval.then_some(500_000_000);
    HealthConfig {
        test: Some(check.command.clone()),
        interval: Some(nanos(interval)),
        timeout: Some(nanos(check.timeout.unwrap_or(5))),
        retries: Some(i64::from(check.retries.unwrap_or(3))),
        start_period: Some(nanos(if start_interval { start_period.max(interval) } else { start_period })),
        start_interval: quick,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{definition, task};
    use super::*;
    use crate::store::task::ContainerOverride;
    use crate::store::task_definition::{KeyValue, MountPoint};

    fn pair(name: &str, value: &str) -> KeyValue {
        KeyValue { name: name.into(), value: value.into() }
    }

    fn made(task: &Task, container: &ContainerDefinition) -> ContainerCreateBody {
        let volumes = HashMap::from([("data".to_owned(), VolumeSource::Engine("v".into()))]);
        let secrets = [("KEY".to_owned(), "secret".to_owned())];
        let around = Sandbox {
            instance: "i",
            image: "image@sha256:0",
            pause: "p",
            secrets: &secrets,
            volumes: &volumes,
            limits: ContainerLimits::default(),
            cgroup_parent: None,
            start_interval: true,
            few_files: false,
        };
        body(task, container, &around)
    }

    #[test]
    fn what_run_task_gives_wins_over_the_definition() {
        let definition = definition(&[("app", |app| {
            app.command = vec!["serve".into()];
            app.environment = vec![pair("A", "1"), pair("B", "2")];
        })]);
        let mut task = task(&definition);
        let app = &definition.container_definitions[0];
        assert_eq!(made(&task, app).env.unwrap(), ["A=1", "B=2", "KEY=secret"]);
        task.overrides.container_overrides.push(ContainerOverride {
            name: Some("app".into()),
            command: Some(vec!["migrate".into()]),
            environment: vec![pair("A", "3"), pair("C", "4")],
            ..ContainerOverride::default()
        });
        let body = made(&task, app);
        assert_eq!(body.cmd.unwrap(), ["migrate"]);
        assert_eq!(body.env.unwrap(), ["A=3", "B=2", "KEY=secret", "C=4"]);
        assert_eq!(body.entrypoint, None, "the image's stays");
    }

    #[test]
    fn defaults_are_fargates() {
        let definition = definition(&[("app", |app| {
            let point = MountPoint { source_volume: "data".into(), container_path: "/data".into(), read_only: None };
            app.mount_points.push(point);
        })]);
        let body = made(&task(&definition), &definition.container_definitions[0]);
        assert_eq!(body.healthcheck.unwrap().test.unwrap(), ["NONE"], "the image's health check is not ECS's");
        assert_eq!(body.labels.unwrap()[engine::CONTAINER], "app");
        let host = body.host_config.unwrap();
        assert_eq!(host.ulimits.unwrap()[0].soft, Some(65_535));
        assert_eq!(host.network_mode.unwrap(), "container:p");
        assert_eq!(host.mounts.unwrap()[0].source.as_deref(), Some("v"));
        assert_eq!((host.init, host.privileged, host.security_opt), (None, None, None));
    }
}

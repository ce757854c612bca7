//! Volumes: declared, mounted, owned by the writing user, and present at every written path.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, quoted, unknown};
use super::super::{Rule, Scope};
use crate::ecs::ContainerDefinition;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "mount-declared", "every mounted volume is one that the task declares", declared),
    Rule::new(Scope::Environment, "volume-used", "every declared volume is mounted somewhere", used),
    Rule::new(
        Scope::Environment,
        "volume-owner",
        "a volume's path is a `VOLUME` of the image, from which Fargate takes owner and mode",
        owner,
    ),
    Rule::new(Scope::Environment, "read-only-root", "containers cannot change their own files", read_only),
    Rule::new(
        Scope::Environment,
        "writable-paths",
        "every path that a program writes is on a writable volume",
        writable,
    ),
];

fn declared(facts: &Facts<'_>) -> Judgement {
    let volumes: BTreeSet<&str> = facts.task()?.view().volumes.iter().map(|volume| volume.name.as_str()).collect();
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for mount in &container.mount_points {
            let volume = mount.source_volume.as_deref().unwrap_or_default();
            if !volumes.contains(volume) {
                let text = format!(
                    "container `{}` mounts the volume `{volume}`, which the task does not declare",
                    container.name
                );
                problems.fail(text, "add it to `volumes`, or correct `sourceVolume`");
            }
        }
    }
    problems.or(format!("{} volumes are declared", volumes.len()))
}

fn used(facts: &Facts<'_>) -> Judgement {
    let mounted = |name: &str| -> Result<bool, super::super::Unknown> {
        let mut mounts = facts.containers()?.iter().flat_map(|container| &container.mount_points);
        Ok(mounts.any(|mount| mount.source_volume.as_deref() == Some(name)))
    };
    let mut problems = Problems::default();
    let volumes = &facts.task()?.view().volumes;
    for volume in volumes {
        if !mounted(&volume.name)? {
            problems.warn(format!("no container mounts the volume `{}`", volume.name), "remove it from `volumes`");
        }
    }
    problems.or(format!("{} volumes are mounted", volumes.len()))
}

fn owner(facts: &Facts<'_>) -> Judgement {
    let task = facts.task()?;
    let is_the_tasks_own = |name: &str| {
        task.view().volumes.iter().any(|volume| volume.name == name && volume.efs_volume_configuration.is_none())
    };
    let mut problems = Problems::default();
    let mut compared = 0;
    for container in facts.containers()? {
        let Some(name) = facts.image_name(container) else { continue };
        let image = facts.image(name)?;
        let user = container.user.as_deref().unwrap_or(&image.config.user);
        if user.is_empty() || user.starts_with("root") || user.split(':').next() == Some("0") {
            continue;
        }
        for mount in &container.mount_points {
            let path = mount.container_path.as_deref().unwrap_or_default();
            if mount.read_only == Some(true) || !is_the_tasks_own(mount.source_volume.as_deref().unwrap_or_default()) {
                continue;
            }
            compared += 1;
            if !image.config.volumes.iter().any(|volume| same(volume, path)) {
                let text =
                    format!("container `{}` mounts {path} as root's: its image has no such `VOLUME`", container.name);
                problems.fail(text, format!("add `VOLUME {path}` to the Dockerfile of `{name}`"));
            }
        }
    }
    if compared == 0 {
        return unknown("no container that is not root mounts a volume of the task's own");
    }
    problems.or(format!("{compared} mounts take their owner from a `VOLUME` of the image"))
}

fn read_only(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    for container in containers.iter().filter(|container| container.readonly_root_filesystem != Some(true)) {
        let text = format!("container `{}` can change its own files", container.name);
        problems.warn(text, "set `readonlyRootFilesystem` to true and mount a volume at /tmp");
    }
    problems.or(format!("{} containers have a read-only root", containers.len()))
}

fn writable(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut paths: Vec<(&ContainerDefinition, String)> = Vec::new();
    if let Ok((container, nginx)) = facts.front_container() {
        paths.extend(nginx.written.iter().map(|path| (container, path.clone())));
    }
    if let Ok((container, uwsgi)) = facts.app_container() {
        let options = ["stats", "pidfile", "master-fifo", "logto", "spooler"];
        let files = options.iter().filter_map(|option| uwsgi.get(option)).filter(|path| path.starts_with('/'));
        paths.extend(files.map(|path| (container, path.to_owned())));
        paths.push((container, "/tmp".to_owned()));
    }
    if paths.is_empty() {
        return unknown("neither nginx's nor uWSGI's configuration is known");
    }
    let mut seen = BTreeSet::new();
    for (container, path) in paths {
        if container.readonly_root_filesystem != Some(true) || !seen.insert((container.name.clone(), path.clone())) {
            continue;
        }
        let over = container
            .mount_points
            .iter()
            .find(|mount| mount.container_path.as_deref().is_some_and(|at| Utf8Path::new(&path).starts_with(at)));
        match over {
            None => problems.fail(
                format!("container `{}` writes {path} on its read-only root", container.name),
                "mount a volume of the task there: at /tmp, as a rule",
            ),
            Some(mount) if mount.read_only == Some(true) => problems.fail(
                format!("container `{}` writes {path}, which is mounted read-only", container.name),
                "remove `readOnly` from the mount point",
            ),
            Some(_) => {}
        }
    }
    let containers: BTreeSet<&str> = seen.iter().map(|(container, _)| container.as_str()).collect();
    problems.or(format!("{} paths that {} write are on volumes", seen.len(), quoted(containers)))
}

/// Returns whether two paths are equal, apart from a trailing slash.
fn same(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

//! Containers as such: names, images, shares of the task, time-outs.

use std::collections::BTreeSet;

use super::super::{one_of, reference, refused};
use crate::error::Answer;
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};

/// AWS's quota: 10 containers a task definition.
const MOST: usize = 10;

/// AWS: Docker lets no container have less, in MiB.
const LEAST_MEMORY: u32 = 6;

/// AWS: seconds, on Fargate.
const LONGEST_STOP: u32 = 120;
const START_TIMEOUT: std::ops::RangeInclusive<u32> = 2..=120;

pub(super) fn check(definition: &TaskDefinition) -> Answer<()> {
    let containers = &definition.container_definitions;
    if containers.is_empty() {
        return Err(refused("Container list cannot be empty."));
    }
    if containers.len() > MOST {
        return Err(refused("Too many containers."));
    }
    let mut names = BTreeSet::new();
    for container in containers {
        check_one(container)?;
        if !names.insert(&container.name) {
            return Err(refused(format!(
                "Container names must be unique: '{}' is there more than once.",
                container.name
            )));
        }
    }
    if !containers.iter().any(ContainerDefinition::is_essential) {
        return Err(refused("At least one container in the task definition must be essential."));
    }
    check_shares(definition)
}

fn check_one(container: &ContainerDefinition) -> Answer<()> {
    let ContainerDefinition { name, image, .. } = container;
    if name.is_empty() {
        return Err(refused("Container.name should not be null or empty."));
    }
    if !reference::is_name(name) {
        return Err(refused("Container.name contains invalid characters."));
    }
    if image.is_empty() {
        return Err(refused("Container.image should not be null or empty."));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:./#@+".contains(&byte);
    // AWS: up to 255 letters, digits and these.
    if image.len() > 255 || !image.bytes().all(allowed) {
        return Err(refused("Container.image contains invalid characters."));
    }
    let about = |what: String| Err(refused(format!("Invalid setting for container '{name}'. {what}")));
    for (member, value) in [("memory", container.memory), ("memoryReservation", container.memory_reservation)] {
        if value.is_some_and(|mib| mib < LEAST_MEMORY) {
            return about(format!("'{member}' must be at least {LEAST_MEMORY} MiB."));
        }
    }
    if let (Some(hard), Some(soft)) = (container.memory, container.memory_reservation)
        && soft >= hard
    {
        return about("'memory' must be greater than 'memoryReservation'.".into());
    }
    if container.start_timeout.is_some_and(|seconds| !START_TIMEOUT.contains(&seconds)) {
        return about("'startTimeout' must be between 2 and 120 seconds.".into());
    }
    if container.stop_timeout.is_some_and(|seconds| seconds > LONGEST_STOP) {
        return about(format!("'stopTimeout' must not be greater than {LONGEST_STOP} seconds."));
    }
    if let Some(given) = &container.version_consistency {
        one_of("versionConsistency", given, &["enabled", "disabled"])?;
    }
    if container.working_directory.as_deref().is_some_and(|path| !path.starts_with('/')) {
        return about("'workingDirectory' must be an absolute path.".into());
    }
    Ok(())
}

fn check_shares(definition: &TaskDefinition) -> Answer<()> {
    let sum = |share: fn(&ContainerDefinition) -> u32| -> u64 {
        definition.container_definitions.iter().map(|container| u64::from(share(container))).sum()
    };
    // Both are numbers: `sizes` has written them.
    let (cpu, memory) = (definition.cpu.parse().unwrap_or(0), definition.memory.parse().unwrap_or(0));
    if sum(|container| container.cpu) > cpu {
        return Err(refused(
            "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
        ));
    }
    for container in &definition.container_definitions {
        for (member, value) in [("memory", container.memory), ("memoryReservation", container.memory_reservation)] {
            if value.is_some_and(|mib| u64::from(mib) > memory) {
                let name = &container.name;
                return Err(refused(format!(
                    "The '{member}' setting for container '{name}' is greater than for the task."
                )));
            }
        }
    }
    // What is reserved is the soft limit where there is one.
    if sum(|container| container.memory_reservation.or(container.memory).unwrap_or(0)) > memory {
        return Err(refused(
            "The sum of all container 'memory' values cannot be greater than the value of the task 'memory'.",
        ));
    }
    Ok(())
}

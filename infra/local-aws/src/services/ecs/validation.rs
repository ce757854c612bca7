//! Whether AWS takes a task definition for Fargate. One error a call, the first one, as AWS does it.

mod containers;
mod dependencies;
mod environment;
mod health;
mod linux;
mod logging;
mod network;
mod roles;
pub(super) mod sizes;
mod volumes;

use super::refused;
use crate::error::{Answer, AwsError};
use crate::settings::Settings;
use crate::store::task_definition::TaskDefinition;

pub(super) use roles::check_usable as check_roles;

/// AWS: 20 GiB is what a task has anyway; 21 to 200 may be requested.
const STORAGE: std::ops::RangeInclusive<u32> = 21..=200;

/// A family: letters, digits, `-` and `_`, at most 255.
pub(super) fn check_family(family: &str) -> Answer<()> {
    if family.is_empty() {
        return Err(refused("Family should not be null or empty."));
    }
    if !super::reference::is_name(family) {
        return Err(refused("Family contains invalid characters."));
    }
    Ok(())
}

/// All of it but the family and the sizes, which are looked at before there is a document.
pub(super) fn check(definition: &TaskDefinition, settings: &Settings) -> Answer<()> {
    containers::check(definition)?;
    roles::check(definition, settings)?;
    network::check(definition)?;
    volumes::check(definition)?;
    dependencies::check(definition)?;
    for container in &definition.container_definitions {
        environment::check(container)?;
        health::check(container)?;
        linux::check(container)?;
        logging::check(container, settings)?;
    }
    check_platform(definition)?;
    if let Some(storage) = &definition.ephemeral_storage
        && !STORAGE.contains(&storage.size_in_gi_b)
    {
        return Err(refused(format!(
            "The ephemeral storage size must be between {} and {} GiB.",
            STORAGE.start(),
            STORAGE.end()
        )));
    }
    Ok(())
}

fn check_platform(definition: &TaskDefinition) -> Answer<()> {
    let Some(platform) = &definition.runtime_platform else { return Ok(()) };
    if let Some(architecture) = platform.cpu_architecture.as_deref() {
        super::one_of("cpuArchitecture", architecture, &["X86_64", "ARM64"])?;
    }
    match platform.operating_system_family.as_deref() {
        None | Some("LINUX") => Ok(()),
        Some(windows) if windows.starts_with("WINDOWS_SERVER_") => {
            Err(AwsError::unsupported(format!("operatingSystemFamily {windows}")))
        }
        Some(other) => super::one_of("operatingSystemFamily", other, &["LINUX"]),
    }
}

/// Whether an image is pulled with the execution role: one of the registry's, by its name here or on AWS.
pub(super) fn is_ecr_image(image: &str, settings: &Settings) -> bool {
    let host = image.split('/').next().unwrap_or_default();
    host == settings.registry() || (host.contains(".dkr.ecr.") && image.contains('/'))
}

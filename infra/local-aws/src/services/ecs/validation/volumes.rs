//! Validation of volumes and mount points.

use std::collections::BTreeSet;

use super::super::{one_of, reference, refused};
use crate::error::Answer;
use crate::store::task_definition::{EfsVolume, TaskDefinition};

pub(super) fn check(definition: &TaskDefinition) -> Answer<()> {
    let mut names = BTreeSet::new();
    for volume in &definition.volumes {
        if !reference::is_name(&volume.name) {
            return Err(refused(format!(
                "Volume.name should have up to 255 letters, digits, - and _: '{}'",
                volume.name
            )));
        }
        if !names.insert(volume.name.as_str()) {
            return Err(refused(format!("Volume names must be unique: '{}' is there more than once.", volume.name)));
        }
        if let Some(members) = &volume.host
            && let Some(other) = members.keys().next()
        {
            return Err(refused(format!("Unknown parameter in the host of volume '{}': \"{other}\".", volume.name)));
        }
        if let Some(efs) = &volume.efs_volume_configuration {
            check_file_system(efs)?;
        }
    }
    for container in &definition.container_definitions {
        let mut paths = BTreeSet::new();
        for mount in &container.mount_points {
            if !names.contains(mount.source_volume.as_str()) {
                return Err(refused(format!("Unknown volume '{}'.", mount.source_volume)));
            }
            if !mount.container_path.starts_with('/') {
                return Err(refused(format!(
                    "Invalid mount point of container '{}': '{}' is no absolute path.",
                    container.name, mount.container_path
                )));
            }
            if !paths.insert(&mount.container_path) {
                return Err(refused(format!("Duplicate mount point: {}", mount.container_path)));
            }
        }
    }
    Ok(())
}

fn check_file_system(efs: &EfsVolume) -> Answer<()> {
    let digits = efs.file_system_id.strip_prefix("fs-").unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refused(format!("Invalid file system id: '{}'", efs.file_system_id)));
    }
    if let Some(given) = &efs.transit_encryption {
        one_of("transitEncryption", given, &["ENABLED", "DISABLED"])?;
    }
    if efs.root_directory.as_deref().is_some_and(|path| !path.is_empty() && !path.starts_with('/')) {
        return Err(refused("The root directory of a file system must be an absolute path."));
    }
    Ok(())
}

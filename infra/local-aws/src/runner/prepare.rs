//! What a task needs beside containers: secrets looked up, log groups there, file systems known. Only the store and the
//! state folder are looked at, not the engine.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::engine::name_of;
use super::reasons;
use super::spec::VolumeSource;
use crate::settings::Settings;
use crate::store::State;
use crate::store::logs::LogGroup;
use crate::store::task_definition::{ContainerDefinition, EfsVolume, TaskDefinition};
use crate::time::Timestamp;

/// Container → variables and their secret values.
pub(super) type Secrets = HashMap<String, Vec<(String, String)>>;

/// Looks all secrets up. The error is the reason for which the task stops.
pub(super) fn secrets(state: &State, definition: &TaskDefinition) -> Result<Secrets, String> {
    let mut found = Secrets::new();
    let mut missing = Vec::new();
    for container in &definition.container_definitions {
        for secret in &container.secrets {
            if secret.value_from.contains(":secretsmanager:") {
                return Err(reasons::no_secrets_manager(&secret.value_from));
            }
            match state.ssm.find(&secret.value_from) {
                Some(parameter) => {
                    let pair = (secret.name.clone(), parameter.value.clone());
                    found.entry(container.name.clone()).or_default().push(pair);
                }
                None => missing.push(parameter_name(&secret.value_from).to_owned()),
            }
        }
    }
    if missing.is_empty() { Ok(found) } else { Err(reasons::no_parameters(&missing)) }
}

/// AWS names the parameter, not its ARN.
fn parameter_name(reference: &str) -> &str {
    reference.find(":parameter/").map_or(reference, |at| &reference[at + ":parameter".len()..])
}

/// Log group and stream of a container, where it has any.
pub(super) fn log_stream(container: &ContainerDefinition, task: &str) -> Option<(String, String)> {
    let options = &container.log_configuration.as_ref()?.options;
    let prefix = options.get("awslogs-stream-prefix").map(|prefix| format!("{prefix}/")).unwrap_or_default();
    Some((options.get("awslogs-group")?.clone(), format!("{prefix}{}/{task}", container.name)))
}

/// Whether all log groups are there; makes those that may be made, and the streams. The error is the task's reason.
pub(super) fn log_groups(
    state: &mut State,
    definition: &TaskDefinition,
    task: &str,
    now: Timestamp,
) -> Result<(), String> {
    for container in &definition.container_definitions {
        let Some(configuration) = &container.log_configuration else { continue };
        let Some((group, stream)) = log_stream(container, task) else {
            return Err(reasons::no_log_options("awslogs-group"));
        };
        let may_make = configuration.options.get("awslogs-create-group").is_some_and(|value| value == "true");
        if may_make && !state.logs.groups.contains_key(&group) {
            state.logs.groups.insert(group.clone(), LogGroup { created_at: now, ..LogGroup::default() });
        }
        let Some(group) = state.logs.groups.get_mut(&group) else { return Err(reasons::no_log_group()) };
        group.streams.entry(stream).or_insert(now);
    }
    Ok(())
}

/// Where each volume is. Folders of file systems are made; they stay for ever. The error is the task's reason.
pub(super) fn volumes(
    settings: &Settings,
    known: &[String],
    definition: &TaskDefinition,
    task: &str,
) -> Result<HashMap<String, VolumeSource>, String> {
    let place = |efs: Option<&EfsVolume>, name: &str| match efs {
        None => Ok(VolumeSource::Engine(name_of(task, Some(name)))),
        Some(efs) if !known.contains(&efs.file_system_id) => {
            Err(reasons::no_file_system(&efs.file_system_id, &settings.region))
        }
        Some(efs) => folder(&settings.state, efs).map(VolumeSource::Folder),
    };
    definition
        .volumes
        .iter()
        .map(|volume| Ok((volume.name.clone(), place(volume.efs_volume_configuration.as_ref(), &volume.name)?)))
        .collect()
}

fn folder(state: &Utf8Path, efs: &EfsVolume) -> Result<Utf8PathBuf, String> {
    let mut folder = camino::absolute_utf8(state.join("efs").join(&efs.file_system_id))
        .map_err(|error| reasons::no_volume(&error.to_string()))?;
    make(&folder)?;
    for part in Utf8Path::new(efs.root_directory.as_deref().unwrap_or("/")).components() {
        match part {
            Utf8Component::RootDir | Utf8Component::CurDir => {}
            Utf8Component::Normal(name) => {
                folder.push(name);
                make(&folder)?;
            }
            Utf8Component::ParentDir | Utf8Component::Prefix(_) => {
                return Err(reasons::no_volume("rootDirectory must not leave the file system"));
            }
        }
    }
    Ok(folder)
}

/// Every user may write, as tasks run as any user and AWS's access points are not there. A link, which a task may have left
/// there, is not followed.
fn make(folder: &Utf8Path) -> Result<(), String> {
    let failed = |error: std::io::Error| reasons::no_volume(&format!("{folder}: {error}"));
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(reasons::no_volume(&format!("{folder} is no folder"))),
        Err(_) => fs::create_dir_all(folder).map_err(failed)?,
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::definition;
    use super::*;
    use crate::store::task_definition::{LogConfiguration, Secret};

    fn wants(value_from: &str) -> TaskDefinition {
        let mut definition = definition(&[("app", |_| {})]);
        let secret = Secret { name: "KEY".into(), value_from: value_from.into() };
        definition.container_definitions[0].secrets.push(secret);
        definition
    }

    #[test]
    fn a_missing_parameter_is_named_as_aws_does() {
        let state = State::default();
        let reason = secrets(&state, &wants("arn:aws:ssm:eu-central-1:123456789012:parameter/web/key")).unwrap_err();
        assert!(reason.starts_with("ResourceInitializationError: unable to pull secrets or registry auth"));
        assert!(reason.ends_with("invalid parameters: /web/key"), "{reason}");
        let reason = secrets(&state, &wants("arn:aws:secretsmanager:eu-central-1:1:secret:x")).unwrap_err();
        assert!(reason.contains("no Secrets Manager"));
    }

    #[test]
    fn a_log_group_is_made_only_where_that_is_allowed() {
        let mut state = State::default();
        let mut definition = definition(&[("app", |_| {})]);
        let options = [("awslogs-group", "/web"), ("awslogs-stream-prefix", "ecs")];
        let mut options: std::collections::BTreeMap<String, String> =
            options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut check = |options: &std::collections::BTreeMap<String, String>| {
            definition.container_definitions[0].log_configuration =
                Some(LogConfiguration { log_driver: "awslogs".into(), options: options.clone() });
            log_groups(&mut state, &definition, "t1", Timestamp::default())
        };
        assert!(check(&options).unwrap_err().contains("The specified log group does not exist."));
        options.insert("awslogs-create-group".into(), "true".into());
        assert_eq!(check(&options), Ok(()));
        assert!(state.logs.groups["/web"].streams.contains_key("ecs/app/t1"));
    }

    #[test]
    fn a_file_system_is_never_left() {
        let efs = |root: &str| EfsVolume {
            file_system_id: "fs-1".into(),
            root_directory: Some(root.into()),
            transit_encryption: None,
        };
        let state = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(uuid::Uuid::new_v4().to_string());
        let made = folder(&state, &efs("/a/b")).unwrap();
        assert!(made.ends_with("efs/fs-1/a/b"));
        assert!(folder(&state, &efs("/a/../../..")).is_err());
        std::os::unix::fs::symlink("/etc", state.join("efs/fs-1/link")).unwrap();
        assert!(folder(&state, &efs("/link")).is_err());
        fs::remove_dir_all(state).unwrap();
    }
}

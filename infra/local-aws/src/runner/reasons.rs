//! Why tasks and containers ended, in AWS's wording, and how health adds up. Pure. The sentences are those of AWS's
//! "stopped tasks error messages" and "CannotPullContainer task errors".

use crate::store::task::{Container, Health};
use crate::store::task_definition::TaskDefinition;

/// An essential container ended by itself.
pub(super) const ESSENTIAL: &str = "Essential container in task exited";

/// A container of the task could not be started; its own reason says why.
pub(super) const FAILED_TO_START: &str = "Task failed to start";

/// The kernel killed it.
pub(super) const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// Somebody removed it from the engine.
pub(super) const GONE: &str = "CannotInspectContainerError: Could not find container in the Docker engine";

/// Neither repository nor image.
pub(super) fn image_not_found(image: &str) -> String {
    cannot_pull(&format!("failed to resolve ref {image}: {image}: not found"))
}

/// The image is for other machines.
pub(super) fn no_platform(platform: &str) -> String {
    cannot_pull(&format!("image Manifest does not contain descriptor matching platform '{platform}'"))
}

/// Any other failure of a pull.
pub(super) fn cannot_pull(why: &str) -> String {
    format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): {why}")
}

/// The engine would not make the container.
pub(super) fn cannot_create(why: &str) -> String {
    format!("CannotCreateContainerError: Error response from daemon: {why}")
}

/// The engine would not start the container.
pub(super) fn cannot_start(why: &str) -> String {
    format!("CannotStartContainerError: {why}")
}

/// Parameters that are not there.
pub(super) fn no_parameters(names: &[String]) -> String {
    format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: {}",
        names.join(", ")
    )
}

/// AWS has Secrets Manager, the emulator has not.
pub(super) fn no_secrets_manager(arn: &str) -> String {
    format!(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret {arn}: the local emulator has no Secrets Manager, use an SSM parameter"
    )
}

/// The log group does not exist, and `awslogs-create-group` is not set.
pub(super) fn no_log_group() -> String {
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1".into()
}

/// `awslogs` without a group.
pub(super) fn no_log_options(option: &str) -> String {
    format!(
        "ResourceInitializationError: failed to validate logger args: must specify a value for {option}: exit status 1"
    )
}

/// The file system, or the folder in it, is not there.
pub(super) fn no_file_system(id: &str, region: &str) -> String {
    format!(
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"{id}.efs.{region}.amazonaws.com\" - check that your file system ID is correct. : unsuccessful EFS utils command execution; code: 1"
    )
}

/// Anything that stands in the way of a volume.
pub(super) fn no_volume(why: &str) -> String {
    format!(
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: {why} : unsuccessful EFS utils command execution; code: 32"
    )
}

/// The network could not be made.
pub(super) fn no_network(why: &str) -> String {
    format!("ResourceInitializationError: failed to set up the network of the task: {why}")
}

/// Health of a task: that of its essential containers with a health check.
pub(super) fn task_health(definition: &TaskDefinition, containers: &[Container]) -> Health {
    let mut sum = None;
    for checked in &definition.container_definitions {
        if checked.health_check.is_none() || !checked.is_essential() {
            continue;
        }
        let one = containers.iter().find(|container| container.name == checked.name).map(|container| container.health);
        sum = Some(match (sum, one.unwrap_or_default()) {
            (Some(Health::Unhealthy), _) | (_, Health::Unhealthy) => Health::Unhealthy,
            (Some(Health::Unknown), _) | (_, Health::Unknown) => Health::Unknown,
            _ => Health::Healthy,
        });
    }
    sum.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{definition, task};
    use super::*;
    use crate::store::task_definition::{ContainerDefinition, HealthCheck};

    fn checked(container: &mut ContainerDefinition) {
        let command = vec!["CMD".into(), "true".into()];
        container.health_check =
            Some(HealthCheck { command, interval: None, timeout: None, retries: None, start_period: None });
    }

    #[test]
    fn a_task_is_as_healthy_as_its_worst_essential_container() {
        use Health::{Healthy, Unhealthy, Unknown};
        let definition = definition(&[
            ("app", checked),
            ("nginx", checked),
            ("plain", |_| {}),
            ("side", |side| {
                checked(side);
                side.essential = Some(false);
            }),
        ]);
        let table = [
            ([Healthy, Healthy, Unknown, Unhealthy], Healthy),
            ([Healthy, Unknown, Unknown, Healthy], Unknown),
            ([Unknown, Unhealthy, Unknown, Healthy], Unhealthy),
            ([Unhealthy, Healthy, Unknown, Healthy], Unhealthy),
        ];
        for (healths, expected) in table {
            let mut task = task(&definition);
            for (container, health) in task.containers.iter_mut().zip(healths) {
                container.health = health;
            }
            assert_eq!(task_health(&definition, &task.containers), expected, "{healths:?}");
        }
        assert_eq!(task_health(&super::super::fixtures::definition(&[("app", |_| {})]), &[]), Unknown);
    }

    #[test]
    fn pull_errors_are_worded_as_fargate_does() {
        assert_eq!(
            no_platform("linux/amd64"),
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'"
        );
        assert!(image_not_found("r/x:1").ends_with("failed to resolve ref r/x:1: r/x:1: not found"));
    }
}

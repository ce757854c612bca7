//! `requiresAttributes`: the capabilities that a task definition needs of an instance, as AWS derives them.

use std::collections::{BTreeMap, BTreeSet};

use super::validation::is_ecr_image;
use crate::settings::Settings;
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};

const CAPABILITY: &str = "com.amazonaws.ecs.capability";

pub(super) fn of(definition: &TaskDefinition, settings: &Settings) -> Vec<BTreeMap<String, String>> {
    let any = |test: &dyn Fn(&ContainerDefinition) -> bool| definition.container_definitions.iter().any(test);
    let execution_role = definition.execution_role_arn.is_some();
    let logs = any(&|container| container.log_configuration.is_some());
    let ecr = any(&|container| is_ecr_image(&container.image, settings));
    let docker = |version: u32| format!("{CAPABILITY}.docker-remote-api.1.{version}");

    // Every definition has a network interface of its own; 1.17 and 1.18 are what that needs.
    let mut names: BTreeSet<String> = BTreeSet::from(["ecs.capability.task-eni".into(), docker(18)]);
    let mut needs = |needed: bool, name: &str| {
        if needed {
            names.insert(name.to_owned());
        }
    };
    needs(logs, &format!("{CAPABILITY}.logging-driver.awslogs"));
    needs(logs, &docker(19));
    needs(logs && execution_role, "ecs.capability.execution-role-awslogs");
    needs(ecr, &format!("{CAPABILITY}.ecr-auth"));
    needs(ecr, &docker(19));
    needs(ecr && execution_role, "ecs.capability.execution-role-ecr-pull");
    needs(definition.task_role_arn.is_some(), &format!("{CAPABILITY}.task-iam-role"));
    needs(any(&|container| !container.secrets.is_empty()), "ecs.capability.secrets.ssm.environment-variables");
    needs(any(&|container| container.health_check.is_some()), "ecs.capability.container-health-check");
    needs(any(&|container| container.health_check.is_some()), &docker(24));
    needs(any(&|container| !container.depends_on.is_empty()), "ecs.capability.container-ordering");
    needs(any(&|container| container.memory_reservation.is_some()), &docker(21));
    let init = |container: &ContainerDefinition| {
        container.linux_parameters.as_ref().is_some_and(|parameters| parameters.init_process_enabled == Some(true))
    };
    needs(any(&init), &docker(25));
    needs(definition.volumes.iter().any(|volume| volume.efs_volume_configuration.is_some()), "ecs.capability.efs");
    needs(definition.volumes.iter().any(|volume| volume.efs_volume_configuration.is_some()), &docker(25));
    names.into_iter().map(|name| BTreeMap::from([("name".to_owned(), name)])).collect()
}

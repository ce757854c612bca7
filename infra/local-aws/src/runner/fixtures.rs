//! A task definition and a task for the unit tests of this module.

use crate::store::task::Task;
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};
use crate::time::Timestamp;

/// A change of a container.
type Change = fn(&mut ContainerDefinition);

/// A definition with these containers, each changed by its function.
pub(super) fn definition(containers: &[(&str, Change)]) -> TaskDefinition {
    let mut definition: TaskDefinition = serde_json::from_value(serde_json::json!({
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:1",
        "containerDefinitions": [], "family": "web", "networkMode": "awsvpc", "revision": 1, "volumes": [],
        "status": "ACTIVE", "cpu": "256", "memory": "512", "registeredAt": 0.0,
    }))
    .unwrap();
    for (name, change) in containers {
        let mut container =
            ContainerDefinition { name: (*name).into(), image: format!("{name}:1"), ..ContainerDefinition::default() };
        change(&mut container);
        definition.container_definitions.push(container);
    }
    definition
}

/// A task of it.
pub(super) fn task(definition: &TaskDefinition) -> Task {
    Task::new("0123456789abcdef0123456789abcdef".into(), "main", definition, "family:web".into(), Timestamp::default())
}

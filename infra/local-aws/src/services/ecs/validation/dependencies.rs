//! Validation of `dependsOn`: the containers exist, can reach the condition, and form no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::super::refused;
use crate::error::Answer;
use crate::store::task_definition::{Condition, ContainerDefinition, TaskDefinition};

pub(super) fn check(definition: &TaskDefinition) -> Answer<()> {
    let containers: BTreeMap<&str, &ContainerDefinition> =
        definition.container_definitions.iter().map(|container| (container.name.as_str(), container)).collect();
    for container in containers.values() {
        let mut seen = BTreeSet::new();
        for dependency in &container.depends_on {
            let (name, other) = (&container.name, dependency.container_name.as_str());
            let about = |what: &str| Err(refused(format!("Container '{name}' cannot depend on '{other}': {what}.")));
            let Some(found) = containers.get(other) else {
                return about("there is no container of that name in the task definition");
            };
            if other == name {
                return about("that is itself");
            }
            if !seen.insert(other) {
                return about("it does so already");
            }
            match dependency.condition {
                Condition::Complete | Condition::Success if found.is_essential() => {
                    return Err(refused(
                        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
                    ));
                }
                Condition::Healthy if found.health_check.is_none() => {
                    return about("the condition is HEALTHY, and it has no health check");
                }
                _ => {}
            }
        }
    }
    let mut done = BTreeSet::new();
    containers.keys().try_for_each(|name| visit(name, &containers, &mut Vec::new(), &mut done))
}

/// Depth first. `path` is how it was got to; what is `done` leads into no circle.
fn visit<'a>(
    name: &'a str,
    containers: &BTreeMap<&'a str, &'a ContainerDefinition>,
    path: &mut Vec<&'a str>,
    done: &mut BTreeSet<&'a str>,
) -> Answer<()> {
    if let Some(start) = path.iter().position(|earlier| *earlier == name) {
        let circle = [&path[start..], &[name]].concat().join(" → ");
        return Err(refused(format!("Container dependencies must not be circular: {circle}")));
    }
    if done.contains(name) {
        return Ok(());
    }
    path.push(name);
    for dependency in containers.get(name).into_iter().flat_map(|container| &container.depends_on) {
        visit(&dependency.container_name, containers, path, done)?;
    }
    path.pop();
    done.insert(name);
    Ok(())
}

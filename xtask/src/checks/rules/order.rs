//! The start order of containers. The stop order is its reverse.

use std::collections::BTreeMap;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};
use crate::ecs::ContainerDefinition;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "essential-container", "at least one container is essential", essential),
    Rule::new(Scope::Environment, "depends-on-known", "containers wait for containers of their own task", known),
    Rule::new(Scope::Environment, "depends-on-cycle", "no containers wait for each other", cycle),
    Rule::new(Scope::Environment, "depends-on-condition", "the condition of each dependency can be met", condition),
    Rule::new(
        Scope::Environment,
        "stop-order",
        "nginx waits for Django at the start, so that it stops before Django",
        stop_order,
    ),
];

fn essential(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let count = containers.iter().filter(|container| container.is_essential()).count();
    let mut problems = Problems::default();
    if count == 0 {
        problems
            .fail("no container is essential: AWS refuses the task", "leave `essential` out of the one that serves");
    }
    for container in [facts.front_container().ok().map(|(one, _)| one), facts.app_container().ok().map(|(one, _)| one)]
    {
        if let Some(container) = container.filter(|one| !one.is_essential()) {
            let text = format!("container `{}` may end and the task goes on without it", container.name);
            problems.fail(text, "remove \"essential\": false");
        }
    }
    problems.or(format!("{count} containers are essential"))
}

fn known(facts: &Facts<'_>) -> Judgement {
    let task = facts.task()?;
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        for dependency in &container.depends_on {
            count += 1;
            if dependency.container_name == container.name {
                problems.fail(format!("container `{}` waits for itself", container.name), "remove it from `dependsOn`");
            } else if task.container(&dependency.container_name).is_none() {
                let text = format!(
                    "container `{}` waits for `{}`, which the task does not have",
                    container.name, dependency.container_name
                );
                problems.fail(text, "correct `containerName` in `dependsOn`");
            }
        }
    }
    problems.or(format!("containers wait for containers of the task, {count} in all"))
}

fn cycle(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let waits: BTreeMap<&str, Vec<&str>> = containers
        .iter()
        .map(|one| (one.name.as_str(), one.depends_on.iter().map(|other| other.container_name.as_str()).collect()))
        .collect();
    // Removes containers without open dependencies; the rest is in a cycle, or depends on one.
    let mut left = waits.clone();
    loop {
        let free: Vec<&str> = left
            .iter()
            .filter(|(_, others)| !others.iter().any(|other| left.contains_key(other)))
            .map(|(name, _)| *name)
            .collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
        }
    }
    let mut problems = Problems::default();
    if !left.is_empty() {
        let names = left.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        problems.fail(format!("{names} wait for each other: none starts"), "remove one of their `dependsOn`");
    }
    problems.or("every container can start")
}

fn condition(facts: &Facts<'_>) -> Judgement {
    let task = facts.task()?;
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for dependency in &container.depends_on {
            let Some(other) = task.container(&dependency.container_name) else { continue };
            let text = match dependency.condition.as_str() {
                "HEALTHY" if other.health_check.is_none() => {
                    format!(
                        "container `{}` waits until `{}` is healthy, and that has no health check",
                        container.name, other.name
                    )
                }
                "SUCCESS" | "COMPLETE" if other.is_essential() => {
                    format!(
                        "container `{}` waits until `{}` ends, and that is essential: its end is the task's",
                        container.name, other.name
                    )
                }
                "START" | "HEALTHY" | "SUCCESS" | "COMPLETE" => continue,
                unknown => format!(
                    "container `{}` waits for `{}` to be `{unknown}`, which ECS does not know",
                    container.name, other.name
                ),
            };
            problems.fail(text, "give it a `healthCheck`, or wait for START");
        }
    }
    problems.or("what containers wait for can come true")
}

/// Returns whether one container depends on another, directly or not.
fn waits_for(facts: &Facts<'_>, from: &ContainerDefinition, name: &str, steps: usize) -> bool {
    let task = facts.task().ok();
    steps > 0
        && from.depends_on.iter().any(|dependency| {
            let next = task.and_then(|task| task.container(&dependency.container_name));
            dependency.container_name == name || next.is_some_and(|next| waits_for(facts, next, name, steps - 1))
        })
}

fn stop_order(facts: &Facts<'_>) -> Judgement {
    let (front, _) = facts.front_container()?;
    let (app, _) = facts.app_container()?;
    if front.name == app.name {
        return unknown("nginx and Django run in one container");
    }
    let mut problems = Problems::default();
    if waits_for(facts, app, &front.name, facts.containers()?.len()) {
        let text = format!(
            "container `{}` waits for `{}`: Django stops first, and nginx answers 502 meanwhile",
            app.name, front.name
        );
        problems.fail(text, format!("let `{}` wait for `{}` instead", front.name, app.name));
    } else if !waits_for(facts, front, &app.name, facts.containers()?.len()) {
        let text = format!(
            "container `{}` does not wait for `{}`: both stop at once, and requests in flight are lost",
            front.name, app.name
        );
        problems.fail(
            text,
            format!("add \"dependsOn\": [{{\"containerName\": \"{}\", \"condition\": \"HEALTHY\"}}]", app.name),
        );
    }
    problems.or(format!("`{}` starts after `{}` and stops before it", front.name, app.name))
}

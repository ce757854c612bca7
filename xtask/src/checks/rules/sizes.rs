//! CPU and memory: the size of the task, and the shares of its containers.

use aws_facts::sizes::memories;

use super::super::facts::{Fact, Facts};
use super::super::judgement::{Judgement, Problems, Unknown};
use super::super::{Rule, Scope};

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "task-size",
        "cpu and memory of the task are a pair that Fargate has, and the environment's",
        size,
    ),
    Rule::new(Scope::Environment, "container-memory-sum", "the containers' memory fits the task's", memory_sum),
    Rule::new(Scope::Environment, "container-limits", "each container's limits fit the task and each other", limits),
];

/// Returns the task's CPU units and MiB.
fn sizes(facts: &Facts<'_>) -> Fact<(u32, u32)> {
    let view = facts.task()?.view();
    let read = |what: &str, value: &Option<String>| {
        let number = value.as_deref().and_then(|text| text.trim().parse().ok());
        number.ok_or_else(|| Unknown::new(format!("the task definition gives no number of `{what}`")))
    };
    Ok((read("cpu", &view.cpu)?, read("memory", &view.memory)?))
}

fn size(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let view = facts.task()?.view();
    let Ok((cpu, memory)) = sizes(facts) else {
        let found = format!("{:?} and {:?}", view.cpu.as_deref().unwrap_or(""), view.memory.as_deref().unwrap_or(""));
        problems.fail(
            format!("the task's `cpu` and `memory` are {found}: Fargate needs both as numbers"),
            "write \"{{ task.cpu }}\" and \"{{ task.memory }}\"",
        );
        return problems.or("");
    };
    let has = memories(cpu).unwrap_or_default();
    if !has.contains(&memory) {
        let text = format!("Fargate has no task with {cpu} CPU units and {memory} MiB");
        problems.fail(text, "choose a pair of docs/guide/configuration.md");
    } else if (cpu, memory) != (facts.environment.cpu, facts.environment.memory) {
        let (wanted, more) = (facts.environment.cpu, facts.environment.memory);
        problems.warn(
            format!("the task has {cpu} CPU units and {memory} MiB, and the environment says {wanted} and {more}"),
            "write \"{{ task.cpu }}\" and \"{{ task.memory }}\" in infra/task-definition.json",
        );
    }
    problems.or(format!("{cpu} CPU units and {memory} MiB are a pair of Fargate's"))
}

fn memory_sum(facts: &Facts<'_>) -> Judgement {
    let (_, task) = sizes(facts)?;
    let containers = facts.containers()?;
    let sum: u32 =
        containers.iter().filter_map(|one| one.memory.or(one.memory_reservation)).fold(0, u32::saturating_add);
    let mut problems = Problems::default();
    if sum > task {
        let each = containers
            .iter()
            .filter_map(|one| Some(format!("{} {}", one.name, one.memory.or(one.memory_reservation)?)));
        let text = format!(
            "the containers may take {sum} MiB ({}), and the task has {task}",
            each.collect::<Vec<_>>().join(", ")
        );
        problems.fail(text, "lower `memory` of a container or raise `memory` in the environment's `[task]`");
    }
    problems.or(format!("the containers take {sum} of {task} MiB"))
}

fn limits(facts: &Facts<'_>) -> Judgement {
    let (cpu, memory) = sizes(facts)?;
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    for container in containers {
        let name = &container.name;
        if let Some(limit) = container.memory.filter(|limit| *limit > memory) {
            problems.fail(
                format!("container `{name}` may take {limit} MiB, and the task has {memory}"),
                "lower `memory` of the container",
            );
        }
        if let (Some(soft), Some(hard)) = (container.memory_reservation, container.memory)
            && soft > hard
        {
            let text = format!("container `{name}` reserves {soft} MiB and may take {hard}");
            problems.fail(text, "`memoryReservation` must not be above `memory`");
        }
    }
    let units: u32 = containers.iter().filter_map(|container| container.cpu).fold(0, u32::saturating_add);
    if units > cpu {
        problems.fail(
            format!("the containers ask for {units} CPU units, and the task has {cpu}"),
            "lower `cpu` of a container, or leave it out: they share the task's",
        );
    }
    problems.or("each container's limits fit the task")
}

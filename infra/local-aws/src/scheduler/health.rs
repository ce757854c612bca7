//! How one task stands: on its way, healthy, failing its checks, ending. Nothing here changes anything.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::store::ecs::ServiceLoadBalancer;
use crate::store::elb::{Elb, Target, TargetState};
use crate::store::task::{Health, Task, TaskStatus};
use crate::store::task_definition::TaskDefinition;
use crate::time::Timestamp;

/// Target group, address and port → target.
pub(super) type Targets<'a> = HashMap<(&'a str, IpAddr, u16), &'a Target>;

/// All targets, to be found without a search.
pub(super) fn targets(elb: &Elb) -> Targets<'_> {
    let mut found = Targets::new();
    for (arn, group) in &elb.target_groups {
        for target in &group.targets {
            found.insert((arn, target.address, target.port), target);
        }
    }
    found
}

/// The target of a task behind one of its load balancers.
fn target_of<'a>(task: &Task, balanced: &ServiceLoadBalancer, targets: &Targets<'a>) -> Option<&'a Target> {
    let address = task.private_ip.as_deref()?.parse().ok()?;
    targets.get(&(balanced.target_group_arn.as_str(), address, balanced.container_port)).copied()
}

/// Whether each of the task's targets is there.
pub(super) fn is_registered(task: &Task, targets: &Targets<'_>) -> bool {
    task.load_balancers.iter().all(|balanced| target_of(task, balanced, targets).is_some())
}

/// Where nothing checks a task, it counts as healthy once it has run for this long: a program that crashes at its start
/// must not take over. AWS does not say how it does this; its scheduler looks every few seconds only.
pub(super) const UNCHECKED: Duration = Duration::from_secs(3);

/// Which check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The container's own.
    Container,
    /// That of a target group.
    Target {
        /// Which group.
        group: String,
        /// Which port of the task.
        port: u16,
        /// What the balancer found: `Health checks failed with these codes: [502]`.
        description: String,
    },
}

/// How a task stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not healthy, and no reason to give it up. It may become so by waiting until the given moment.
    Starting(Option<Timestamp>),
    /// Runs, and passes every check that there is.
    Healthy,
    /// Is to be replaced.
    Failing(Failure),
    /// Is stopping.
    Ending,
}

/// Whether tasks of this definition have a health of their own: that of essential containers, as on AWS.
pub(super) fn is_checked(definition: &TaskDefinition) -> bool {
    definition
        .container_definitions
        .iter()
        .any(|container| container.is_essential() && container.health_check.is_some())
}

/// How `task` stands. `checked`: its definition `is_checked`. `grace`: how long after its start failing
/// checks are overlooked.
pub(super) fn judge(task: &Task, checked: bool, targets: &Targets<'_>, grace: Duration, now: Timestamp) -> Standing {
    if task.stop.is_some() || task.last_status > TaskStatus::Running {
        return Standing::Ending;
    }
    if task.last_status < TaskStatus::Running {
        return Standing::Starting(None);
    }
    let started = task.started_at.unwrap_or(task.created_at);
    let failing = |failure: Failure| match started.after(grace) {
        end if end > now => Standing::Starting(Some(end)),
        _ => Standing::Failing(failure),
    };
    if task.health == Health::Unhealthy {
        return failing(Failure::Container);
    }
    let mut passes = !checked || task.health == Health::Healthy;
    for balanced in &task.load_balancers {
        let target = target_of(task, balanced, targets);
        match target.map(|target| target.state) {
            Some(TargetState::Healthy) => {}
            Some(TargetState::Unhealthy) => {
                let description = target.and_then(|target| target.description.clone());
                return failing(Failure::Target {
                    group: balanced.target_group_arn.clone(),
                    port: balanced.container_port,
                    description: description.unwrap_or_else(|| "Health checks failed".into()),
                });
            }
            Some(TargetState::Initial | TargetState::Draining) | None => passes = false,
        }
    }
    if !passes {
        return Standing::Starting(None);
    }
    if !checked && task.load_balancers.is_empty() && started.after(UNCHECKED) > now {
        return Standing::Starting(Some(started.after(UNCHECKED)));
    }
    Standing::Healthy
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_essential_containers_make_the_health_of_a_task() {
        let check = json!({"command": ["CMD", "true"]});
        let table = [
            (json!([{"name": "app"}]), false),
            (json!([{"name": "app", "healthCheck": check}]), true),
            (json!([{"name": "app"}, {"name": "side", "essential": false, "healthCheck": check}]), false),
            (
                json!([{"name": "side", "essential": false}, {"name": "app", "essential": true, "healthCheck": check}]),
                true,
            ),
        ];
        for (containers, expected) in table {
            let definition = json!({
                "taskDefinitionArn": "arn", "family": "web", "revision": 1, "networkMode": "awsvpc", "volumes": [],
                "status": "ACTIVE", "cpu": "256", "memory": "512", "registeredAt": 0, "containerDefinitions": containers,
            });
            assert_eq!(is_checked(&serde_json::from_value(definition).unwrap()), expected);
        }
    }
}

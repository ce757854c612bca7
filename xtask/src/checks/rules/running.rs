//! The running service: the built images, healthy tasks and targets, and no deployment in progress.

use std::collections::BTreeSet;

use super::super::facts::{Fact, Facts, repository};
use super::super::judgement::{Judgement, Problems, Unknown, counted, short_digest, unknown};
use super::super::{Rule, Scope};
use crate::ecs::{ContainerDefinition, RolloutState, ServiceDeploymentStatus, Task, TaskDefinition};
use crate::image::Platform;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Service, "service-active", "the service exists and is active", active),
    Rule::new(Scope::Service, "deployment-settled", "no deployment is in progress", settled),
    Rule::new(Scope::Service, "deployment-last", "the last deployment was not rolled back", last),
    Rule::new(Scope::Service, "running-revision", "every task has the service's revision", revision),
    Rule::new(Scope::Service, "newest-revision", "the service is configured with the newest revision", newest),
    Rule::new(Scope::Service, "running-digests", "every container runs the digest that its revision names", digests),
    Rule::new(Scope::Service, "running-release", "every container runs the digest that `release.json` has", release),
    Rule::new(Scope::Service, "running-platform", "tasks run on the project's platform", platform),
    Rule::new(Scope::Service, "running-count", "as many tasks run as the service wants", count),
    Rule::new(Scope::Service, "containers-healthy", "every container runs, and is healthy by its own check", healthy),
    Rule::new(
        Scope::Service,
        "targets-healthy",
        "the load balancer finds as many tasks healthy as the service wants",
        targets,
    ),
];

fn tasks<'a>(facts: &'a Facts<'_>) -> Fact<&'a Vec<Task>> {
    let tasks = facts.observed()?.tasks.as_ref().map_err(Clone::clone)?;
    if tasks.is_empty() { unknown("no task runs") } else { Ok(tasks) }
}

/// Returns the task definition of the service's revision.
fn definition(facts: &Facts<'_>) -> Fact<TaskDefinition> {
    let revision = facts.observed()?.revision.as_ref().map_err(Clone::clone)?;
    let read = TaskDefinition::from_document(revision.document.clone());
    read.map_err(|error| Unknown::new(format!("the revision {revision} cannot be read: {error}")))
}

/// Returns the start of a task's id, as accepted by `cargo xtask logs --task`.
fn short_id(task: &Task) -> &str {
    task.id().get(..8).unwrap_or(task.id())
}

fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn active(facts: &Facts<'_>) -> Judgement {
    let service = &facts.observed()?.service;
    let mut problems = Problems::default();
    if service.status != "ACTIVE" {
        let text = format!("the service `{}` is {}", service.service_name, service.status);
        problems.fail(text, facts.command("status"));
    }
    problems.or(format!("the service `{}` is ACTIVE", service.service_name))
}

fn settled(facts: &Facts<'_>) -> Judgement {
    let service = &facts.observed()?.service;
    let mut problems = Problems::default();
    if service.deployments.len() > 1 {
        let text = format!("{} deployments are there at once", service.deployments.len());
        problems.fail(text, "wait until one is left, and verify again");
    }
    for deployment in &service.deployments {
        let id = &deployment.id;
        match deployment.rollout_state {
            RolloutState::Completed => {}
            RolloutState::InProgress => {
                let text = format!(
                    "the deployment {id} is in progress: {} of {} tasks",
                    deployment.running_count, deployment.desired_count
                );
                problems.fail(text, "wait until it is over, and verify again");
            }
            RolloutState::Failed => {
                problems.fail(
                    format!("the deployment {id} has failed: {}", deployment.rollout_state_reason),
                    facts.command("deploy"),
                );
            }
            RolloutState::Absent | RolloutState::Unknown => {
                problems.warn(format!("the deployment {id} is in a state that is not known"), "look at it in ECS");
            }
        }
        if deployment.failed_tasks > 0 {
            let text = format!("{} of the deployment {id} failed in a row", counted(deployment.failed_tasks, "task"));
            problems.warn(text, facts.command("logs"));
        }
    }
    problems.or("one deployment, and it is complete")
}

fn last(facts: &Facts<'_>) -> Judgement {
    let last = facts.observed()?.last.as_ref().map_err(Clone::clone)?;
    let reason = last.status_reason.as_deref().unwrap_or("without a reason");
    let mut problems = Problems::default();
    let hint = format!("the release before it serves: mend the cause, then {}", facts.command("deploy"));
    match last.status {
        ServiceDeploymentStatus::RollbackSuccessful
        | ServiceDeploymentStatus::RollbackRequested
        | ServiceDeploymentStatus::RollbackInProgress => {
            problems.fail(format!("the last deployment was rolled back: {reason}"), hint);
        }
        ServiceDeploymentStatus::RollbackFailed => {
            problems.fail(
                format!("the last deployment failed, and so did its roll-back: {reason}"),
                facts.command("deploy"),
            );
        }
        ServiceDeploymentStatus::Stopped | ServiceDeploymentStatus::StopRequested => {
            problems.fail(format!("the last deployment was stopped: {reason}"), facts.command("deploy"));
        }
        ServiceDeploymentStatus::Pending
        | ServiceDeploymentStatus::InProgress
        | ServiceDeploymentStatus::Successful
        | ServiceDeploymentStatus::Unknown => {}
    }
    problems.or("the last deployment was not rolled back")
}

fn revision(facts: &Facts<'_>) -> Judgement {
    let tasks = tasks(facts)?;
    let wanted = &facts.observed()?.service.task_definition;
    let mut problems = Problems::default();
    for task in tasks.iter().filter(|task| task.task_definition_arn != *wanted) {
        let text = format!(
            "task {} is of {}, and the service is to run {}",
            short_id(task),
            short(&task.task_definition_arn),
            short(wanted)
        );
        problems.fail(text, "wait until the deployment is over, and verify again");
    }
    problems.or(format!("{} tasks are of {}", tasks.len(), short(wanted)))
}

fn newest(facts: &Facts<'_>) -> Judgement {
    let observed = facts.observed()?;
    let newest = observed.newest.clone()?;
    let mut problems = Problems::default();
    if newest != observed.service.task_definition {
        let text = format!(
            "the service is to run {}, and {} is newer",
            short(&observed.service.task_definition),
            short(&newest)
        );
        problems.warn(text, format!("{}, if it was not rolled back on purpose", facts.command("deploy")));
    }
    problems.or(format!("{} is the newest revision", short(&newest)))
}

/// Compares each running container with its expected digest.
fn compare(tasks: &[Task], wanted: impl Fn(&str) -> Option<String>, source: &str, hint: &str) -> Judgement {
    let mut problems = Problems::default();
    let mut compared = 0;
    for task in tasks {
        for container in &task.containers {
            let Some(wanted) = wanted(&container.name) else { continue };
            compared += 1;
            match &container.image_digest {
                Some(found) if *found == wanted => {}
                None if container.last_status != "RUNNING" => problems.fail(
                    format!(
                        "container `{}` of task {} is {}: what it runs is not known yet",
                        container.name,
                        short_id(task),
                        container.last_status
                    ),
                    hint,
                ),
                found => {
                    let found = found.as_deref().map_or("an image without a digest".to_owned(), short_digest);
                    let wanted = short_digest(&wanted);
                    let text = format!(
                        "container `{}` of task {} runs {found}, and {source} {wanted}",
                        container.name,
                        short_id(task)
                    );
                    problems.fail(text, hint);
                }
            }
        }
    }
    if compared == 0 {
        return unknown(format!("no container is one of which {source} a digest"));
    }
    problems.or(format!("{compared} containers run the digests that {source}"))
}

fn digest_of(container: &ContainerDefinition) -> Option<String> {
    container.image.split_once('@').map(|(_, digest)| digest.to_owned())
}

fn digests(facts: &Facts<'_>) -> Judgement {
    let tasks = tasks(facts)?;
    let definition = definition(facts)?;
    let wanted = |name: &str| definition.container(name).and_then(digest_of);
    compare(tasks, wanted, "its revision has", &facts.command("deploy"))
}

fn release(facts: &Facts<'_>) -> Judgement {
    let release = facts.release.clone()?;
    let tasks = tasks(facts)?;
    let definition = definition(facts)?;
    let wanted = |name: &str| {
        let container = definition.container(name)?;
        let image = facts.image_name(container)?;
        debug_assert!(repository(&container.image).ends_with(image.as_str()), "found by its repository");
        Some(release.images.get(image)?.digest.to_string())
    };
    compare(tasks, wanted, "`release.json` has", &facts.command("deploy"))
}

fn platform(facts: &Facts<'_>) -> Judgement {
    let platform = definition(facts)?.view().runtime_platform.clone().unwrap_or_default();
    let found = platform.cpu_architecture.as_deref().unwrap_or("X86_64");
    let wanted = match facts.project.platform {
        Platform::LinuxAmd64 => "X86_64",
        Platform::LinuxArm64 => "ARM64",
    };
    let mut problems = Problems::default();
    if found != wanted {
        let text = format!("tasks run on {found}, and the project is {}", facts.project.platform);
        problems
            .fail(text, format!("set `runtimePlatform.cpuArchitecture` to {wanted}, then {}", facts.command("deploy")));
    }
    problems.or(format!("tasks run on {found}"))
}

fn count(facts: &Facts<'_>) -> Judgement {
    let service = &facts.observed()?.service;
    let (running, wanted) = (service.running_count, service.desired_count);
    let mut problems = Problems::default();
    if running != wanted || service.pending_count > 0 {
        let text =
            format!("{running} tasks run, {} are being started, and the service wants {wanted}", service.pending_count);
        problems.fail(text, facts.command("status"));
    }
    if wanted == 0 {
        problems.fail("the desired count is 0: no task serves", facts.command("scale"));
    }
    problems.or(format!("{running} of {wanted} tasks run"))
}

fn healthy(facts: &Facts<'_>) -> Judgement {
    let tasks = tasks(facts)?;
    let definition = definition(facts).ok();
    let mut problems = Problems::default();
    let mut seen = 0;
    for task in tasks {
        for container in &task.containers {
            seen += 1;
            let known = definition.as_ref().and_then(|definition| definition.container(&container.name));
            let is_over = container.last_status == "STOPPED" && known.is_some_and(|one| !one.is_essential());
            let has_check = known.is_none_or(|one| one.health_check.is_some());
            let is_well = match container.health_status.as_str() {
                "HEALTHY" => true,
                // A container without a health check has no health status.
                "UNKNOWN" | "" => !has_check,
                _ => false,
            };
            if !is_over && (container.last_status != "RUNNING" || !is_well) {
                let why = container.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                let text = format!(
                    "container `{}` of task {} is {}, {}{why}",
                    container.name,
                    short_id(task),
                    container.last_status,
                    container.health_status
                );
                problems.fail(text, facts.command("logs"));
            }
        }
    }
    problems.or(format!("{seen} containers run and are healthy"))
}

fn targets(facts: &Facts<'_>) -> Judgement {
    let observed = facts.observed()?;
    let targets = observed.targets.as_ref().map_err(Clone::clone)?;
    let wanted = observed.service.desired_count as usize;
    let mut problems = Problems::default();
    let healthy: BTreeSet<_> =
        targets.iter().filter(|one| one.state == "healthy").map(|one| (&one.address, one.port)).collect();
    // A draining target finishes its requests.
    for target in targets.iter().filter(|one| one.state != "healthy" && one.state != "draining") {
        let why = [target.reason.as_deref(), target.description.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ");
        let text = format!("target {}:{} is {}: {why}", target.address, target.port, target.state);
        problems.fail(text, facts.command("logs"));
    }
    if healthy.len() < wanted {
        let text = format!(
            "the balancer finds {} healthy, and the service wants {wanted}",
            counted(healthy.len() as u64, "task")
        );
        problems.fail(text, facts.command("status"));
    }
    problems.or(format!("{} targets are healthy", healthy.len()))
}

//! A deployment's ways to end: completed, failed, rolled back, stopped, superseded; and the record that is kept of each.

use super::breaker;
use super::events;
use crate::store::ecs::{Deployment, Rollback, Service, ServiceDeployment, ServiceRevision};
use crate::time::Timestamp;

/// Who wants a deployment rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The circuit breaker.
    Breaker,
    /// `StopServiceDeployment`.
    Request,
}

/// Whether a service deployment with this status is not over yet. Source: AWS, "View service history using Amazon ECS
/// service deployments".
pub(super) fn is_ongoing(status: &str) -> bool {
    matches!(status, "PENDING" | "IN_PROGRESS" | "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS")
}

/// The record that is being written; there is one at most.
pub(super) fn ongoing(service: &mut Service) -> Option<&mut ServiceDeployment> {
    service.service_deployments.iter_mut().find(|record| is_ongoing(&record.status))
}

/// Closes the record that is being written.
pub(super) fn finish(service: &mut Service, now: Timestamp, status: &str, reason: Option<&str>) {
    if let Some(record) = ongoing(service) {
        if record.breaker_status == "MONITORING" {
            record.breaker_status = "MONITORING_COMPLETE".into();
        }
        record.status = status.into();
        record.status_reason = reason.map(str::to_owned).or_else(|| record.status_reason.take());
        record.finished_at = Some(now);
        record.updated_at = now;
    }
}

/// The `PRIMARY` deployment has all its tasks, and no other deployment has any.
pub(super) fn complete(service: &mut Service, now: Timestamp) {
    let Some(primary) = service.deployments.first_mut() else { return };
    let id = primary.id.clone();
    move_on(primary, now, "COMPLETED", format!("ECS deployment {id} completed."));
    let rolled_back = ongoing(service).is_some_and(|record| record.status == "ROLLBACK_IN_PROGRESS");
    finish(service, now, if rolled_back { "ROLLBACK_SUCCESSFUL" } else { "SUCCESSFUL" }, None);
    events::push(service, now, &format!("(deployment {id}) deployment completed."));
}

/// The circuit breaker trips.
pub(super) fn trip(service: &mut Service, now: Timestamp) {
    let rolling_back = ongoing(service).is_some_and(|record| record.status == "ROLLBACK_IN_PROGRESS");
    let rollback = service.deployment_configuration.deployment_circuit_breaker.rollback;
    fail(service, now, "ECS deployment circuit breaker: tasks failed to start.".into(), "tasks failed to start.");
    if let Some(record) = ongoing(service) {
        record.breaker_status = "TRIGGERED".into();
    }
    if rolling_back {
        // A deployment that is being gone back to cannot be rolled back in its turn.
        finish(
            service,
            now,
            "ROLLBACK_FAILED",
            Some("Service deployment rollback failed because the circuit breaker threshold was exceeded."),
        );
    } else if rollback {
        roll_back(service, now, Cause::Breaker);
    } else {
        finish(
            service,
            now,
            "STOPPED",
            Some("Service deployment stopped because the circuit breaker threshold was exceeded."),
        );
    }
}

/// The end of the deployment was requested: `StopServiceDeployment`, carried out by the next tick.
pub(super) fn stop_as_requested(service: &mut Service, now: Timestamp) -> bool {
    let Some(record) = ongoing(service) else { return false };
    let roll = match record.status.as_str() {
        "ROLLBACK_REQUESTED" => true,
        "STOP_REQUESTED" => false,
        _ => return false,
    };
    let id = record.deployment.clone();
    fail(service, now, format!("ECS deployment {id} stopped."), "deployment was stopped by a user.");
    if roll {
        roll_back(service, now, Cause::Request);
    } else {
        finish(service, now, "STOPPED", None);
    }
    true
}

/// No more tasks of the `PRIMARY` deployment are started.
fn fail(service: &mut Service, now: Timestamp, reason: String, text: &str) {
    let Some(primary) = service.deployments.first_mut() else { return };
    let id = primary.id.clone();
    move_on(primary, now, "FAILED", reason);
    events::push(service, now, &format!("(deployment {id}) deployment failed: {text}"));
}

/// Goes back to the last deployment that was completed. As on AWS it becomes `PRIMARY` again under its own id, so that
/// its tasks go on as they are.
fn roll_back(service: &mut Service, now: Timestamp, cause: Cause) {
    let Some((id, revision)) = candidate(service) else {
        finish(service, now, "ROLLBACK_FAILED", Some("No rollback candidate was found to run the rollback."));
        return;
    };
    let (status_reason, state_reason) = match cause {
        Cause::Breaker => (
            "Service deployment rolled back because the circuit breaker threshold was exceeded.",
            format!("ECS deployment circuit breaker: rolling back to deploymentId {id}."),
        ),
        Cause::Request => (
            "Service deployment rolled back because StopServiceDeployment was called.",
            format!("ECS deployment stopped: rolling back to deploymentId {id}."),
        ),
    };
    if let Some(record) = ongoing(service) {
        record.status = "ROLLBACK_IN_PROGRESS".into();
        record.status_reason = Some(status_reason.into());
        record.updated_at = now;
        record.rollback = Some(Rollback {
            reason: status_reason.into(),
            started_at: now,
            service_revision_arn: revision.arn.clone(),
        });
    }
    let position = service.deployments.iter().position(|deployment| deployment.id == id);
    let mut target = match position {
        Some(position) => service.deployments.remove(position),
        None => deployment(id.clone(), &revision, now),
    };
    if let Some(failed) = service.deployments.first_mut() {
        failed.status = "ACTIVE".into();
    }
    target.status = "PRIMARY".into();
    target.failed_tasks = 0;
    target.next_start = now;
    move_on(&mut target, now, "IN_PROGRESS", state_reason);
    service.deployments.insert(0, target);
    restore(service, revision);
    events::push(service, now, &format!("rolling back to deployment {id}."));
}

/// The last deployment that was completed, other than the one that is being given up, and what it was made of.
fn candidate(service: &Service) -> Option<(String, ServiceRevision)> {
    let failed = service.deployments.first().map(|deployment| deployment.id.as_str());
    service.service_deployments.iter().find_map(|record| {
        let eligible = record.status == "SUCCESSFUL" && Some(record.deployment.as_str()) != failed;
        let revision = service.service_revisions.iter().find(|revision| revision.arn == record.target_revision);
        revision.filter(|_| eligible).map(|revision| (record.deployment.clone(), revision.clone()))
    })
}

/// Makes the service say what `revision` says.
fn restore(service: &mut Service, revision: ServiceRevision) {
    service.task_definition = revision.task_definition;
    service.launch_type = revision.launch_type;
    service.capacity_provider_strategy = revision.capacity_provider_strategy;
    service.platform_version = revision.platform_version;
    service.network_configuration = revision.network_configuration;
    service.load_balancers = revision.load_balancers;
    service.steady_announced = false;
}

/// The entry of a deployment that has just begun.
pub(super) fn deployment(id: String, revision: &ServiceRevision, now: Timestamp) -> Deployment {
    Deployment {
        rollout_state_reason: format!("ECS deployment {id} in progress."),
        id,
        status: "PRIMARY".into(),
        task_definition: revision.task_definition.clone(),
        service_revision: revision.arn.clone(),
        failed_tasks: 0,
        created_at: now,
        updated_at: now,
        rollout_state: "IN_PROGRESS".into(),
        next_start: now,
    }
}

fn move_on(deployment: &mut Deployment, now: Timestamp, state: &str, reason: String) {
    deployment.rollout_state = state.into();
    deployment.rollout_state_reason = reason;
    deployment.updated_at = now;
}

/// Brings the record that is being written up to date: begun, failures, threshold. Says whether it was not.
pub(super) fn monitor(service: &mut Service, now: Timestamp) -> bool {
    let failures = service.deployments.first().map_or(0, |deployment| deployment.failed_tasks);
    let threshold = breaker::threshold(service.desired_count);
    let Some(record) = ongoing(service) else { return false };
    let mut changed = false;
    if record.status == "PENDING" {
        record.status = "IN_PROGRESS".into();
        record.started_at = Some(now);
        changed = true;
    }
    if record.breaker_status == "MONITORING"
        && (record.breaker_failures, record.breaker_threshold) != (failures, threshold)
    {
        (record.breaker_failures, record.breaker_threshold) = (failures, threshold);
        changed = true;
    }
    if changed {
        record.updated_at = now;
    }
    changed
}

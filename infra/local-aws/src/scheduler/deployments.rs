//! Deployments as the API has them begun and stopped. How they go on and end is `rollout`'s.

use super::{breaker, retention, rollout};
use crate::error::{Answer, AwsError};
use crate::settings::Settings;
use crate::store::State;
use crate::store::ecr::Ecr;
use crate::store::ecs::{ContainerImage, Service, ServiceDeployment, ServiceRevision};
use crate::time::Timestamp;

/// Makes what the service says now (revision, network, balancers, configuration) its `PRIMARY` deployment: a service
/// revision, a service deployment and an entry in `deployments`; what was `PRIMARY` becomes `ACTIVE`. `CreateService` and
/// `UpdateService` change the service's fields and then call this. `key` is `<cluster>/<service>`.
pub fn begin(state: &mut State, settings: &Settings, key: &str, now: Timestamp) {
    let State { ecs, ecr, .. } = state;
    let container_images = match ecs.services.get(key) {
        Some(service) => images(ecs.revision(&service.task_definition), ecr),
        None => return,
    };
    let Some(service) = ecs.services.get_mut(key) else { return };
    supersede(service, now);

    let path = format!("{}/{}", service.cluster, service.name);
    let revision = ServiceRevision {
        arn: settings.arn("ecs", &format!("service-revision/{path}/{}", number())),
        task_definition: service.task_definition.clone(),
        created_at: now,
        launch_type: service.launch_type.clone(),
        capacity_provider_strategy: service.capacity_provider_strategy.clone(),
        platform_version: service.platform_version.clone(),
        network_configuration: service.network_configuration.clone(),
        load_balancers: service.load_balancers.clone(),
        container_images,
    };
    let deployment = rollout::deployment(format!("ecs-svc/{}", number()), &revision, now);
    let breaker = service.deployment_configuration.deployment_circuit_breaker;
    let record = ServiceDeployment {
        arn: settings.arn("ecs", &format!("service-deployment/{path}/{}", word())),
        deployment: deployment.id.clone(),
        created_at: now,
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: now,
        source_revisions: service.deployments.iter().map(|old| old.service_revision.clone()).collect(),
        target_revision: revision.arn.clone(),
        status: "PENDING".into(),
        status_reason: None,
        rollback: None,
        configuration: service.deployment_configuration.clone(),
        breaker_failures: 0,
        breaker_threshold: breaker::threshold(service.desired_count),
        breaker_status: if breaker.enable { "MONITORING" } else { "DISABLED" }.into(),
    };
    service.deployments.insert(0, deployment);
    service.service_deployments.push_front(record);
    service.service_revisions.push_front(revision);
    service.steady_announced = false;
    forget(service);
}

/// What is `PRIMARY` makes way for the next.
fn supersede(service: &mut Service, now: Timestamp) {
    let rolling_back = rollout::ongoing(service).is_some_and(|record| record.status == "ROLLBACK_IN_PROGRESS");
    let status = if rolling_back { "ROLLBACK_FAILED" } else { "STOPPED" };
    rollout::finish(
        service,
        now,
        status,
        Some("Service deployment stopped because a newer service deployment was started."),
    );
    for deployment in &mut service.deployments {
        if deployment.status == "PRIMARY" {
            deployment.status = "ACTIVE".into();
            deployment.updated_at = now;
        }
    }
}

/// Drops the oldest records, but not the one to which a rollback would go, nor a revision that is still named.
fn forget(service: &mut Service) {
    while service.service_deployments.len() > retention::RECORDS {
        let last_good = service.service_deployments.iter().position(|record| record.status == "SUCCESSFUL");
        let oldest = service.service_deployments.len() - 1;
        let over = if last_good == Some(oldest) { oldest - 1 } else { oldest };
        service.service_deployments.remove(over);
    }
    let Service { service_revisions, service_deployments, deployments, .. } = service;
    service_revisions.retain(|revision| {
        service_deployments.iter().any(|record| record.target_revision == revision.arn)
            || deployments.iter().any(|deployment| deployment.service_revision == revision.arn)
    });
}

/// `StopServiceDeployment`: `stop_type` is `ABORT` or `ROLLBACK`. The next tick carries it out.
///
/// # Errors
/// `ServiceDeploymentNotFoundException`, `ConflictException` where it is over.
pub fn stop(state: &mut State, _settings: &Settings, arn: &str, stop_type: &str, now: Timestamp) -> Answer<()> {
    let status = match stop_type {
        "ROLLBACK" => "ROLLBACK_REQUESTED",
        "ABORT" => "STOP_REQUESTED",
        _ => {
            return Err(AwsError::client(
                "InvalidParameterException",
                format!("Invalid stop type `{stop_type}`: ABORT and ROLLBACK are valid."),
            ));
        }
    };
    let records = state.ecs.services.values_mut().flat_map(|service| &mut service.service_deployments);
    let Some(record) = records.into_iter().find(|record| record.arn == arn) else {
        return Err(AwsError::client("ServiceDeploymentNotFoundException", "Service deployment not found."));
    };
    match record.status.as_str() {
        "PENDING" | "IN_PROGRESS" => {
            record.status = status.into();
            record.stopped_at = Some(now);
            record.updated_at = now;
            record.status_reason = Some("Service deployment stopped because StopServiceDeployment was called.".into());
            Ok(())
        }
        // It goes on with what it is about.
        other if rollout::is_ongoing(other) => Ok(()),
        other => Err(AwsError::client(
            "ConflictException",
            format!("The service deployment is {other} and cannot be stopped."),
        )),
    }
}

/// Each container's image, with the digest that its tag has now.
fn images(revision: Option<&crate::store::ecs::Revision>, ecr: &Ecr) -> Vec<ContainerImage> {
    let containers = revision.iter().flat_map(|revision| &revision.definition.container_definitions);
    let image = |reference: &str| match reference.split_once('@') {
        Some((_, digest)) => Some(digest.to_owned()),
        None => {
            let path = reference.split_once('/')?.1;
            let (name, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
            ecr.repositories.get(name)?.tags.get(tag).cloned()
        }
    };
    let described = containers.map(|container| ContainerImage {
        container_name: container.name.clone(),
        image: container.image.clone(),
        image_digest: image(&container.image),
    });
    described.collect()
}

/// 19 digits, as the ids of deployments and service revisions are on AWS.
fn number() -> String {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    format!("{}", 1_000_000_000_000_000_000 + random % 9_000_000_000_000_000_000)
}

/// 21 letters, digits, `-` and `_`, as the ids of service deployments are on AWS.
fn word() -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let random = uuid::Uuid::new_v4().as_u128();
    (0..21).map(|place| char::from(LETTERS[(random >> (place * 6)) as usize & 63])).collect()
}

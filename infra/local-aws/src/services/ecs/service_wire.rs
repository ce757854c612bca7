//! Services, their deployments and the records of them, as AWS answers them.

use serde_json::{Value, json};

use super::counts::Counts;
use crate::settings::{ACCOUNT, Settings};
use crate::store::ecs::{Deployment, Service, ServiceDeployment, ServiceRevision};

pub(super) fn arn(settings: &Settings, service: &Service) -> String {
    settings.arn("ecs", &format!("service/{}/{}", service.cluster, service.name))
}

pub(super) fn cluster_arn(settings: &Settings, cluster: &str) -> String {
    settings.arn("ecs", &format!("cluster/{cluster}"))
}

/// Puts members in that are there.
fn insert_some(members: &mut Value, some: impl IntoIterator<Item = (&'static str, Option<Value>)>) {
    let Value::Object(members) = members else { return };
    members.extend(some.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

/// `launchType`, or `capacityProviderStrategy`.
fn launch(launch_type: Option<&str>, strategy: &[Value]) -> [(&'static str, Option<Value>); 2] {
    [
        ("launchType", launch_type.map(Value::from)),
        ("capacityProviderStrategy", (!strategy.is_empty()).then(|| json!(strategy))),
    ]
}

/// `Service`.
pub(super) fn service<'a>(settings: &Settings, service: &'a Service, counts: &Counts<'a>, with_tags: bool) -> Value {
    let count = counts.service(&service.cluster, &service.name);
    let deployments = service.deployments.iter().map(|one| deployment(service, one, counts));
    let mut answer = json!({
        "serviceArn": arn(settings, service),
        "serviceName": service.name,
        "clusterArn": cluster_arn(settings, &service.cluster),
        "loadBalancers": service.load_balancers,
        "serviceRegistries": [],
        "status": service.status,
        "desiredCount": service.desired_count,
        "runningCount": count.running,
        "pendingCount": count.pending,
        "platformVersion": service.platform_version,
        "platformFamily": "Linux",
        "taskDefinition": service.task_definition,
        "deploymentConfiguration": service.deployment_configuration,
        "deployments": deployments.collect::<Vec<_>>(),
        "events": service.events,
        "createdAt": service.created_at,
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": "REPLICA",
        "deploymentController": { "type": "ECS" },
        "createdBy": format!("arn:aws:iam::{ACCOUNT}:root"),
        "enableECSManagedTags": service.enable_ecs_managed_tags,
        "propagateTags": service.propagate_tags,
        "enableExecuteCommand": service.enable_execute_command,
        "availabilityZoneRebalancing": service.availability_zone_rebalancing,
    });
    let role = format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS");
    let revisions = service.deployments.iter().map(|one| {
        let count = counts.deployment(&one.id);
        revision_summary(&one.service_revision, wanted(service, one, counts), count.running, count.pending)
    });
    let current: Vec<_> = revisions.collect();
    insert_some(&mut answer, launch(service.launch_type.as_deref(), &service.capacity_provider_strategy));
    insert_some(
        &mut answer,
        [
            ("networkConfiguration", service.network_configuration.as_ref().map(|network| json!(network))),
            ("healthCheckGracePeriodSeconds", service.health_check_grace_period_seconds.map(Value::from)),
            // AWS's service role registers targets, so a service without any has none.
            ("roleArn", (!service.load_balancers.is_empty()).then(|| role.into())),
            ("tags", with_tags.then(|| json!(service.tags))),
            ("currentServiceDeployment", service.service_deployments.front().map(|record| json!(record.arn))),
            ("currentServiceRevisions", (!current.is_empty()).then(|| json!(current))),
        ],
    );
    answer
}

/// How many tasks a deployment should have: for a deployment that is being replaced, its tasks without a stop request.
fn wanted(service: &Service, deployment: &Deployment, counts: &Counts<'_>) -> u32 {
    if deployment.status == "PRIMARY" { service.desired_count } else { counts.deployment(&deployment.id).wanted }
}

/// `Deployment`.
fn deployment(service: &Service, deployment: &Deployment, counts: &Counts<'_>) -> Value {
    let count = counts.deployment(&deployment.id);
    let revision = service.service_revisions.iter().find(|revision| revision.arn == deployment.service_revision);
    let network = match revision {
        Some(revision) => &revision.network_configuration,
        None => &service.network_configuration,
    };
    let (launch_type, strategy) = match revision {
        Some(revision) => (&revision.launch_type, &revision.capacity_provider_strategy),
        None => (&service.launch_type, &service.capacity_provider_strategy),
    };
    let mut answer = json!({
        "id": deployment.id,
        "status": deployment.status,
        "taskDefinition": deployment.task_definition,
        "desiredCount": wanted(service, deployment, counts),
        "pendingCount": count.pending,
        "runningCount": count.running,
        "failedTasks": deployment.failed_tasks,
        "createdAt": deployment.created_at,
        "updatedAt": deployment.updated_at,
        "platformVersion": service.platform_version,
        "platformFamily": "Linux",
        "rolloutState": deployment.rollout_state,
        "rolloutStateReason": deployment.rollout_state_reason,
    });
    insert_some(&mut answer, launch(launch_type.as_deref(), strategy));
    insert_some(&mut answer, [("networkConfiguration", network.as_ref().map(|network| json!(network)))]);
    answer
}

fn revision_summary(arn: &str, requested: u32, running: u32, pending: u32) -> Value {
    json!({
        "arn": arn,
        "requestedTaskCount": requested,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    })
}

/// `ServiceDeployment`.
pub(super) fn service_deployment<'a>(
    settings: &Settings,
    service: &'a Service,
    record: &'a ServiceDeployment,
    counts: &Counts<'a>,
) -> Value {
    let summary = |arn: &String| match service.deployments.iter().find(|one| one.service_revision == *arn) {
        Some(found) => {
            let count = counts.deployment(&found.id);
            revision_summary(arn, wanted(service, found, counts), count.running, count.pending)
        }
        None => revision_summary(arn, 0, 0, 0),
    };
    let mut answer = json!({
        "serviceDeploymentArn": record.arn,
        "serviceArn": arn(settings, service),
        "clusterArn": cluster_arn(settings, &service.cluster),
        "createdAt": record.created_at,
        "updatedAt": record.updated_at,
        "sourceServiceRevisions": record.source_revisions.iter().map(summary).collect::<Vec<_>>(),
        "targetServiceRevision": summary(&record.target_revision),
        "status": record.status,
        "deploymentConfiguration": record.configuration,
        "deploymentCircuitBreaker": {
            "status": record.breaker_status,
            "failureCount": record.breaker_failures,
            "threshold": record.breaker_threshold,
        },
    });
    insert_some(
        &mut answer,
        [
            ("startedAt", record.started_at.map(|moment| json!(moment))),
            ("finishedAt", record.finished_at.map(|moment| json!(moment))),
            ("stoppedAt", record.stopped_at.map(|moment| json!(moment))),
            ("statusReason", record.status_reason.as_ref().map(|reason| json!(reason))),
            ("rollback", record.rollback.as_ref().map(|rollback| json!(rollback))),
        ],
    );
    answer
}

/// `ServiceDeploymentBrief`.
pub(super) fn service_deployment_brief(settings: &Settings, service: &Service, record: &ServiceDeployment) -> Value {
    let mut answer = json!({
        "serviceDeploymentArn": record.arn,
        "serviceArn": arn(settings, service),
        "clusterArn": cluster_arn(settings, &service.cluster),
        "createdAt": record.created_at,
        "targetServiceRevisionArn": record.target_revision,
        "status": record.status,
    });
    insert_some(
        &mut answer,
        [
            ("startedAt", record.started_at.map(|moment| json!(moment))),
            ("finishedAt", record.finished_at.map(|moment| json!(moment))),
            ("statusReason", record.status_reason.as_ref().map(|reason| json!(reason))),
        ],
    );
    answer
}

/// `ServiceRevision`.
pub(super) fn service_revision(settings: &Settings, service: &Service, revision: &ServiceRevision) -> Value {
    let mut answer = json!({
        "serviceRevisionArn": revision.arn,
        "serviceArn": arn(settings, service),
        "clusterArn": cluster_arn(settings, &service.cluster),
        "taskDefinition": revision.task_definition,
        "platformVersion": revision.platform_version,
        "platformFamily": "Linux",
        "loadBalancers": revision.load_balancers,
        "containerImages": revision.container_images,
        "guardDutyEnabled": false,
        "createdAt": revision.created_at,
    });
    insert_some(&mut answer, launch(revision.launch_type.as_deref(), &revision.capacity_provider_strategy));
    let network = revision.network_configuration.as_ref().map(|network| json!(network));
    insert_some(&mut answer, [("networkConfiguration", network)]);
    answer
}

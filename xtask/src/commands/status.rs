//! `cargo xtask status`: which release serves, which deployment is under way, how each task is. Only looks.

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::ecs::record::Record;
use crate::ecs::{Service, Task};
use crate::effects::{ecs, elb};
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::plan::deploy::short;
use crate::project::EnvironmentName;
use crate::report::Report;

/// Newest events that are shown.
const EVENTS: usize = 5;

/// Looks.
///
/// # Errors
/// AWS's.
pub fn run(root: &Utf8Path, environment: EnvironmentName, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(root, Settings::load(root, environment)?, Missing::Refuse, report)?;
    let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?;
    let Some(service) = service else {
        report.result(format!(
            "`{}` has no service `{}` yet: {}",
            environment,
            target.service(),
            target.command("deploy")
        ));
        report.closing(json!({"outcome": "absent", "service": Value::Null}));
        return Ok(());
    };
    let revision = ecs::describe_task_definition(&target.aws, &service.task_definition)?;
    let record = revision.as_ref().and_then(|revision| Record::from_tags(&revision.tags));
    let arns = target.tasks()?;
    let tasks = ecs::describe_tasks(&target.aws, target.cluster(), &arns)?;
    let group = elb::target_group(&target.aws, &target.settings.names.balancer)?;
    let url = match &group {
        Some(group) => target.url(group)?,
        None => None,
    };
    let targets = match &group {
        Some(group) => elb::target_health(&target.aws, &group.arn)?,
        None => Vec::new(),
    };
    show(report, &service, record.as_ref(), &tasks, url.as_deref());
    for health in &targets {
        let why = health.description.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        report.result(format!("  target {}:{} {}{why}", health.address, health.port, health.state));
    }
    for event in service.events.iter().take(EVENTS) {
        report.detail(&event.message);
    }
    let deployments = service.deployments.iter().map(|one| {
        json!({"id": one.id, "status": one.status, "taskDefinition": one.task_definition, "desiredCount": one.desired_count,
            "runningCount": one.running_count, "pendingCount": one.pending_count, "failedTasks": one.failed_tasks})
    });
    report.closing(json!({"outcome": service.status.to_lowercase(), "url": url,
        "release": record.as_ref().map(|record| &record.release),
        "verdict": record.as_ref().map(|record| record.outcome.as_str()),
        "service": {"serviceName": service.service_name, "taskDefinition": service.task_definition, "status": service.status,
            "desiredCount": service.desired_count, "runningCount": service.running_count,
            "pendingCount": service.pending_count, "deployments": deployments.collect::<Vec<_>>()},
        "tasks": tasks.iter().map(task_json).collect::<Vec<_>>(),
        "targets": targets.iter().map(|one| json!({"address": one.address, "port": one.port, "state": one.state})).collect::<Vec<_>>(),
        "api_calls": {"total": target.aws.calls().total, "mutating": target.aws.calls().mutating}}));
    Ok(())
}

fn show(report: &Report, service: &Service, record: Option<&Record>, tasks: &[Task], url: Option<&str>) {
    let release = record.map_or("-", |record| record.release.as_str());
    let verdict = record.map_or("unrecorded", |record| record.outcome.as_str());
    report.result(format!(
        "{} {}: {}, release {release} ({verdict}), {} of {} running, {} pending",
        service.service_name,
        service.status.to_lowercase(),
        short(&service.task_definition),
        service.running_count,
        service.desired_count,
        service.pending_count
    ));
    if let Some(url) = url {
        report.result(format!("  {url}"));
    }
    for deployment in service.deployments.iter().filter(|_| service.deployments.len() > 1) {
        report.result(format!(
            "  deployment {} {} of {}: {} of {} running, {} failed",
            deployment.id,
            deployment.status.to_lowercase(),
            short(&deployment.task_definition),
            deployment.running_count,
            deployment.desired_count,
            deployment.failed_tasks
        ));
    }
    for task in tasks {
        report.result(format!("  {}", crate::report::rollout::line(task)));
    }
}

fn task_json(task: &Task) -> Value {
    let containers = task.containers.iter().map(|one| {
        json!({"name": one.name, "lastStatus": one.last_status, "healthStatus": one.health_status,
            "imageDigest": one.image_digest, "exitCode": one.exit_code, "reason": one.reason})
    });
    json!({"taskArn": task.task_arn, "taskDefinitionArn": task.task_definition_arn, "lastStatus": task.last_status,
        "healthStatus": task.health_status, "stoppedReason": task.stopped_reason, "containers": containers.collect::<Vec<_>>()})
}

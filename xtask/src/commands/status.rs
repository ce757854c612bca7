//! `cargo xtask status`: the current release, the deployment in progress, and the state of each task. Changes nothing.

use camino::Utf8Path;
use serde_json::{Map, Value, json};

use crate::ecs::record::Record;
use crate::ecs::{Service, TargetHealth, Task};
use crate::effects::{ecs, elb};
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::plan::deploy::short;
use crate::project::EnvironmentName;
use crate::report::Report;

/// Number of newest events that are shown.
const EVENTS: usize = 5;

/// The observed state of one service.
struct Status {
    service: Service,
    record: Option<Record>,
    tasks: Vec<Task>,
    targets: Vec<TargetHealth>,
    url: Option<String>,
}

/// Shows the named service, or all services.
///
/// # Errors
/// Usage (2): the service does not exist; failed AWS calls.
pub fn run(root: &Utf8Path, environment: EnvironmentName, only: Option<&str>, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(root, Settings::load(root, environment)?, Missing::Refuse, report)?;
    let services = target.services(only)?;
    let names: Vec<&str> = services.iter().map(Target::service).collect();
    let found = ecs::describe_services(&target.aws, target.cluster(), &names)?;
    let (mut all, mut leading) = (Map::new(), None);
    for target in &services {
        let status = match found.iter().find(|found| found.service_name == target.service()) {
            Some(service) => Some(observe(target, service.clone())?),
            None => None,
        };
        match &status {
            Some(status) => show(report, status),
            None => report.result(format!(
                "`{environment}` has no service `{}` yet: {}",
                target.service(),
                target.command("deploy")
            )),
        }
        let members =
            status.as_ref().map_or_else(|| json!({"outcome": "absent", "service": Value::Null}), Status::json);
        if services.len() == 1 || target.settings.service().is_some_and(|service| service.is_main) {
            leading = Some(members.clone());
        }
        all.insert(target.service_name().to_owned(), members);
    }
    // The main service's members are at the top level, as in a project with one service.
    let mut closing = leading.unwrap_or_default();
    closing["services"] = all.into();
    closing["api_calls"] = json!({"total": target.aws.calls().total, "mutating": target.aws.calls().mutating});
    report.closing(closing);
    Ok(())
}

fn observe(target: &Target, service: Service) -> anyhow::Result<Status> {
    let revision = ecs::describe_task_definition(&target.aws, &service.task_definition)?;
    let record = revision.as_ref().and_then(|revision| Record::from_tags(&revision.tags));
    let tasks = ecs::describe_tasks(&target.aws, target.cluster(), &target.tasks()?)?;
    let is_balanced = !service.load_balancers.is_empty();
    let group = if is_balanced { elb::target_group(&target.aws, &target.settings.names.balancer)? } else { None };
    let (url, targets) = match &group {
        Some(group) => (target.url(group)?, elb::target_health(&target.aws, &group.arn)?),
        None => (None, Vec::new()),
    };
    Ok(Status { service, record, tasks, targets, url })
}

impl Status {
    fn json(&self) -> Value {
        let Status { service, record, tasks, targets, url } = self;
        let deployments = service.deployments.iter().map(|one| {
            json!({"id": one.id, "status": one.status, "taskDefinition": one.task_definition,
                "desiredCount": one.desired_count, "runningCount": one.running_count,
                "pendingCount": one.pending_count, "failedTasks": one.failed_tasks})
        });
        let targets = targets.iter().map(|one| json!({"address": one.address, "port": one.port, "state": one.state}));
        let set = record.as_ref().and_then(|record| record.set.as_ref());
        json!({"outcome": service.status.to_lowercase(), "url": url,
            "release": record.as_ref().map(|record| &record.release), "set": set.map(|set| &set.release),
            "verdict": record.as_ref().map(|record| record.outcome.as_str()),
            "service": {"serviceName": service.service_name, "taskDefinition": service.task_definition,
                "status": service.status, "desiredCount": service.desired_count,
                "runningCount": service.running_count, "pendingCount": service.pending_count,
                "deployments": deployments.collect::<Vec<_>>()},
            "tasks": tasks.iter().map(task_json).collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>()})
    }
}

fn show(report: &Report, status: &Status) {
    let Status { service, record, tasks, targets, url } = status;
    let record = record.as_ref();
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
    for health in targets {
        let why = health.description.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        report.result(format!("  target {}:{} {}{why}", health.address, health.port, health.state));
    }
    for event in service.events.iter().take(EVENTS) {
        report.detail(&event.message);
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

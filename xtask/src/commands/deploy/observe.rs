//! What `deploy` looks at before it decides: the two documents as they should be, and what ECS has.

use std::io::{BufRead, IsTerminal, Write};

use camino::Utf8Path;

use super::Request;
use crate::checks::{Check, Status};
use crate::ecs::record::{Outcome, Record};
use crate::ecs::render::{self, Values};
use crate::ecs::{ReleaseId, Revision, Service, ServiceDocument, TargetGroup, TaskDefinition, diff};
use crate::effects::ecs;
use crate::error::Failure;
use crate::operations::target::Target;
use crate::operations::verification;
use crate::plan::deploy::{DeployPlan, Observed};
use crate::plan::push::Pushed;
use crate::project::{EnvironmentName, Project};
use crate::release::Release;
use crate::report::Report;

/// What is to run.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    pub(super) release: ReleaseId,
    pub(super) definition: TaskDefinition,
    pub(super) service: ServiceDocument,
}

/// What ECS has.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) service: Option<Service>,
    pub(super) running: Option<Revision>,
    pub(super) spare: Option<Revision>,
    changes: Vec<diff::Change>,
    service_changes: Vec<diff::Change>,
}

/// Whether the service is to be registered somewhere: a worker without a load balancer is a service, too. What is wrong
/// with the template is said when it is rendered.
pub(super) fn is_balanced(templates: &(String, String)) -> bool {
    let service: serde_json::Value = serde_json::from_str(&templates.1).unwrap_or_default();
    service["loadBalancers"].as_array().is_some_and(|all| !all.is_empty()) || service["loadBalancers"].is_string()
}

/// Both templates with the values of the environment.
pub(super) fn render(
    templates: &(String, String),
    target: &Target,
    pushed: &Pushed,
    group: Option<&TargetGroup>,
) -> anyhow::Result<Desired> {
    let settings = &target.settings;
    let values = Values::new(
        &settings.project,
        &settings.environment,
        &target.account,
        &pushed.references,
        group.map(|group| group.arn.as_str()),
    );
    let (definition, release) = render::released(&templates.0, &values)?;
    let service = render::service(&templates.1, &values)?;
    Ok(Desired { release, definition, service })
}

/// Whether every image of the project is built.
pub(super) fn is_whole(project: &Project, release: &Release) -> bool {
    project.images.iter().all(|image| release.images.contains_key(&image.name))
}

/// The service, its revision, and one that an interrupted run may have left.
pub(super) fn observe(target: &Target, desired: &Desired) -> anyhow::Result<Seen> {
    let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?;
    let running = match &service {
        Some(service) => ecs::describe_task_definition(&target.aws, &service.task_definition)?,
        None => None,
    };
    let changes = match &running {
        Some(running) => diff::task_definition_changes(&desired.definition, running),
        None => Vec::new(),
    };
    let service_changes = match &service {
        Some(service) => diff::service_changes(&desired.service, service),
        None => Vec::new(),
    };
    let is_same = running.is_some() && changes.is_empty();
    let newest =
        if is_same { None } else { ecs::describe_task_definition(&target.aws, &desired.definition.view().family)? };
    let spare = newest.filter(|newest| running.as_ref().is_none_or(|running| running.arn != newest.arn));
    let spare = spare.filter(|spare| diff::task_definition_changes(&desired.definition, spare).is_empty());
    Ok(Seen { service, running, spare, changes, service_changes })
}

impl Seen {
    /// Members of the service that ECS changes in a new one only.
    ///
    /// # Errors
    /// Refused (3), with each of them.
    pub(super) fn admit(&self, target: &Target) -> Result<(), Failure> {
        let fixed: Vec<String> =
            self.service_changes.iter().filter(|change| change.needs_new_service()).map(ToString::to_string).collect();
        if fixed.is_empty() {
            return Ok(());
        }
        let text = format!("ECS changes this in a new service only: {}", fixed.join("; "));
        Err(Failure::refused(text)
            .hint("take the change back in infra/service.json, or give the environment's `service` another name")
            .hint(format!("what there is now: {}", target.command("status"))))
    }

    /// Members of what runs that Slipway does not know: they are not compared, and a new revision will not have them.
    pub(super) fn unknown(&self) -> Vec<String> {
        let of_revision = self.running.iter().flat_map(diff::unknown_members);
        of_revision.chain(self.service.iter().flat_map(diff::unknown_members_of_service)).collect()
    }

    /// Whether the service's tags differ: `UpdateService` does not take them.
    pub(super) fn tags_differ(&self) -> bool {
        self.service_changes.iter().any(diff::Change::is_tag_of_service)
    }

    /// Whether ECS takes a change of the service only together with a deployment.
    pub(super) fn forces_deployment(&self) -> bool {
        self.service_changes.iter().any(diff::Change::forces_deployment)
    }

    pub(super) fn plan(&self, desired: &Desired, target: &Target) -> DeployPlan {
        let record = self.running.as_ref().and_then(|running| Record::from_tags(&running.tags));
        let observed = Observed {
            service: self.service.as_ref(),
            running: self.running.as_ref(),
            changes: &self.changes,
            service_changes: &self.service_changes,
            spare: self.spare.as_ref(),
            is_verified: record.is_some_and(|record| record.outcome == Outcome::Verified),
        };
        let command = target.settings.release_phase().map(|phase| phase.command.as_slice());
        DeployPlan::new(desired.release.clone(), &observed, command)
    }
}

/// Every rule that can be judged before anything changes. A rule that fails ends the deploy.
///
/// # Errors
/// Refused (3), with each finding.
pub(super) fn preflight(
    root: &Utf8Path,
    target: &Target,
    release: &Release,
    desired: &Desired,
    report: &Report,
) -> anyhow::Result<()> {
    let subject = verification::Subject {
        root,
        settings: &target.settings,
        definition: &desired.definition,
        service: &desired.service,
        release: Some(release),
    };
    let checks = verification::environment(&subject, Some(target));
    let failed: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Fail).collect();
    for check in checks.iter().filter(|check| check.status == Status::Warn) {
        report.warn(format!("{}: {}", check.id, check.message));
    }
    let passed = checks.iter().filter(|check| check.status == Status::Ok).count();
    report.detail(format!("{passed} rules hold, {} do not", failed.len()));
    if failed.is_empty() {
        return Ok(());
    }
    let message = failed.iter().map(|check| format!("{}: {}", check.id, check.message)).collect::<Vec<_>>().join("\n");
    let hints = failed.iter().filter_map(|check| check.hint.clone());
    Err(hints.fold(Failure::refused(message), Failure::hint).into())
}

/// Asks before production, where somebody can answer.
///
/// # Errors
/// Refused (3) where the answer is no.
pub(super) fn confirm(request: &Request) -> anyhow::Result<()> {
    if request.environment != EnvironmentName::Production || request.yes || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "This changes what the users of production see. Go on? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::refused("nothing was changed, as you answered").into()),
    }
}

//! The observations of `deploy`: the desired documents of each service, and the current state in ECS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal, Write};

use camino::Utf8Path;

use super::Request;
use crate::checks::{Check, Status};
use crate::ecs::record::{Outcome, Record};
use crate::ecs::render::{self, Values};
use crate::ecs::{ReleaseId, Revision, Service, ServiceDocument, TargetGroup, TaskDefinition, diff};
use crate::effects::ecs;
use crate::error::Failure;
use crate::operations::target::{Settings, Target};
use crate::operations::verification;
use crate::plan::deploy::{DeployPlan, Observed, ReleasePlan};
use crate::plan::push::Pushed;
use crate::project::{Environment, Project};
use crate::release::Release;
use crate::report::Report;

/// The desired state of a service.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    pub(super) release: ReleaseId,
    pub(super) definition: TaskDefinition,
    pub(super) service: ServiceDocument,
}

/// The current state of a service in ECS.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) service: Option<Service>,
    pub(super) running: Option<Revision>,
    pub(super) spare: Option<Revision>,
    changes: Vec<diff::Change>,
    service_changes: Vec<diff::Change>,
}

/// Returns whether the service has load balancers. A worker without one is a service, too. Errors in the template are
/// reported when it is rendered.
fn is_balanced(templates: &(String, String)) -> bool {
    let service: serde_json::Value = serde_json::from_str(&templates.1).unwrap_or_default();
    service["loadBalancers"].as_array().is_some_and(|all| !all.is_empty()) || service["loadBalancers"].is_string()
}

/// One service of the release: its location and its desired state.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) target: Target,
    pub(super) group: Option<TargetGroup>,
    pub(super) url: Option<String>,
    pub(super) desired: Desired,
}

impl Part {
    /// Renders both templates of a service with the values of the environment.
    pub(super) fn new(target: Target, templates: &(String, String), pushed: &Pushed) -> anyhow::Result<Part> {
        let group = if is_balanced(templates) { Some(target.target_group()?) } else { None };
        let url = group.as_ref().map(|group| target.url(group)).transpose()?.flatten();
        let Settings { project, environment, .. } = &target.settings;
        let arn = group.as_ref().map(|group| group.arn.as_str());
        let values = Values::new(project, environment, &target.account, &pushed.references, arn);
        let (definition, release) = render::released(&templates.0, &values)?;
        let service = render::service(&templates.1, &values)?;
        Ok(Part { target, group, url, desired: Desired { release, definition, service } })
    }

    /// Returns the name of the service in `infra/slipway.toml`.
    pub(super) fn name(&self) -> &str {
        self.target.service_name()
    }
}

/// The current state of a release in ECS.
#[derive(Clone, Debug)]
pub(super) struct SeenAll {
    /// Current state of each service that is deployed, in the order of the parts.
    pub(super) services: Vec<Seen>,
    /// Services that `--service` excludes, with the revision that each runs.
    pub(super) others: Vec<(String, Revision)>,
}

/// Returns whether every image of the project is built.
pub(super) fn is_whole(project: &Project, release: &Release) -> bool {
    project.images.iter().all(|image| release.images.contains_key(&image.name))
}

/// Describes all services of the project, and the revisions that they run.
pub(super) fn observe(target: &Target, parts: &[Part]) -> anyhow::Result<SeenAll> {
    let all = target.services(None)?;
    let names: Vec<&str> = all.iter().map(Target::service).collect();
    let found = ecs::describe_services(&target.aws, target.cluster(), &names)?;
    let service = |target: &Target| found.iter().find(|found| found.service_name == target.service()).cloned();
    let services = parts.iter().map(|part| seen(&part.target, &part.desired, service(&part.target)));
    let services = services.collect::<anyhow::Result<Vec<Seen>>>()?;
    let mut others = Vec::new();
    for other in all.iter().filter(|other| !parts.iter().any(|part| part.name() == other.service_name())) {
        let Some(service) = service(other) else { continue };
        let revision = ecs::describe_task_definition(&target.aws, &service.task_definition)?;
        others.extend(revision.map(|revision| (other.service_name().to_owned(), revision)));
    }
    Ok(SeenAll { services, others })
}

/// Returns the plan of each service and the id of the release, which also covers the excluded services.
pub(super) fn plan(parts: &[Part], seen: &SeenAll) -> ReleasePlan {
    let mut ids: BTreeMap<String, ReleaseId> = BTreeMap::new();
    for (name, revision) in &seen.others {
        let record = Record::from_tags(&revision.tags);
        ids.extend(record.and_then(|record| record.release.parse().ok()).map(|id| (name.clone(), id)));
    }
    ids.extend(parts.iter().map(|part| (part.name().to_owned(), part.desired.release.clone())));
    let services = parts.iter().zip(&seen.services);
    let services = services.map(|(part, seen)| (part.name().to_owned(), seen.plan(&part.desired, &part.target)));
    ReleasePlan { release: ReleaseId::of_services(&ids), services: services.collect() }
}

/// Returns the state of a service: its revision, and one that an interrupted run may have registered.
fn seen(target: &Target, desired: &Desired, service: Option<Service>) -> anyhow::Result<Seen> {
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
    /// Checks the members of the service that ECS accepts only when a service is created.
    ///
    /// # Errors
    /// Refused (3), with each changed member.
    pub(super) fn admit(&self, target: &Target) -> Result<(), Failure> {
        let fixed: Vec<String> =
            self.service_changes.iter().filter(|change| change.needs_new_service()).map(ToString::to_string).collect();
        if fixed.is_empty() {
            return Ok(());
        }
        let text = format!("ECS changes this in a new service only: {}", fixed.join("; "));
        Err(Failure::refused(text)
            .hint(
                "take the change back in the template of the service, or give the environment's `service` another name",
            )
            .hint(format!("what there is now: {}", target.command("status"))))
    }

    /// Returns running members that Slipway does not know. They are not compared, and a new revision omits them.
    pub(super) fn unknown(&self) -> Vec<String> {
        let of_revision = self.running.iter().flat_map(diff::unknown_members);
        of_revision.chain(self.service.iter().flat_map(diff::unknown_members_of_service)).collect()
    }

    /// Returns whether the service's tags differ: `UpdateService` does not accept tags.
    pub(super) fn tags_differ(&self) -> bool {
        self.service_changes.iter().any(diff::Change::is_tag_of_service)
    }

    /// Returns whether ECS applies a change of the service only together with a deployment.
    pub(super) fn forces_deployment(&self) -> bool {
        self.service_changes.iter().any(diff::Change::forces_deployment)
    }

    fn plan(&self, desired: &Desired, target: &Target) -> DeployPlan {
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

/// Checks every rule that can be judged before anything changes. A failed rule stops the deploy.
///
/// # Errors
/// Refused (3), with each finding.
pub(super) fn preflight(root: &Utf8Path, parts: &[Part], release: &Release, report: &Report) -> anyhow::Result<()> {
    let (mut passed, mut failed, mut shown) = (0, Vec::<Check>::new(), BTreeSet::new());
    for Part { target, desired, .. } in parts {
        let subject = verification::Subject {
            root,
            settings: &target.settings,
            definition: &desired.definition,
            service: &desired.service,
            release: Some(release),
        };
        for check in verification::environment(&subject, Some(target)) {
            // A finding that several services share is shown once.
            let is_new = shown.insert((check.id, check.message.clone()));
            match check.status {
                Status::Ok => passed += 1,
                Status::Warn if is_new => report.warn(format!("{}: {}", check.id, check.message)),
                Status::Fail if is_new => failed.push(check),
                _ => {}
            }
        }
    }
    report.detail(format!("{passed} rules hold, {} do not", failed.len()));
    if failed.is_empty() {
        return Ok(());
    }
    let message = failed.iter().map(|check| format!("{}: {}", check.id, check.message)).collect::<Vec<_>>().join("\n");
    let hints = failed.iter().filter_map(|check| check.hint.clone());
    Err(hints.fold(Failure::refused(message), Failure::hint).into())
}

/// Requests confirmation before a protected environment is changed, where standard input is a terminal.
///
/// # Errors
/// Refused (3) where the answer is no.
pub(super) fn confirm(request: &Request, environment: &Environment) -> anyhow::Result<()> {
    if !environment.protected || request.yes || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "This changes `{}`, which is protected. Continue? [y/N] ", environment.name);
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::refused("nothing was changed, as you answered").into()),
    }
}

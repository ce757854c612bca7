//! Execution of the plan: revisions, release phases, then one service after another. A service runs its previous
//! revision until its rollout is complete. After a failed rollout, its policy decides about the services already moved.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::observe::{Part, Seen, SeenAll};
use super::report;
use crate::ecs::TaskDefinition;
use crate::ecs::diagnosis::CauseId;
use crate::ecs::record::{Outcome, Record, ReleaseSet};
use crate::ecs::rollout::Ours;
use crate::effects::aws::CallError;
use crate::effects::ecs;
use crate::effects::interrupt;
use crate::error::{Exit, Failure, exit_of, hints_of};
use crate::operations::closing::{self, Known};
use crate::operations::evidence;
use crate::operations::follow;
use crate::operations::lease::Lease;
use crate::operations::one_off::{self, OneOff};
use crate::operations::revert::Revert;
use crate::operations::settle::{self, Move};
use crate::plan::deploy::{DeployPlan, ReleasePlan, RevisionStep, ServiceStep, primary, short};
use crate::project::OnFailure;
use crate::release::Release;
use crate::report::Report;
use crate::report::rollout::RolloutView;

/// One execution of the plan.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) parts: &'a [Part],
    pub(super) seen: &'a SeenAll,
    pub(super) plan: &'a ReleasePlan,
    pub(super) release: &'a Release,
    pub(super) report: &'a Report,
    pub(super) limit: Duration,
}

/// One service of the execution.
#[derive(Clone, Copy)]
struct One<'a> {
    run: Run<'a>,
    part: &'a Part,
    seen: &'a Seen,
    plan: &'a DeployPlan,
}

/// Registers every revision, runs every release phase, and moves one service after another.
pub(super) fn apply(run: &Run<'_>, lease: &mut Lease, known: &mut Known) -> anyhow::Result<()> {
    let services = run.parts.iter().zip(&run.seen.services).zip(&run.plan.services);
    let services = services.map(|((part, seen), (_, plan))| One { run: *run, part, seen, plan });
    let services: Vec<One<'_>> = services.collect();
    let mut revisions = Vec::new();
    for one in &services {
        let revision = one.revision(known)?;
        one.know(&revision, known);
        revisions.push(revision);
    }
    known.timing.mark("register");
    for (one, revision) in services.iter().zip(&revisions) {
        if let Some(command) = &one.plan.phase {
            interrupt::check()?;
            one.phase(revision, command, lease, known)?;
            known.timing.mark("release");
        }
    }
    let mut moved: Vec<One<'_>> = Vec::new();
    for (one, revision) in services.iter().zip(&revisions) {
        if one.plan.service == ServiceStep::Keep {
            continue;
        }
        interrupt::check()?;
        if let Err(error) = one.roll_out(revision, lease, known) {
            return Err(one.failed(error, &moved, &revisions, lease, known));
        }
        known.service_is(one.part.name(), "deployed");
        known.timing.mark("rollout");
        moved.push(*one);
    }
    let set = set(run, &revisions);
    for (one, revision) in services.iter().zip(&revisions).filter(|(one, _)| !one.plan.is_empty()) {
        settle::verify_and_record(&one.moved(revision), set.as_ref(), known)?;
        known.service_is(one.part.name(), "deployed");
    }
    Ok(())
}

/// Returns the set of revisions that serve together after this release; `None` where the project has one service.
fn set(run: &Run<'_>, revisions: &[String]) -> Option<ReleaseSet> {
    let deployed = run.parts.iter().map(Part::name).zip(revisions.iter().map(String::as_str));
    let others = run.seen.others.iter().map(|(name, revision)| (name.as_str(), revision.arn.as_str()));
    let all: BTreeMap<String, String> =
        deployed.chain(others).map(|(name, arn)| (name.to_owned(), short(arn).to_owned())).collect();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let is_several = run.parts.first().is_some_and(|part| part.target.settings.project.services.len() > 1);
    is_several.then(|| ReleaseSet { release: run.plan.release.to_string(), at, revisions: all })
}

impl One<'_> {
    fn moved<'a>(&'a self, revision: &'a str) -> Move<'a> {
        Move {
            target: &self.part.target,
            revision,
            definition: &self.part.desired.definition,
            release: self.part.desired.release.as_str(),
            group: self.part.group.as_ref(),
            url: self.part.url.as_deref(),
            before: self.seen.running.as_ref().map(|running| running.arn.as_str()),
            limit: self.run.limit,
            report: self.run.report,
        }
    }

    /// Records the revision that the service runs or is moving to.
    fn know(&self, revision: &str, known: &mut Known) {
        let name = self.part.name();
        known.services.entry(name.to_owned()).or_default().task_definition = Some(revision.to_owned());
        if !self.plan.is_empty() {
            known.service_is(name, "not-moved");
        }
        if report::is_leading(self.run.parts, self.part) {
            known.task_definition = Some(revision.to_owned());
        }
    }

    /// Updates the service and follows the deployment until its outcome is known.
    fn roll_out(&self, revision: &str, lease: &mut Lease, known: &mut Known) -> anyhow::Result<()> {
        let target = &self.part.target;
        let mut ours = self.service(revision, known)?;
        let mut view = RolloutView::new(*self.run.report, short(revision));
        self.seen.service.iter().for_each(|service| view.know(service));
        let before = target.aws.calls().total;
        let followed = follow::follow(target, &mut ours, self.run.limit, &mut view, || lease.keep());
        known.following = Some(known.following.unwrap_or_default() + target.aws.calls().total - before);
        view.finish();
        settle::rollout(&self.moved(revision), &ours, &followed?, known)
    }

    /// Completes a release whose service failed. Its policy decides whether the services already moved are rolled back.
    fn failed(
        &self,
        error: anyhow::Error,
        moved: &[One<'_>],
        revisions: &[String],
        lease: &mut Lease,
        known: &mut Known,
    ) -> anyhow::Error {
        let exit = exit_of(&error);
        let is_final = matches!(exit, Exit::Failed | Exit::RolledBack);
        known.service_is(self.part.name(), if exit == Exit::RolledBack { "rolled-back" } else { "failed" });
        let policy = self.part.target.settings.service().map(|service| service.on_failure);
        if !is_final || moved.is_empty() || policy == Some(OnFailure::KeepOthers) {
            return error;
        }
        // The recorded cause refers to the service that failed.
        let cause = known.cause.take();
        let mut lines = Vec::new();
        for one in moved.iter().rev() {
            let revision = revisions.iter().zip(self.run.parts).find(|(_, part)| part.name() == one.part.name());
            let revision = revision.map(|(revision, _)| revision.as_str()).unwrap_or_default();
            lines.push(match one.go_back(revision, lease, known) {
                Ok(line) => line,
                Err(error) => format!("`{}` could not go back: {error:#}", one.part.name()),
            });
        }
        known.cause = cause;
        let failure = Failure::new(Exit::RolledBack, format!("{error:#}\n{}", lines.join("\n")));
        hints_of(&error).iter().fold(failure, |failure, hint| failure.hint(hint.clone())).into()
    }

    /// Rolls the service back to its previous revision and verifies that one. Returns a description of what was done.
    fn go_back(&self, revision: &str, lease: &mut Lease, known: &mut Known) -> anyhow::Result<String> {
        let name = self.part.name();
        let (Some(before), Some(service)) = (&self.seen.running, &self.seen.service) else {
            return Ok(format!("`{name}` was created by this release and has no revision to go back to"));
        };
        self.run.report.step(format!("rolling `{name}` back to {}", before.short()));
        let definition = TaskDefinition::from_document(before.document.clone())?;
        let record = Record::from_tags(&before.tags).map(|record| record.release).unwrap_or_default();
        let mut now = service.clone();
        now.task_definition = revision.to_owned();
        let revert = Revert {
            target: &self.part.target,
            service: &now,
            revision: before,
            definition: &definition,
            release: &record,
            group: self.part.group.as_ref(),
            url: self.part.url.as_deref(),
            limit: self.run.limit,
            report: self.run.report,
        };
        revert.apply(lease, known)?;
        settle::note_failure(&self.moved(revision));
        known.service_is(name, "rolled-back");
        settle::verify_and_record(&revert.moved(), None, known)?;
        Ok(format!("`{name}` was rolled back to {}", before.short()))
    }

    /// Returns the revision with the document's digest; registers it where it does not exist.
    fn revision(&self, known: &mut Known) -> anyhow::Result<String> {
        match &self.plan.revision {
            RevisionStep::Keep(arn) | RevisionStep::Reuse(arn) => Ok(arn.clone()),
            RevisionStep::Register => {
                let record = self.record();
                let document = self.part.desired.definition.document();
                let registered = ecs::register_task_definition(&self.part.target.aws, document, &record.tags());
                let registered = registered.map_err(|error| refused(self.part, error, known))?;
                self.run.report.step(format!("registered {registered}, release {}", self.part.desired.release));
                Ok(registered.arn)
            }
        }
    }

    fn record(&self) -> Record {
        let images = self.run.release.images.iter().map(|(name, built)| (name.to_string(), built.digest.to_string()));
        let dirty = if self.run.release.dirty { "-dirty" } else { "" };
        Record {
            release: self.part.desired.release.to_string(),
            commit: self.run.release.commit.as_ref().map(|commit| format!("{commit}{dirty}")),
            by: self.part.target.caller.clone(),
            outcome: Outcome::Registered,
            images: images.collect::<BTreeMap<_, _>>(),
            set: None,
        }
    }

    /// Runs the release phase once, from the revision that is about to serve. On failure the service remains unchanged.
    fn phase(&self, revision: &str, command: &[String], lease: &mut Lease, known: &mut Known) -> anyhow::Result<()> {
        let Some(wanted) = self.part.target.settings.release_phase() else { return Ok(()) };
        let words = command.join(" ");
        self.run.report.step(format!("release phase: `{words}` in {}", short(revision)));
        let inherited = one_off::inherited(self.part.desired.service.document());
        let one_off = OneOff {
            revision,
            definition: &self.part.desired.definition,
            container: wanted.container.as_str(),
            command,
            inherited: &inherited,
            limit: Duration::from_secs(wanted.timeout_seconds.into()),
        };
        let ended = one_off::run(&self.part.target, &one_off, |line| self.run.report.detail(line), || lease.keep())?;
        if ended.verdict.is_success() {
            return Ok(());
        }
        let facts = evidence::Known {
            definition: &self.part.desired.definition,
            service: None,
            group: None,
            tasks: std::slice::from_ref(&ended.task),
            deployment: None,
            since: None,
            release_phase: Some(wanted.container.as_str()),
        };
        let cause = evidence::cause(&self.part.target, &facts);
        closing::cause(self.run.report, &cause);
        let failure = cause.next.iter().fold(Failure::failed(cause.message.clone()), Failure::hint);
        known.cause = Some(cause);
        settle::note_failure(&self.moved(revision));
        Err(failure.hint("the service is untouched: the release before goes on serving").into())
    }

    /// Requests the deployment from ECS, or adopts the one in progress.
    fn service(&self, revision: &str, known: &mut Known) -> anyhow::Result<Ours> {
        let report = self.run.report;
        let mut document = match self.plan.service {
            ServiceStep::Create => self.part.desired.service.document().clone(),
            _ => self.part.desired.service.update(),
        };
        document.insert("taskDefinition".to_owned(), revision.into());
        let answer = match &self.plan.service {
            ServiceStep::Keep => {
                ecs::describe_service(&self.part.target.aws, self.part.target.cluster(), self.part.target.service())?
            }
            ServiceStep::Create => {
                report.step(format!("creating the service `{}`", self.part.target.service()));
                Some(
                    ecs::create_service(&self.part.target.aws, &document)
                        .map_err(|error| refused(self.part, error, known))?,
                )
            }
            ServiceStep::Update => {
                report.step(format!("updating the service `{}` to {}", self.part.target.service(), short(revision)));
                if let Some(other) = self.seen.service.as_ref().and_then(under_way) {
                    report.warn(format!("the deployment {other} was under way and is superseded by this one"));
                }
                if self.seen.forces_deployment() {
                    document.insert("forceNewDeployment".to_owned(), true.into());
                }
                if let Some(service) = self.seen.service.as_ref().filter(|_| self.seen.tags_differ()) {
                    ecs::tag_resource(
                        &self.part.target.aws,
                        &service.service_arn,
                        &self.part.desired.service.view().tags,
                    )?;
                }
                Some(
                    ecs::update_service(&self.part.target.aws, &document)
                        .map_err(|error| refused(self.part, error, known))?,
                )
            }
            ServiceStep::Again(why) => {
                report.step(format!("deploying {} again: {why}", short(revision)));
                document.insert("forceNewDeployment".to_owned(), true.into());
                Some(
                    ecs::update_service(&self.part.target.aws, &document)
                        .map_err(|error| refused(self.part, error, known))?,
                )
            }
            ServiceStep::Follow(id) => {
                report.step(format!("following the deployment {id} of {}", short(revision)));
                ecs::describe_service(&self.part.target.aws, self.part.target.cluster(), self.part.target.service())?
            }
        };
        let service = answer.unwrap_or_default();
        let deployment = primary(&service).filter(|deployment| deployment.task_definition == revision);
        let deployment = deployment.ok_or_else(|| {
            Failure::failed(format!(
                "ECS did not begin a deployment of {} for `{}`",
                short(revision),
                self.part.target.service()
            ))
            .hint(self.part.target.command("status"))
        })?;
        Ok(Ours::of(deployment, service.current_service_deployment.clone()))
    }
}

/// Returns the error of a failed AWS call. Records the cause where AWS refused the call.
fn refused(part: &Part, error: CallError, known: &mut Known) -> anyhow::Error {
    let Some(message) = error.message() else { return error.into() };
    let cause = evidence::cause_of_refusal(&part.target, &part.desired.definition, message);
    if cause.id == CauseId::Unknown {
        return error.into();
    }
    let failure = Failure::failed(format!("{error}\n{}", cause.message));
    let failure = cause.next.iter().fold(failure, Failure::hint);
    known.cause = Some(cause);
    failure.into()
}

fn under_way(service: &crate::ecs::Service) -> Option<String> {
    let state = crate::ecs::RolloutState::InProgress;
    primary(service).filter(|deployment| deployment.rollout_state == state).map(|deployment| deployment.id.clone())
}

//! The plan carried out: revision, release phase, service, rollout. Whenever it ends, one release serves: the one before
//! until the rollout is complete, the new one from then on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::observe::{Desired, Seen};
use crate::ecs::TargetGroup;
use crate::ecs::diagnosis::CauseId;
use crate::ecs::record::{Outcome, Record};
use crate::ecs::rollout::Ours;
use crate::effects::aws::CallError;
use crate::effects::ecs;
use crate::effects::interrupt;
use crate::error::Failure;
use crate::operations::closing::{self, Known};
use crate::operations::evidence;
use crate::operations::follow;
use crate::operations::lease::Lease;
use crate::operations::one_off::{self, OneOff};
use crate::operations::settle::{self, Move};
use crate::operations::target::Target;
use crate::plan::deploy::{DeployPlan, RevisionStep, ServiceStep, primary, short};
use crate::release::Release;
use crate::report::Report;
use crate::report::rollout::RolloutView;

/// One run of the plan.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) desired: &'a Desired,
    pub(super) seen: &'a Seen,
    pub(super) release: &'a Release,
    pub(super) group: Option<&'a TargetGroup>,
    pub(super) report: &'a Report,
    pub(super) limit: Duration,
}

pub(super) fn apply(run: &mut Run<'_>, plan: &DeployPlan, lease: &mut Lease, known: &mut Known) -> anyhow::Result<()> {
    let revision = revision(run, plan, known)?;
    known.task_definition = Some(revision.clone());
    known.timing.mark("register");
    if let Some(command) = &plan.phase {
        interrupt::check()?;
        phase(run, &revision, command, lease, known)?;
        known.timing.mark("release");
    }
    if plan.service != ServiceStep::Keep {
        interrupt::check()?;
        let mut ours = service(run, plan, &revision, known)?;
        let mut view = RolloutView::new(*run.report, short(&revision));
        run.seen.service.iter().for_each(|service| view.know(service));
        let before = run.target.aws.calls().total;
        let followed = follow::follow(run.target, &mut ours, run.limit, &mut view, || lease.keep());
        known.following = Some(run.target.aws.calls().total - before);
        view.finish();
        known.timing.mark("rollout");
        settle::rollout(&moved(run, &revision), &ours, &followed?, known)?;
    }
    settle::verify_and_record(&moved(run, &revision), known)
}

fn moved<'a>(run: &Run<'a>, revision: &'a str) -> Move<'a> {
    Move {
        target: run.target,
        revision,
        definition: &run.desired.definition,
        release: run.desired.release.as_str(),
        group: run.group,
        before: run.seen.running.as_ref().map(|running| running.arn.as_str()),
        limit: run.limit,
        report: run.report,
    }
}

/// The revision, by digest: registered unless it is there.
fn revision(run: &Run<'_>, plan: &DeployPlan, known: &mut Known) -> anyhow::Result<String> {
    match &plan.revision {
        RevisionStep::Keep(arn) | RevisionStep::Reuse(arn) => Ok(arn.clone()),
        RevisionStep::Register => {
            let record = record(run);
            let document = run.desired.definition.document();
            let registered = ecs::register_task_definition(&run.target.aws, document, &record.tags());
            let registered = registered.map_err(|error| refused(run, error, known))?;
            run.report.step(format!("registered {registered}, release {}", run.desired.release));
            Ok(registered.arn)
        }
    }
}

fn record(run: &Run<'_>) -> Record {
    let images = run.release.images.iter().map(|(name, built)| (name.to_string(), built.digest.to_string()));
    let dirty = if run.release.dirty { "-dirty" } else { "" };
    Record {
        release: run.desired.release.to_string(),
        commit: run.release.commit.as_ref().map(|commit| format!("{commit}{dirty}")),
        by: run.target.caller.clone(),
        outcome: Outcome::Registered,
        images: images.collect::<BTreeMap<_, _>>(),
    }
}

/// The release phase: once, from the very revision that is about to serve. The service is untouched where it fails.
fn phase(
    run: &Run<'_>,
    revision: &str,
    command: &[String],
    lease: &mut Lease,
    known: &mut Known,
) -> anyhow::Result<()> {
    let Some(wanted) = run.target.settings.release_phase() else { return Ok(()) };
    let words = command.join(" ");
    run.report.step(format!("release phase: `{words}` in {}", short(revision)));
    let inherited = one_off::inherited(run.desired.service.document());
    let one_off = OneOff {
        revision,
        definition: &run.desired.definition,
        container: wanted.container.as_str(),
        command,
        inherited: &inherited,
        limit: Duration::from_secs(wanted.timeout_seconds.into()),
    };
    let ended = one_off::run(run.target, &one_off, |line| run.report.detail(line), || lease.keep())?;
    if ended.verdict.is_success() {
        return Ok(());
    }
    let facts = evidence::Known {
        definition: &run.desired.definition,
        service: None,
        group: None,
        tasks: std::slice::from_ref(&ended.task),
        deployment: None,
        since: None,
        release_phase: Some(wanted.container.as_str()),
    };
    let cause = evidence::cause(run.target, &facts);
    closing::cause(run.report, &cause);
    let failure = cause.next.iter().fold(Failure::failed(cause.message.clone()), Failure::hint);
    known.cause = Some(cause);
    settle::note_failure(&moved(run, revision));
    Err(failure.hint("the service is untouched: the release before goes on serving").into())
}

/// Asks ECS for the move, or finds the one that is under way.
fn service(run: &Run<'_>, plan: &DeployPlan, revision: &str, known: &mut Known) -> anyhow::Result<Ours> {
    let report = run.report;
    let mut document = match plan.service {
        ServiceStep::Create => run.desired.service.document().clone(),
        _ => run.desired.service.update(),
    };
    document.insert("taskDefinition".to_owned(), revision.into());
    let answer = match &plan.service {
        ServiceStep::Keep => ecs::describe_service(&run.target.aws, run.target.cluster(), run.target.service())?,
        ServiceStep::Create => {
            report.step(format!("creating the service `{}`", run.target.service()));
            Some(ecs::create_service(&run.target.aws, &document).map_err(|error| refused(run, error, known))?)
        }
        ServiceStep::Update => {
            report.step(format!("updating the service `{}` to {}", run.target.service(), short(revision)));
            if let Some(other) = run.seen.service.as_ref().and_then(under_way) {
                report.warn(format!("the deployment {other} was under way and is superseded by this one"));
            }
            if run.seen.forces_deployment() {
                document.insert("forceNewDeployment".to_owned(), true.into());
            }
            if let Some(service) = run.seen.service.as_ref().filter(|_| run.seen.tags_differ()) {
                ecs::tag_resource(&run.target.aws, &service.service_arn, &run.desired.service.view().tags)?;
            }
            Some(ecs::update_service(&run.target.aws, &document).map_err(|error| refused(run, error, known))?)
        }
        ServiceStep::Again(why) => {
            report.step(format!("deploying {} again: {why}", short(revision)));
            document.insert("forceNewDeployment".to_owned(), true.into());
            Some(ecs::update_service(&run.target.aws, &document).map_err(|error| refused(run, error, known))?)
        }
        ServiceStep::Follow(id) => {
            report.step(format!("following the deployment {id} of {}", short(revision)));
            ecs::describe_service(&run.target.aws, run.target.cluster(), run.target.service())?
        }
    };
    let service = answer.unwrap_or_default();
    let deployment = primary(&service).filter(|deployment| deployment.task_definition == revision);
    let deployment = deployment.ok_or_else(|| {
        Failure::failed(format!("ECS did not begin a deployment of {} for `{}`", short(revision), run.target.service()))
            .hint(run.target.command("status"))
    })?;
    Ok(Ours::of(deployment, service.current_service_deployment.clone()))
}

/// A call that AWS refused, with its cause where AWS said no.
fn refused(run: &Run<'_>, error: CallError, known: &mut Known) -> anyhow::Error {
    let Some(message) = error.message() else { return error.into() };
    let cause = evidence::cause_of_refusal(run.target, &run.desired.definition, message);
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

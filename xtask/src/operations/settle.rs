//! The end of a rollout: its consequences for the caller, and its record.

use std::time::Duration;

use super::closing::{self, Known};
use super::evidence;
use super::follow::{End, Followed};
use super::target::Target;
use crate::checks::{Check, Status};
use crate::ecs::record::{Outcome, ReleaseSet, outcome_tag};
use crate::ecs::rollout::{Ours, Verdict};
use crate::ecs::{TargetGroup, TaskDefinition};
use crate::effects::ecs;
use crate::error::{Exit, Failure};
use crate::operations::verification;
use crate::plan::deploy::short;
use crate::report::Report;

/// A deployment of a revision to a service.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Environment and service.
    pub target: &'a Target,
    /// ARN of the revision.
    pub revision: &'a str,
    /// The revision as a document.
    pub definition: &'a TaskDefinition,
    /// Id of the release.
    pub release: &'a str,
    /// Target group in which its tasks are registered, if any.
    pub group: Option<&'a TargetGroup>,
    /// URL of the service's load balancer.
    pub url: Option<&'a str>,
    /// ARN of the previous revision.
    pub before: Option<&'a str>,
    /// Time limit of the rollout.
    pub limit: Duration,
    /// Report that receives the output.
    pub report: &'a Report,
}

/// Returns `Ok` if the rollout is complete, otherwise the error of its end, with evidence.
pub fn rollout(run: &Move<'_>, ours: &Ours, followed: &Followed, known: &mut Known) -> anyhow::Result<()> {
    known.lag = followed.lag;
    let status = run.target.command("status");
    let exit = match &followed.end {
        End::Verdict(Verdict::Completed) => return Ok(()),
        End::Interrupted => {
            let meanwhile = match run.before {
                Some(before) => format!(", and {} serves until that is healthy", short(before)),
                None => String::new(),
            };
            let revision = short(run.revision);
            return Err(Failure::interrupted(format!("interrupted: ECS goes on with {revision}{meanwhile}"))
                .hint(format!("`{}` shows how it goes; the next `{}` follows it", status, run.target.command("deploy")))
                .into());
        }
        End::Verdict(verdict @ Verdict::Superseded { .. }) => {
            let text = format!("{} {verdict}: somebody else deployed meanwhile", short(run.revision));
            return Err(Failure::new(Exit::Superseded, text).hint(status).into());
        }
        End::TimedOut => Exit::TimedOut,
        End::Verdict(Verdict::RolledBack { .. }) => Exit::RolledBack,
        End::Verdict(_) => Exit::Failed,
    };
    let facts = evidence::Known {
        definition: run.definition,
        service: Some(&followed.service),
        group: run.group,
        tasks: &followed.stopped,
        deployment: Some(&ours.deployment_id),
        since: Some(ours.began),
        release_phase: None,
    };
    let cause = evidence::cause(run.target, &facts);
    closing::cause(run.report, &cause);
    let ending = match &followed.end {
        End::TimedOut => format!(
            "{} had no verdict within {} s; ECS goes on, and the release before serves",
            short(run.revision),
            run.limit.as_secs()
        ),
        End::Verdict(verdict) => format!("{} {verdict}", short(run.revision)),
        End::Interrupted => String::new(),
    };
    let failure = Failure::new(exit, format!("{}\n{ending}", cause.message));
    let failure = cause.next.iter().fold(failure, Failure::hint).hint(status);
    known.cause = Some(cause);
    if exit != Exit::TimedOut {
        note_failure(run);
    }
    Err(failure.into())
}

/// Verifies the service and records the result. A failed check does not undo the deployment, but excludes the release
/// from rollbacks. `set` is the release of several services that is recorded on the revision.
pub fn verify_and_record(run: &Move<'_>, set: Option<&ReleaseSet>, known: &mut Known) -> anyhow::Result<()> {
    run.report.step("verifying what serves");
    let subject = verification::Served {
        settings: &run.target.settings,
        definition: run.definition,
        revision: run.revision,
        release: run.release,
        group: run.group,
        url: run.url,
    };
    let checks = verification::service(&subject, run.target);
    for check in &checks {
        closing::check(run.report, check);
    }
    known.timing.mark("verify");
    let failed: Vec<&Check> = checks.iter().filter(|check| check.status == Status::Fail).collect();
    let outcome = if failed.is_empty() { Outcome::Verified } else { Outcome::Unverified };
    let mut tags = outcome_tag(outcome);
    tags.extend(set.iter().flat_map(|set| set.tags()));
    ecs::tag_resource(&run.target.aws, run.revision, &tags)?;
    known.timing.mark("record");
    if failed.is_empty() {
        return Ok(());
    }
    let message = failed.iter().map(|check| format!("{}: {}", check.id, check.message)).collect::<Vec<_>>().join("\n");
    let text = format!("{} serves, and does not pass:\n{message}", short(run.revision));
    let hints = failed.iter().filter_map(|check| check.hint.clone());
    let failure = hints.fold(Failure::failed(text), Failure::hint);
    Err(failure.hint(format!("back to the last verified release: {}", run.target.command("rollback"))).into())
}

/// Records the failure, unless the revision was already in service. Best effort: an error here is a warning only.
pub fn note_failure(run: &Move<'_>) {
    if run.before != Some(run.revision)
        && let Err(error) = ecs::tag_resource(&run.target.aws, run.revision, &outcome_tag(Outcome::Failed))
    {
        run.report.warn(format!("that it failed could not be written down: {error:#}"));
    }
}

//! How a rollout ended, what that means for the caller, and the record of it.

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

/// A move of a service to a revision.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    /// Where.
    pub target: &'a Target,
    /// ARN of the revision.
    pub revision: &'a str,
    /// The same as a document.
    pub definition: &'a TaskDefinition,
    /// The release's id.
    pub release: &'a str,
    /// Where its tasks are registered, if anywhere.
    pub group: Option<&'a TargetGroup>,
    /// Where the load balancer of the service answers.
    pub url: Option<&'a str>,
    /// ARN of the revision before.
    pub before: Option<&'a str>,
    /// How long the rollout may take.
    pub limit: Duration,
    /// Where words go.
    pub report: &'a Report,
}

/// Goes on where the rollout is complete; everything else is an end of its own kind, with evidence.
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

/// Proves what serves and writes it down. A check that fails does not undo the deployment: the release is not recorded as
/// one to roll back to. `set` is the release of several services that the revision is recorded in.
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

/// Writes down that it failed, unless the release had been in service before. Best effort: the failure itself is what the user is to hear of.
pub fn note_failure(run: &Move<'_>) {
    if run.before != Some(run.revision)
        && let Err(error) = ecs::tag_resource(&run.target.aws, run.revision, &outcome_tag(Outcome::Failed))
    {
        run.report.warn(format!("that it failed could not be written down: {error:#}"));
    }
}

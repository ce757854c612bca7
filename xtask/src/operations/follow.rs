//! Follows our own deployment to its verdict. Polls ECS, reports observations, and stops a deployment early that cannot
//! succeed. Not here: meaning of an observation (`ecs::rollout`), output (`report::rollout`).

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::target::Target;
use crate::ecs::diagnosis::{CauseId, permanent_failure};
use crate::ecs::rollout::{self, Next, Ours, Pace, Progress, Verdict};
use crate::ecs::{Service, ServiceDeployment, Task};
use crate::effects::aws::Aws;
use crate::effects::ecs::{self, Stop};
use crate::effects::interrupt;
use crate::report::rollout::RolloutView;

/// Interval of checks for an interrupt, also during a wait.
const TICK: Duration = Duration::from_millis(50);

/// End of following a deployment.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The deployment has a final verdict.
    Verdict(Verdict),
    /// The time limit passed. The deployment continues.
    TimedOut,
    /// The user interrupted. The deployment continues.
    Interrupted,
}

/// A deployment that was followed.
#[derive(Clone, Debug)]
pub struct Followed {
    /// End of following it.
    pub end: End,
    /// The service, as last observed.
    pub service: Service,
    /// Stopped tasks of the deployment: ECS keeps them for a limited time.
    pub stopped: Vec<Task>,
    /// The permanent failure for which the deployment was stopped.
    pub permanent: Option<CauseId>,
    /// Seconds from the last change of the rollout state, by AWS's clock, to the verdict, by this machine's clock.
    pub lag: Option<f64>,
}

/// Follows the deployment. `tick` is called at each poll.
///
/// # Errors
/// Returns AWS's error if polling fails permanently. The deployment continues.
pub fn follow(
    target: &Target,
    ours: &mut Ours,
    limit: Duration,
    view: &mut RolloutView,
    mut tick: impl FnMut(),
) -> anyhow::Result<Followed> {
    // `wait` checks for interrupts. A poll that has started completes, so that there is only one exit.
    let aws = target.aws.in_spite_of_interrupts();
    let mut pace = Pace::new(target.environment().is_local());
    let mut seen =
        Followed { end: End::TimedOut, service: Service::default(), stopped: Vec::new(), permanent: None, lag: None };
    let begun = Instant::now();
    let mut next = pace.first();
    let mut record = None;
    loop {
        let waited = Instant::now();
        if !wait(&next) {
            return Ok(Followed { end: End::Interrupted, ..seen });
        }
        if next.calls.service {
            // A deleted service is evaluated as an inactive one.
            seen.service = ecs::describe_service(&aws, target.cluster(), target.service())?.unwrap_or_else(gone);
        }
        if next.calls.record {
            record = record_of(&aws, target, ours)?;
        }
        let mut look = rollout::verdict(ours, &seen.service, record.as_ref());
        if look.needs_record && !next.calls.record {
            record = record_of(&aws, target, ours)?;
            look = rollout::verdict(ours, &seen.service, record.as_ref());
        }
        if look.needs_record && record.is_none() {
            look.verdict = rollout::unrecorded(ours, &seen.service).unwrap_or(look.verdict);
        }
        view.service(&seen.service, &look.verdict);
        // A new desired count is no deployment of its own: ECS reports completion before the tasks run.
        let is_short = seen.service.running_count < seen.service.desired_count;
        if look.verdict == Verdict::Completed && is_short {
            look.verdict = Verdict::InProgress(Progress::default());
        }
        if look.verdict.is_final() {
            seen.lag = lag(ours, &seen.service, record.as_ref());
            return Ok(Followed { end: End::Verdict(look.verdict), ..seen });
        }
        tick();
        if next.calls.tasks {
            look_at_tasks(&aws, target, ours, &mut seen, view)?;
        }
        if begun.elapsed() > limit {
            return Ok(seen);
        }
        next = pace.next(u64::try_from(waited.elapsed().as_millis()).unwrap_or(u64::MAX), &look);
    }
}

/// Waits until the next poll. Returns `false` after an interrupt.
fn wait(next: &Next) -> bool {
    let until = Instant::now() + Duration::from_millis(next.wait_ms);
    while Instant::now() < until {
        if interrupt::requested() {
            return false;
        }
        thread::sleep(TICK.min(until.saturating_duration_since(Instant::now())));
    }
    !interrupt::requested()
}

fn gone() -> Service {
    Service { status: "INACTIVE".to_owned(), ..Service::default() }
}

/// Polls the tasks of the deployment, keeps the stopped ones, and stops the deployment at a permanent failure.
fn look_at_tasks(
    aws: &Aws,
    target: &Target,
    ours: &mut Ours,
    seen: &mut Followed,
    view: &mut RolloutView,
) -> anyhow::Result<()> {
    let ids = rollout::started_tasks(&seen.service, ours.began);
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let tasks = ecs::describe_tasks(aws, target.cluster(), &ids)?;
    let ours_alone = |task: &Task| task.started_by.as_deref() == Some(ours.deployment_id.as_str());
    let tasks: Vec<Task> = tasks.into_iter().filter(ours_alone).collect();
    view.tasks(&tasks);
    for task in tasks.into_iter().filter(Task::is_stopped) {
        if seen.stopped.iter().any(|known| known.task_arn == task.task_arn) {
            continue;
        }
        if seen.permanent.is_none() {
            seen.permanent = permanent_failure(&task, &seen.stopped);
            if seen.permanent.is_some() {
                view.permanent_failure(&task);
                end_early(aws, target, ours)?;
            }
        }
        seen.stopped.push(task);
    }
    Ok(())
}

/// Returns the seconds since the last change of the rollout state. It compares AWS's clock with this machine's.
fn lag(ours: &Ours, service: &Service, record: Option<&ServiceDeployment>) -> Option<f64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    let deployment = service.deployments.iter().find(|deployment| deployment.id == ours.deployment_id);
    let of_record = record.map(|record| record.finished_at.unwrap_or(record.updated_at));
    let changed = of_record.or_else(|| deployment.map(|deployment| deployment.updated_at))?;
    Some(((now - changed.0) * 1000.0).round() / 1000.0)
}

/// Returns the record of our deployment: the oldest one not older than the deployment. Its ARN is kept.
fn record_of(aws: &Aws, target: &Target, ours: &mut Ours) -> anyhow::Result<Option<ServiceDeployment>> {
    if ours.service_deployment_arn.is_none() {
        let records = ecs::list_service_deployments(aws, target.cluster(), target.service())?;
        let not_older = records.into_iter().filter(|record| record.created_at >= ours.began);
        let oldest = not_older.min_by(|one, other| one.created_at.0.total_cmp(&other.created_at.0));
        ours.service_deployment_arn = oldest.map(|record| record.service_deployment_arn);
    }
    match &ours.service_deployment_arn {
        Some(arn) => Ok(ecs::describe_service_deployment(aws, arn)?),
        None => Ok(None),
    }
}

/// Stops the deployment and requests a rollback: the failure is permanent.
fn end_early(aws: &Aws, target: &Target, ours: &mut Ours) -> anyhow::Result<()> {
    record_of(aws, target, ours)?;
    if let Some(arn) = &ours.service_deployment_arn {
        // ECS rejects the call during a rollback, or without a revision to roll back to: the deployment continues.
        let _ = ecs::stop_service_deployment(aws, arn, Stop::Rollback);
    }
    Ok(())
}

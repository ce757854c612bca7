//! What has become of our own deployment, from what ECS answers about its service: never of the service as such, which also
//! looks well when another revision serves. The record of the deployment settles what the service no longer shows. Not here:
//! when the next look is due (`pace`), why tasks failed (`diagnosis`), calls.

mod pace;
#[cfg(test)]
mod peers;

pub use pace::{Calls, Next, Pace};

use std::fmt;

use super::{Deployment, RolloutState, Service, ServiceDeployment, ServiceDeploymentStatus, Timestamp};

/// The deployment that this run requested.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ours {
    /// `ecs-svc/<number>`.
    pub deployment_id: String,
    /// ARN of the revision that it brings.
    pub revision_arn: String,
    /// ARN of its record, where it was found out.
    pub service_deployment_arn: Option<String>,
    /// `createdAt` of the deployment: AWS's clock, not ours.
    pub began: Timestamp,
}

impl Ours {
    /// The deployment that an answer has shown.
    pub fn of(deployment: &Deployment, record: Option<String>) -> Ours {
        Ours {
            deployment_id: deployment.id.clone(),
            revision_arn: deployment.task_definition.clone(),
            service_deployment_arn: record,
            began: deployment.created_at,
        }
    }

    /// Whether a record is that of our deployment. Without its ARN, a record from before our deployment is somebody else's
    /// for sure; ECS makes record and deployment in one go, whole seconds are allowed for the rounding of either.
    fn owns(&self, record: &ServiceDeployment) -> bool {
        match &self.service_deployment_arn {
            Some(arn) => *arn == record.service_deployment_arn,
            None => record.created_at.0 >= self.began.0 - 1.0,
        }
    }
}

/// What has become of our deployment.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is in progress, or its state is unknown.
    InProgress(Progress),
    /// All tasks are ours and healthy.
    Completed,
    /// The release before it serves again.
    RolledBack {
        /// In ECS's words.
        reason: String,
        /// ARN of the revision that serves now.
        to: Option<String>,
    },
    /// It was given up, and nothing was rolled back.
    Failed {
        /// In ECS's words.
        reason: String,
    },
    /// A newer deployment took its place.
    Superseded {
        /// Id of the newer deployment, while the service still shows it.
        by: Option<String>,
        /// ARN of the revision that it brings.
        task_definition: Option<String>,
    },
    /// The service was deleted.
    Gone,
}

impl Verdict {
    /// A word, for scripts.
    pub fn as_str(&self) -> &'static str {
        match self {
            Verdict::InProgress(Progress { rollback: Some(_), .. }) => "rolling-back",
            Verdict::InProgress(_) => "in-progress",
            Verdict::Completed => "completed",
            Verdict::RolledBack { .. } => "rolled-back",
            Verdict::Failed { .. } => "failed",
            Verdict::Superseded { .. } => "superseded",
            Verdict::Gone => "gone",
        }
    }

    /// Whether looking again is of no use.
    pub fn is_final(&self) -> bool {
        !matches!(self, Verdict::InProgress(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_owned();
        match self {
            Verdict::InProgress(_) => write!(f, "is under way"),
            Verdict::Completed => write!(f, "serves"),
            Verdict::RolledBack { reason, to: Some(to) } => write!(f, "was rolled back to {}: {reason}", short(to)),
            Verdict::RolledBack { reason, to: None } => write!(f, "was rolled back: {reason}"),
            Verdict::Failed { reason } => write!(f, "failed: {reason}"),
            Verdict::Superseded { task_definition: Some(other), .. } => write!(f, "was superseded by {}", short(other)),
            Verdict::Superseded { .. } => write!(f, "was superseded by a newer deployment"),
            Verdict::Gone => write!(f, "is gone: the service was deleted"),
        }
    }
}

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Tasks that it should have.
    pub desired: u32,
    /// Tasks of it that run.
    pub running: u32,
    /// Tasks of it that are being started.
    pub pending: u32,
    /// Tasks of it that failed, in a row.
    pub failed: u32,
    /// How many failures end it, where the record has it.
    pub threshold: Option<u32>,
    /// Tasks of other deployments that run or start.
    pub others: u32,
    /// Present once it is lost: the way back has begun.
    pub rollback: Option<RollbackStarted>,
    /// What is not understood or being waited for, for people.
    pub note: Option<String>,
}

/// Our deployment is lost, its end is waited for so that what is said of the old release is true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RollbackStarted {
    /// In ECS's words.
    pub reason: String,
    /// ARN of the revision that is being gone back to.
    pub to: Option<String>,
    /// When it began, where the record has it.
    pub began: Option<Timestamp>,
}

/// What one look has shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// What has become of our deployment.
    pub verdict: Verdict,
    /// Whether the service alone does not tell: our deployment failed, is not `PRIMARY` or not listed any more. A service that
    /// was rolled back shows one completed deployment, the old one.
    pub needs_record: bool,
}

/// Judges our deployment. `record` may be missing or another deployment's, it is then passed over.
pub fn verdict(ours: &Ours, service: &Service, record: Option<&ServiceDeployment>) -> Look {
    let sight = Sight {
        ours,
        service,
        mine: service.deployments.iter().find(|deployment| deployment.id == ours.deployment_id),
        record: record.filter(|record| ours.owns(record)),
    };
    match sight.end() {
        Some(verdict) => Look { verdict, needs_record: false },
        None => Look { verdict: Verdict::InProgress(sight.progress()), needs_record: sight.needs_record() },
    }
}

/// What the service alone tells where there is no record: AWS has one of every deployment, other endpoints have none. That ours
/// has failed and an older one is complete in its place is a rollback; everything else stays open.
pub fn unrecorded(ours: &Ours, service: &Service) -> Option<Verdict> {
    let mine = service.deployments.iter().find(|deployment| deployment.id == ours.deployment_id)?;
    let is_older = |other: &&Deployment| other.status == "PRIMARY" && other.created_at < ours.began;
    let older = service.deployments.iter().find(is_older)?;
    let is_over = mine.rollout_state == RolloutState::Failed && older.rollout_state == RolloutState::Completed;
    let reason = mine.rollout_state_reason.clone();
    is_over.then(|| Verdict::RolledBack { reason, to: Some(older.task_definition.clone()) })
}

/// Ids of the tasks that the service's events report as started since `began`, the newest first: the input of `DescribeTasks`
/// without listing tasks first. Those of other deployments are among them. Source: the wording of AWS, "Amazon ECS service
/// event messages".
pub fn started_tasks(service: &Service, began: Timestamp) -> Vec<&str> {
    let since = service.events.iter().filter(|event| event.created_at >= began);
    let starts = since.filter_map(|event| Some(event.message.split_once(" has started ")?.1));
    let ids = starts.flat_map(|text| text.split("(task ").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)));
    ids.collect()
}

struct Sight<'a> {
    ours: &'a Ours,
    service: &'a Service,
    mine: Option<&'a Deployment>,
    record: Option<&'a ServiceDeployment>,
}

impl Sight<'_> {
    fn end(&self) -> Option<Verdict> {
        if matches!(self.service.status.as_str(), "DRAINING" | "INACTIVE") {
            return Some(Verdict::Gone);
        }
        // What the service shows of our very id is the newest there is. A record may be behind.
        if self.mine.is_some_and(|mine| mine.rollout_state == RolloutState::Completed && mine.status == "PRIMARY") {
            return Some(Verdict::Completed);
        }
        let record = self.record?;
        match record.status {
            ServiceDeploymentStatus::Successful => Some(Verdict::Completed),
            ServiceDeploymentStatus::RollbackSuccessful => {
                Some(Verdict::RolledBack { reason: self.reason(), to: self.destination() })
            }
            ServiceDeploymentStatus::RollbackFailed => Some(Verdict::Failed { reason: self.reason() }),
            ServiceDeploymentStatus::Stopped => self.stopped(record),
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::Unknown => None,
        }
    }

    /// Stopped by the circuit breaker, by a newer deployment or by somebody; ECS has one word for all of them.
    fn stopped(&self, record: &ServiceDeployment) -> Option<Verdict> {
        let is_live =
            self.mine.is_some_and(|mine| mine.status == "PRIMARY" && mine.rollout_state == RolloutState::InProgress);
        if is_live && self.ours.service_deployment_arn.is_none() {
            // The record is ours by its time alone, and what the service shows says otherwise.
            return None;
        }
        let tripped = record.deployment_circuit_breaker.as_ref().is_some_and(|breaker| breaker.status == "TRIGGERED");
        if tripped {
            return Some(Verdict::Failed { reason: self.reason() });
        }
        let is_newer = |other: &&Deployment| other.id != self.ours.deployment_id && other.created_at >= self.ours.began;
        let newer = self.service.deployments.iter().find(is_newer);
        let says_so = record.status_reason.as_ref().is_some_and(|reason| reason.contains("newer service deployment"));
        if newer.is_some() || says_so {
            let by = newer.map(|newer| newer.id.clone());
            return Some(Verdict::Superseded { by, task_definition: newer.map(|newer| newer.task_definition.clone()) });
        }
        Some(Verdict::Failed { reason: self.reason() })
    }

    fn needs_record(&self) -> bool {
        self.mine.is_none_or(|mine| mine.status != "PRIMARY" || mine.rollout_state != RolloutState::InProgress)
    }

    fn progress(&self) -> Progress {
        let tasks = |deployment: &Deployment| deployment.running_count + deployment.pending_count;
        let others = self.service.deployments.iter().filter(|other| other.id != self.ours.deployment_id);
        let breaker = self.record.and_then(|record| record.deployment_circuit_breaker.as_ref());
        let mut progress = Progress {
            desired: self.service.desired_count,
            others: others.map(tasks).sum(),
            threshold: breaker.map(|breaker| breaker.threshold).filter(|threshold| *threshold > 0),
            failed: breaker.map_or(0, |breaker| breaker.failure_count),
            rollback: self.rollback(),
            note: self.note(),
            ..Progress::default()
        };
        if let Some(mine) = self.mine {
            progress.desired = mine.desired_count;
            progress.running = mine.running_count;
            progress.pending = mine.pending_count;
            progress.failed = progress.failed.max(mine.failed_tasks);
        }
        progress
    }

    fn rollback(&self) -> Option<RollbackStarted> {
        let record = self.record.filter(|record| {
            matches!(
                record.status,
                ServiceDeploymentStatus::RollbackRequested | ServiceDeploymentStatus::RollbackInProgress
            )
        });
        let given_up = self.mine.is_some_and(|mine| mine.rollout_state == RolloutState::Failed);
        let goes_back = self.primary().is_some_and(|primary| primary.rollout_state_reason.contains("rolling back"));
        if record.is_none() && !(given_up && goes_back) {
            return None;
        }
        let began = record.and_then(|record| record.rollback.as_ref()?.started_at);
        Some(RollbackStarted { reason: self.reason(), to: self.destination(), began })
    }

    fn note(&self) -> Option<String> {
        let id = &self.ours.deployment_id;
        if self.record.is_some_and(|record| record.status == ServiceDeploymentStatus::Unknown) {
            return Some(format!("the record of `{id}` has a status that this version does not know"));
        }
        if self.record.is_some_and(|record| record.status == ServiceDeploymentStatus::StopRequested) {
            return Some(format!("somebody has asked ECS to stop `{id}`"));
        }
        match self.mine {
            None => Some(format!("the service does not list `{id}`, its record is being read")),
            Some(mine) => match mine.rollout_state {
                RolloutState::Unknown => Some(format!("`{id}` has a rollout state that this version does not know")),
                RolloutState::Absent => {
                    Some(format!("ECS tells no rollout state of `{id}`: something else controls its deployments"))
                }
                RolloutState::InProgress if mine.status != "PRIMARY" => {
                    Some(format!("`{id}` is being replaced, its record is being read"))
                }
                RolloutState::InProgress | RolloutState::Completed | RolloutState::Failed => None,
            },
        }
    }

    /// The `PRIMARY` deployment that is not ours.
    fn primary(&self) -> Option<&Deployment> {
        let others = |other: &&Deployment| other.id != self.ours.deployment_id && other.status == "PRIMARY";
        self.service.deployments.iter().find(others)
    }

    fn destination(&self) -> Option<String> {
        self.primary().map(|primary| primary.task_definition.clone())
    }

    /// ECS's words for why it is over, the most telling ones that there are.
    fn reason(&self) -> String {
        let record = self.record;
        let of_record = record.and_then(|record| record.status_reason.clone());
        let of_rollback = record.and_then(|record| record.rollback.as_ref()?.reason.clone());
        let of_mine = self.mine.map(|mine| mine.rollout_state_reason.clone());
        let said = [of_record, of_rollback, of_mine].into_iter().flatten().find(|reason| !reason.is_empty());
        said.unwrap_or_else(|| {
            let revision = self.ours.revision_arn.rsplit('/').next().unwrap_or_default();
            format!("ECS gave up deployment `{}` of `{revision}` and gives no reason", self.ours.deployment_id)
        })
    }
}

#[cfg(test)]
mod tests;

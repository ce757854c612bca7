//! State of the deployment that this run requested, from ECS's observations. The state of the service is not enough: it
//! is also healthy when another revision serves. The deployment's record has what the service no longer contains. Not
//! here: the poll schedule (`pace`), the cause of failures (`diagnosis`), calls.

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
    /// ARN of its revision.
    pub revision_arn: String,
    /// ARN of its record, once known.
    pub service_deployment_arn: Option<String>,
    /// `createdAt` of the deployment, by AWS's clock.
    pub began: Timestamp,
}

impl Ours {
    /// Creates the value from a described deployment.
    pub fn of(deployment: &Deployment, record: Option<String>) -> Ours {
        Ours {
            deployment_id: deployment.id.clone(),
            revision_arn: deployment.task_definition.clone(),
            service_deployment_arn: record,
            began: deployment.created_at,
        }
    }

    /// Returns whether a record is that of our deployment. Without its ARN, an older record belongs to another one. ECS
    /// creates both together; one second is allowed for rounding.
    fn owns(&self, record: &ServiceDeployment) -> bool {
        match &self.service_deployment_arn {
            Some(arn) => *arn == record.service_deployment_arn,
            None => record.created_at.0 >= self.began.0 - 1.0,
        }
    }
}

/// The state of our deployment.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The deployment is in progress, or its state is unknown.
    InProgress(Progress),
    /// All tasks belong to our deployment and are healthy.
    Completed,
    /// The previous release serves again.
    RolledBack {
        /// Reason, from ECS.
        reason: String,
        /// ARN of the revision that serves now.
        to: Option<String>,
    },
    /// The deployment failed without a rollback.
    Failed {
        /// Reason, from ECS.
        reason: String,
    },
    /// A newer deployment took its place.
    Superseded {
        /// Id of the newer deployment, while the service lists it.
        by: Option<String>,
        /// ARN of its revision.
        task_definition: Option<String>,
    },
    /// The service was deleted.
    Gone,
}

impl Verdict {
    /// Returns the state's name, for scripts.
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

    /// Returns whether the state cannot change any more.
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

/// Progress of a deployment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// Desired number of tasks.
    pub desired: u32,
    /// Number of running tasks.
    pub running: u32,
    /// Number of starting tasks.
    pub pending: u32,
    /// Number of consecutive failed tasks.
    pub failed: u32,
    /// Number of failures that stop it, if the record contains it.
    pub threshold: Option<u32>,
    /// Running and starting tasks of other deployments.
    pub others: u32,
    /// The rollback, once it has started.
    pub rollback: Option<RollbackStarted>,
    /// Note for the user about an unclear state.
    pub note: Option<String>,
}

/// A started rollback. It is followed to its end, so that the state of the old release is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RollbackStarted {
    /// Reason, from ECS.
    pub reason: String,
    /// ARN of the revision that serves after the rollback.
    pub to: Option<String>,
    /// Start time, if the record contains it.
    pub began: Option<Timestamp>,
}

/// The result of one poll.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The state of our deployment.
    pub verdict: Verdict,
    /// Whether the record is needed: our deployment failed, is not `PRIMARY` or not listed any more. A service that was
    /// rolled back shows one completed deployment, the old one.
    pub needs_record: bool,
}

/// Returns the state of our deployment. A `record` of another deployment is ignored.
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

/// Returns a rollback that the service shows without a record: ours failed and an older deployment completed. Other
/// states stay open. AWS has a record of every deployment; other endpoints have none.
pub fn unrecorded(ours: &Ours, service: &Service) -> Option<Verdict> {
    let mine = service.deployments.iter().find(|deployment| deployment.id == ours.deployment_id)?;
    let is_older = |other: &&Deployment| other.status == "PRIMARY" && other.created_at < ours.began;
    let older = service.deployments.iter().find(is_older)?;
    let is_over = mine.rollout_state == RolloutState::Failed && older.rollout_state == RolloutState::Completed;
    let reason = mine.rollout_state_reason.clone();
    is_over.then(|| Verdict::RolledBack { reason, to: Some(older.task_definition.clone()) })
}

/// Returns the ids of tasks that service events report as started since `began`, newest first, as input of
/// `DescribeTasks`. Tasks of other deployments are included. Source: the wording of AWS, "Amazon ECS service event
/// messages".
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
        // The service's state of our deployment is current. A record may be older.
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

    /// Returns the state of a stopped deployment. ECS has one status for every kind of stop.
    fn stopped(&self, record: &ServiceDeployment) -> Option<Verdict> {
        let is_live =
            self.mine.is_some_and(|mine| mine.status == "PRIMARY" && mine.rollout_state == RolloutState::InProgress);
        if is_live && self.ours.service_deployment_arn.is_none() {
            // The record matches by its time only, and the service contradicts it.
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

    /// Returns the `PRIMARY` deployment if it is not ours.
    fn primary(&self) -> Option<&Deployment> {
        let others = |other: &&Deployment| other.id != self.ours.deployment_id && other.status == "PRIMARY";
        self.service.deployments.iter().find(others)
    }

    fn destination(&self) -> Option<String> {
        self.primary().map(|primary| primary.task_definition.clone())
    }

    /// Returns ECS's most informative reason for the end.
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

//! AWS's responses about services, deployments, tasks, targets and logs: the members that this program evaluates. Other
//! members are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Seconds since 1970, as in AWS's JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub f64);

/// A service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Its ARN.
    pub service_arn: String,
    /// Its name.
    pub service_name: String,
    /// `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// Desired number of tasks.
    pub desired_count: u32,
    /// Number of running tasks.
    pub running_count: u32,
    /// Number of starting tasks.
    pub pending_count: u32,
    /// ARN of its task definition revision.
    pub task_definition: String,
    /// Deployments; the newest is `PRIMARY` and comes first.
    pub deployments: Vec<Deployment>,
    /// Events, newest first, at most 100.
    pub events: Vec<Event>,
    /// Load balancers in which its tasks are registered.
    pub load_balancers: Vec<LoadBalancer>,
    /// ARN of the record of the newest deployment.
    pub current_service_deployment: Option<String>,
    /// Its tags.
    #[serde(deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
    /// The whole response, for comparisons. The caller sets it.
    #[serde(skip)]
    pub document: Map<String, Value>,
}

/// A deployment of a service to a revision, from `DescribeServices`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// `ecs-svc/<number>`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` (being replaced), `INACTIVE`.
    pub status: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// Desired number of tasks.
    pub desired_count: u32,
    /// Number of running tasks.
    pub running_count: u32,
    /// Number of starting tasks.
    pub pending_count: u32,
    /// Consecutive tasks that stopped before they were healthy.
    pub failed_tasks: u32,
    /// State of the rollout.
    pub rollout_state: RolloutState,
    /// Reason for the state, from ECS.
    pub rollout_state_reason: String,
    /// Start time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RolloutState {
    /// Absent: the service's deployment controller is not ECS.
    #[serde(skip)]
    #[default]
    Absent,
    /// Tasks are being replaced.
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
    /// All tasks belong to this deployment and are healthy.
    #[serde(rename = "COMPLETED")]
    Completed,
    /// The circuit breaker or an alarm stopped it.
    #[serde(rename = "FAILED")]
    Failed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A service event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Unique id.
    pub id: String,
    /// Time of the event.
    pub created_at: Timestamp,
    /// Message of ECS.
    pub message: String,
}

/// A target group in which a service registers its tasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// ARN of the target group.
    pub target_group_arn: Option<String>,
    /// Container that receives the requests.
    pub container_name: Option<String>,
    /// Port of the container.
    pub container_port: Option<u16>,
}

/// The record of a deployment (`DescribeServiceDeployments`). It outlives the deployment in its service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub service_deployment_arn: String,
    /// Status of the deployment.
    pub status: ServiceDeploymentStatus,
    /// Reason for the status, from ECS.
    pub status_reason: Option<String>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
    /// End time.
    pub finished_at: Option<Timestamp>,
    /// Tasks of the target revision.
    pub target_service_revision: RevisionCounts,
    /// Tasks of the replaced revisions.
    pub source_service_revisions: Vec<RevisionCounts>,
    /// State of the circuit breaker.
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// The rollback, if any.
    pub rollback: Option<Rollback>,
}

/// The record of a deployment, from `ListServiceDeployments`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentBrief {
    /// Its ARN.
    pub service_deployment_arn: String,
    /// Status of the deployment.
    pub status: ServiceDeploymentStatus,
    /// Reason for the status, from ECS.
    pub status_reason: Option<String>,
    /// Creation time.
    pub created_at: Timestamp,
    /// End time.
    pub finished_at: Option<Timestamp>,
    /// ARN of the target service revision.
    pub target_service_revision_arn: Option<String>,
}

/// `status` of a deployment record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceDeploymentStatus {
    /// The deployment has not started.
    #[default]
    Pending,
    /// Tasks are being replaced.
    InProgress,
    /// All tasks are replaced.
    Successful,
    /// A stop was requested.
    StopRequested,
    /// Stopped on request, or replaced by a newer deployment.
    Stopped,
    /// A rollback was requested.
    RollbackRequested,
    /// A rollback is in progress.
    RollbackInProgress,
    /// The previous revision serves again.
    RollbackSuccessful,
    /// The rollback failed, too.
    RollbackFailed,
    /// A status that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Task counts of a service revision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionCounts {
    /// ARN of the service revision (not of the task definition).
    pub arn: String,
    /// Desired number of tasks.
    pub requested_task_count: u32,
    /// Number of running tasks.
    pub running_task_count: u32,
    /// Number of starting tasks.
    pub pending_task_count: u32,
}

/// ECS's circuit breaker in a deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// `MONITORING`, `TRIGGERED`, …
    pub status: String,
    /// Consecutive failures so far.
    pub failure_count: u32,
    /// Number of failures that stop the deployment.
    pub threshold: u32,
}

/// The rollback of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollback {
    /// Reason, from ECS.
    pub reason: Option<String>,
    /// Start time.
    pub started_at: Option<Timestamp>,
    /// ARN of the service revision.
    pub service_revision_arn: Option<String>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Task {
    /// Its ARN.
    pub task_arn: String,
    /// ARN of its task definition revision.
    pub task_definition_arn: String,
    /// `PROVISIONING` … `RUNNING` … `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: String,
    /// Deployment id, for tasks of services.
    pub started_by: Option<String>,
    /// `service:<name>`, or the group given to `RunTask`.
    pub group: Option<String>,
    /// `EssentialContainerExited`, `TaskFailedToStart`, …
    pub stop_code: Option<String>,
    /// Reason for the stop, from ECS.
    pub stopped_reason: Option<String>,
    /// Creation time.
    pub created_at: Timestamp,
    /// Time at which it reached `RUNNING`.
    pub started_at: Option<Timestamp>,
    /// Time at which it stopped.
    pub stopped_at: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Network interfaces, with their addresses in the details.
    pub attachments: Vec<Value>,
}

impl Task {
    /// Returns the last part of its ARN.
    pub fn id(&self) -> &str {
        self.task_arn.rsplit('/').next().unwrap_or_default()
    }

    /// Returns whether the task has stopped.
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// Returns the container of that name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == name)
    }
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name in the task definition.
    pub name: String,
    /// Image reference in the task definition.
    pub image: String,
    /// Digest of the pulled image.
    pub image_digest: Option<String>,
    /// Container id in the engine.
    pub runtime_id: Option<String>,
    /// `PENDING`, `RUNNING`, `STOPPED`.
    pub last_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: String,
    /// Exit code, once the container has exited.
    pub exit_code: Option<i64>,
    /// Reason from ECS, if the container did not start or was killed.
    pub reason: Option<String>,
}

/// Health of one target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetHealth {
    /// Its address.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`.
    pub state: String,
    /// `Target.ResponseCodeMismatch`, `Target.Timeout`, …
    pub reason: Option<String>,
    /// `Health checks failed with these codes: [404]`, …
    pub description: Option<String>,
}

/// A log line of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    /// `<prefix>/<container>/<task id>`.
    pub stream: String,
    /// Time of the line.
    pub at: Timestamp,
    /// Text, without its line end.
    pub message: String,
}

/// A registered task definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// `arn:…:task-definition/<family>:<number>`.
    pub arn: String,
    /// `ACTIVE`, `INACTIVE`, `DELETE_IN_PROGRESS`.
    pub status: String,
    /// All members of AWS's response.
    pub document: Map<String, Value>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Revision {
    /// Returns `<family>:<number>`.
    pub fn short(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// Reads ECS's tags: `[{"key": …, "value": …}]`.
pub(super) fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    struct Tag {
        key: String,
        #[serde(default)]
        value: String,
    }
    Ok(Vec::<Tag>::deserialize(from)?.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

//! What AWS answers about services, deployments, tasks, targets and output: the members that something is concluded from.
//! Everything else of an answer stays unread.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

/// Seconds since 1970, as AWS's JSON has them.
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
    /// Tasks that it should have.
    pub desired_count: u32,
    /// Tasks that run.
    pub running_count: u32,
    /// Tasks that are being started.
    pub pending_count: u32,
    /// ARN of the revision that it is to run.
    pub task_definition: String,
    /// The newest is `PRIMARY` and comes first.
    pub deployments: Vec<Deployment>,
    /// The newest first, 100 at most.
    pub events: Vec<Event>,
    /// Where its tasks are registered.
    pub load_balancers: Vec<LoadBalancer>,
    /// ARN of the record of the newest deployment.
    pub current_service_deployment: Option<String>,
    /// Its tags.
    #[serde(deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
    /// The whole answer, for what is compared and not concluded from. Who reads the answer puts it here.
    #[serde(skip)]
    pub document: Map<String, Value>,
}

/// An attempt of ECS to move a service to a revision, as `DescribeServices` has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Deployment {
    /// `ecs-svc/<number>`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` (being replaced), `INACTIVE`.
    pub status: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// Tasks that it should have.
    pub desired_count: u32,
    /// Tasks that run.
    pub running_count: u32,
    /// Tasks that are being started.
    pub pending_count: u32,
    /// Tasks that ended before they were healthy, in a row.
    pub failed_tasks: u32,
    /// Where it is.
    pub rollout_state: RolloutState,
    /// In ECS's words.
    pub rollout_state_reason: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum RolloutState {
    /// Absent: a controller other than ECS runs the deployments of the service.
    #[serde(skip)]
    #[default]
    Absent,
    /// Tasks are being replaced.
    #[serde(rename = "IN_PROGRESS")]
    InProgress,
    /// All tasks are of this deployment and healthy.
    #[serde(rename = "COMPLETED")]
    Completed,
    /// The circuit breaker or an alarm ended it.
    #[serde(rename = "FAILED")]
    Failed,
    /// A state of later years: nothing is concluded from it.
    #[serde(other)]
    Unknown,
}

/// A service event.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Unique.
    pub id: String,
    /// When.
    pub created_at: Timestamp,
    /// ECS's words.
    pub message: String,
}

/// Where a service's tasks are registered.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// The target group.
    pub target_group_arn: Option<String>,
    /// Which container answers.
    pub container_name: Option<String>,
    /// At which port.
    pub container_port: Option<u16>,
}

/// The record of a deployment (`DescribeServiceDeployments`): it stays when the deployment is gone from its service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceDeployment {
    /// Its ARN.
    pub service_deployment_arn: String,
    /// Where it is.
    pub status: ServiceDeploymentStatus,
    /// In ECS's words.
    pub status_reason: Option<String>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// What it goes to.
    pub target_service_revision: RevisionCounts,
    /// What it replaces.
    pub source_service_revisions: Vec<RevisionCounts>,
    /// How near it is to its end by failures.
    pub deployment_circuit_breaker: Option<CircuitBreaker>,
    /// Where it was rolled back to.
    pub rollback: Option<Rollback>,
}

/// Such a record as `ListServiceDeployments` has it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentBrief {
    /// Its ARN.
    pub service_deployment_arn: String,
    /// Where it is.
    pub status: ServiceDeploymentStatus,
    /// In ECS's words.
    pub status_reason: Option<String>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// ARN of the service revision that it goes to.
    pub target_service_revision_arn: Option<String>,
}

/// `status` of such a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceDeploymentStatus {
    /// Not begun.
    #[default]
    Pending,
    /// Tasks are being replaced.
    InProgress,
    /// It is done.
    Successful,
    /// Ended by somebody.
    StopRequested,
    /// Ended by somebody, or by a newer one.
    Stopped,
    /// The way back is about to begin.
    RollbackRequested,
    /// The way back is under way.
    RollbackInProgress,
    /// The revision before serves again.
    RollbackSuccessful,
    /// Neither revision could be made to serve.
    RollbackFailed,
    /// A status of later years: nothing is concluded from it.
    #[serde(other)]
    Unknown,
}

/// Tasks of one service revision.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RevisionCounts {
    /// ARN of the service revision (not of the task definition).
    pub arn: String,
    /// Tasks that it should have.
    pub requested_task_count: u32,
    /// Tasks that run.
    pub running_task_count: u32,
    /// Tasks that are being started.
    pub pending_task_count: u32,
}

/// ECS's circuit breaker in a deployment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CircuitBreaker {
    /// `MONITORING`, `TRIGGERED`, …
    pub status: String,
    /// Failures in a row so far.
    pub failure_count: u32,
    /// How many end the deployment.
    pub threshold: u32,
}

/// Where a deployment was rolled back to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollback {
    /// In ECS's words.
    pub reason: Option<String>,
    /// When it began.
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
    /// ARN of its revision.
    pub task_definition_arn: String,
    /// `PROVISIONING` … `RUNNING` … `STOPPED`.
    pub last_status: String,
    /// `RUNNING` or `STOPPED`.
    pub desired_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: String,
    /// Deployment id for tasks of services.
    pub started_by: Option<String>,
    /// `service:<name>`, or what `RunTask` was given.
    pub group: Option<String>,
    /// `EssentialContainerExited`, `TaskFailedToStart`, …
    pub stop_code: Option<String>,
    /// In ECS's words.
    pub stopped_reason: Option<String>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it got to `RUNNING`.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub stopped_at: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Network interfaces, with addresses in their details.
    pub attachments: Vec<Value>,
}

impl Task {
    /// The last part of its ARN.
    pub fn id(&self) -> &str {
        self.task_arn.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is over.
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// The container of that name.
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
    /// As the task definition names it.
    pub image: String,
    /// What was pulled.
    pub image_digest: Option<String>,
    /// Id in the engine.
    pub runtime_id: Option<String>,
    /// `PENDING`, `RUNNING`, `STOPPED`.
    pub last_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health_status: String,
    /// Once it has ended by itself.
    pub exit_code: Option<i64>,
    /// In ECS's words, where it could not run or was killed.
    pub reason: Option<String>,
}

/// What the load balancer thinks of one target.
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

/// One line that a container wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLine {
    /// `<prefix>/<container>/<task id>`.
    pub stream: String,
    /// When it was written.
    pub at: Timestamp,
    /// Without its line end.
    pub message: String,
}

/// A task definition as it is registered.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// `arn:…:task-definition/<family>:<number>`.
    pub arn: String,
    /// `ACTIVE`, `INACTIVE`, `DELETE_IN_PROGRESS`.
    pub status: String,
    /// All members of AWS's answer.
    pub document: Map<String, Value>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Revision {
    /// `<family>:<number>`.
    pub fn short(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// `[{"key": …, "value": …}]`, as ECS writes tags.
pub(super) fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    struct Tag {
        key: String,
        #[serde(default)]
        value: String,
    }
    Ok(Vec::<Tag>::deserialize(from)?.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

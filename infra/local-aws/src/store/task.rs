//! Tasks: what the scheduler and the API want of them, and what the runner has seen.

use serde::{Deserialize, Serialize};

use super::task_definition::{KeyValue, Tag, TaskDefinition};
use crate::time::Timestamp;

/// `AwsVpcConfiguration`. Kept and handed on; all tasks are in the engine's one network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwsVpcConfiguration {
    /// Subnet ids.
    pub subnets: Vec<String>,
    /// Security group ids.
    #[serde(default)]
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    #[serde(default = "disabled")]
    pub assign_public_ip: String,
}

fn disabled() -> String {
    "DISABLED".into()
}

/// `NetworkConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkConfiguration {
    /// The only kind.
    pub awsvpc_configuration: AwsVpcConfiguration,
}

/// `LoadBalancer` of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceLoadBalancer {
    /// Where the tasks are registered.
    pub target_group_arn: String,
    /// Which container.
    pub container_name: String,
    /// Which of its ports.
    pub container_port: u16,
}

/// Where a task is in its life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// Its network is being made.
    Provisioning,
    /// Its images are being pulled and its containers started.
    Pending,
    /// Its targets are being registered.
    Activating,
    /// All its essential containers run.
    Running,
    /// Its targets are draining.
    Deactivating,
    /// Its containers have been sent the stop signal.
    Stopping,
    /// Its network is being removed.
    Deprovisioning,
    /// Over.
    Stopped,
}

impl TaskStatus {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            TaskStatus::Provisioning => "PROVISIONING",
            TaskStatus::Pending => "PENDING",
            TaskStatus::Activating => "ACTIVATING",
            TaskStatus::Running => "RUNNING",
            TaskStatus::Deactivating => "DEACTIVATING",
            TaskStatus::Stopping => "STOPPING",
            TaskStatus::Deprovisioning => "DEPROVISIONING",
            TaskStatus::Stopped => "STOPPED",
        }
    }
}

/// Health of a container or task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Health {
    /// No health check, or no result yet.
    #[default]
    Unknown,
    /// Passes.
    Healthy,
    /// Failed as often as its retries allow.
    Unhealthy,
}

/// Why a task ends: `TaskStopCode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    /// It never got to run: image, secret, volume, …
    TaskFailedToStart,
    /// An essential container ended by itself.
    EssentialContainerExited,
    /// `StopTask`.
    UserInitiated,
    /// The scheduler: a deployment, scaling in, failed health checks.
    ServiceSchedulerInitiated,
}

/// Overrides of one container in `RunTask`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ContainerOverride {
    /// Which container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Added to the definition's, and wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<KeyValue>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<u32>,
}

/// `TaskOverride`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TaskOverride {
    /// One for each container that is overridden.
    pub container_overrides: Vec<ContainerOverride>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Replaces the definition's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_role_arn: Option<String>,
    /// Kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
}

/// One container of a task, as observed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// Name in the task definition.
    pub name: String,
    /// Image reference of the task definition.
    pub image: String,
    /// What was pulled.
    pub image_digest: Option<String>,
    /// Id in the engine; `None` before it is created.
    pub runtime_id: Option<String>,
    /// `PENDING`, `RUNNING`, `STOPPED`.
    pub last_status: String,
    /// Of its health check.
    pub health: Health,
    /// Once it has ended.
    pub exit_code: Option<i64>,
    /// `OutOfMemoryError: …`, `CannotPullContainerError: …`.
    pub reason: Option<String>,
}

/// A task. The scheduler, `RunTask` and `StopTask` write what is desired; the runner alone writes what is observed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// 32 hex digits, the last part of its ARN.
    pub id: String,
    /// Name of its cluster.
    pub cluster: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// `service:<name>`, `family:<name>`, or as given to `RunTask`.
    pub group: String,
    /// Deployment id for tasks of services, as given to `RunTask` otherwise.
    pub started_by: Option<String>,
    /// `FARGATE`.
    pub launch_type: Option<String>,
    /// What `RunTask` replaced.
    pub overrides: TaskOverride,
    /// Network as given.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// As given to `RunTask`: a call with the same token starts nothing more.
    pub client_token: Option<String>,
    /// Where its targets are registered; the service's, as they were at the start.
    pub load_balancers: Vec<ServiceLoadBalancer>,

    /// Desired: set by `StopTask` and the scheduler. `None`: it should run.
    pub stop: Option<Stop>,

    /// Observed: where it is in its life.
    pub last_status: TaskStatus,
    /// Observed: of all containers with a health check.
    pub health: Health,
    /// Observed: one for each container of the definition, in its order.
    pub containers: Vec<Container>,
    /// Observed: address of its network namespace.
    pub private_ip: Option<String>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When the first pull began.
    pub pull_started_at: Option<Timestamp>,
    /// When the last pull ended.
    pub pull_stopped_at: Option<Timestamp>,
    /// When it got to `RUNNING`.
    pub started_at: Option<Timestamp>,
    /// When its end began.
    pub stopping_at: Option<Timestamp>,
    /// When its first essential container ended.
    pub execution_stopped_at: Option<Timestamp>,
    /// When it was over.
    pub stopped_at: Option<Timestamp>,
    /// Counts changes, as AWS does.
    pub version: u64,
    /// When the scheduler first found it healthy in its service.
    pub steady_at: Option<Timestamp>,
    /// Whether the service has an event about its targets.
    pub registered: bool,
    /// Whether the scheduler has drawn its conclusions from the end of this task.
    pub settled: bool,
}

/// Why a task is to end, or has ended. The first reason stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// AWS's code.
    pub code: StopCode,
    /// AWS's sentence.
    pub reason: String,
}

impl Task {
    /// The name of the service that it belongs to.
    pub fn service(&self) -> Option<&str> {
        self.group.strip_prefix("service:")
    }

    /// Requests its stop from the runner. The first request gives the reason.
    pub fn request_stop(&mut self, code: StopCode, reason: impl Into<String>) {
        if self.stop.is_none() {
            self.stop = Some(Stop { code, reason: reason.into() });
            self.version += 1;
        }
    }

    /// A task that the runner is to start. `id` comes from `new_id`: pure code has no randomness of its own.
    pub fn new(id: String, cluster: &str, definition: &TaskDefinition, group: String, now: Timestamp) -> Task {
        let containers = definition.container_definitions.iter().map(|container| Container {
            name: container.name.clone(),
            image: container.image.clone(),
            image_digest: None,
            runtime_id: None,
            last_status: "PENDING".into(),
            health: Health::Unknown,
            exit_code: None,
            reason: None,
        });
        Task {
            id,
            cluster: cluster.to_owned(),
            task_definition: definition.task_definition_arn.clone(),
            group,
            started_by: None,
            launch_type: Some("FARGATE".into()),
            overrides: TaskOverride::default(),
            network_configuration: None,
            tags: Vec::new(),
            client_token: None,
            load_balancers: Vec::new(),
            stop: None,
            last_status: TaskStatus::Provisioning,
            health: Health::Unknown,
            containers: containers.collect(),
            private_ip: None,
            created_at: now,
            pull_started_at: None,
            pull_stopped_at: None,
            started_at: None,
            stopping_at: None,
            execution_stopped_at: None,
            stopped_at: None,
            version: 1,
            steady_at: None,
            registered: false,
            settled: false,
        }
    }
}

/// A new task id, as ECS makes them: 32 hex digits.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

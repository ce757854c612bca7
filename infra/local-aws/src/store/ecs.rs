//! Clusters, services and deployments: what the API answers, what the scheduler decides on. Counts (`runningCount`, …) are derived from the tasks when somebody asks, so they cannot be wrong.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::task::Task;
pub use super::task::{AwsVpcConfiguration, NetworkConfiguration, ServiceLoadBalancer};
use super::task_definition::{Tag, TaskDefinition};
use crate::time::Timestamp;

/// ECS.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ecs {
    /// Name → cluster.
    pub clusters: BTreeMap<String, Cluster>,
    /// Family → its revisions. A revision number is never used again.
    pub families: BTreeMap<String, Family>,
    /// `<cluster>/<service>` → service.
    pub services: BTreeMap<String, Service>,
    /// Task id, 32 hex digits → task. Stopped tasks stay for an hour, as AWS keeps them.
    pub tasks: BTreeMap<String, Task>,
    /// Role names that task definitions may point to.
    pub roles: Vec<String>,
    /// EFS file systems.
    pub file_systems: Vec<String>,
}

/// A cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name, the last part of its ARN.
    pub name: String,
    /// `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// The revisions of one family.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The highest number ever given.
    pub last_revision: u32,
    /// Number → revision.
    pub revisions: BTreeMap<u32, Revision>,
}

/// One registered revision.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The document.
    pub definition: TaskDefinition,
    /// Tags, which ECS keeps beside the document.
    pub tags: Vec<Tag>,
}

/// `DeploymentCircuitBreaker`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Whether failing deployments are ended.
    pub enable: bool,
    /// Whether they are rolled back too.
    pub rollback: bool,
}

/// `DeploymentConfiguration` of rolling deployments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentConfiguration {
    /// Ends failing deployments.
    #[serde(default)]
    pub deployment_circuit_breaker: CircuitBreaker,
    /// Default 200.
    #[serde(default = "two_hundred")]
    pub maximum_percent: u32,
    /// Default 100.
    #[serde(default = "one_hundred")]
    pub minimum_healthy_percent: u32,
    /// `ROLLING`.
    #[serde(default = "rolling")]
    pub strategy: String,
    /// Minutes; rolling deployments have 0.
    #[serde(default)]
    pub bake_time_in_minutes: u32,
}

fn two_hundred() -> u32 {
    200
}

fn one_hundred() -> u32 {
    100
}

fn rolling() -> String {
    "ROLLING".into()
}

/// A service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Its name, the last part of its ARN.
    pub name: String,
    /// Name of its cluster.
    pub cluster: String,
    /// `ACTIVE`, `DRAINING`, `INACTIVE`.
    pub status: String,
    /// How many tasks it should have.
    pub desired_count: u32,
    /// ARN of the revision that was requested last.
    pub task_definition: String,
    /// `FARGATE`, unless capacity providers were named.
    pub launch_type: Option<String>,
    /// As given.
    pub capacity_provider_strategy: Vec<serde_json::Value>,
    /// `1.4.0` for `LATEST`, as AWS answers.
    pub platform_version: String,
    /// Limits and breaker.
    pub deployment_configuration: DeploymentConfiguration,
    /// Target groups.
    pub load_balancers: Vec<ServiceLoadBalancer>,
    /// Network of its tasks.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Seconds during which failing health checks are overlooked.
    pub health_check_grace_period_seconds: Option<u32>,
    /// Whether `ExecuteCommand` is on; kept.
    pub enable_execute_command: bool,
    /// Whether its tasks get tags of ECS's own.
    pub enable_ecs_managed_tags: bool,
    /// `NONE`, `SERVICE`, `TASK_DEFINITION`.
    pub propagate_tags: String,
    /// `ENABLED` or `DISABLED`; kept.
    pub availability_zone_rebalancing: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Newest first: `PRIMARY` first, then what is being replaced. Never empty while the service is `ACTIVE`.
    pub deployments: Vec<Deployment>,
    /// Newest first, at most 100, as AWS keeps them.
    pub events: VecDeque<Event>,
    /// Newest first. AWS keeps them for 90 days.
    pub service_deployments: VecDeque<ServiceDeployment>,
    /// Newest first: what each deployment was made of.
    pub service_revisions: VecDeque<ServiceRevision>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Whether the newest state has been announced as steady.
    pub steady_announced: bool,
}

/// `Deployment` of a service: one revision being rolled in, serving, or being replaced.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// `ecs-svc/` and 19 digits.
    pub id: String,
    /// `PRIMARY` or `ACTIVE`. What is gone is removed from the list.
    pub status: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// ARN of its `ServiceRevision`.
    pub service_revision: String,
    /// How many of its tasks failed to get to steady running. Back to 0 once one does.
    pub failed_tasks: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`.
    pub rollout_state: String,
    /// AWS's sentence about it.
    pub rollout_state_reason: String,
    /// Not before this moment is another task started: crashed tasks are replaced slower and slower.
    pub next_start: Timestamp,
}

/// `ServiceEvent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// A UUID.
    pub id: String,
    /// When.
    pub created_at: Timestamp,
    /// `(service web) has reached a steady state.`
    pub message: String,
}

/// `ServiceDeployment`: the record of one attempt, kept after it is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceDeployment {
    /// `arn:…:service-deployment/<cluster>/<service>/<id>`.
    pub arn: String,
    /// Id of the `Deployment` that it is about, `ecs-svc/…`.
    pub deployment: String,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When the first task was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub finished_at: Option<Timestamp>,
    /// When `StopServiceDeployment` was called.
    pub stopped_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// ARNs of the service revisions that it replaces.
    pub source_revisions: Vec<String>,
    /// ARN of the service revision that it brings.
    pub target_revision: String,
    /// `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, `STOPPED`, `STOP_REQUESTED`, `ROLLBACK_REQUESTED`,
    /// `ROLLBACK_IN_PROGRESS`, `ROLLBACK_SUCCESSFUL`, `ROLLBACK_FAILED`.
    pub status: String,
    /// AWS's sentence about it.
    pub status_reason: Option<String>,
    /// The way back, where it was taken.
    pub rollback: Option<Rollback>,
    /// Its configuration, as it was.
    pub configuration: DeploymentConfiguration,
    /// Failures that the breaker has counted.
    pub breaker_failures: u32,
    /// How many it takes.
    pub breaker_threshold: u32,
    /// `TRIGGERED`, `MONITORING`, `MONITORING_COMPLETE`, `DISABLED`.
    pub breaker_status: String,
}

/// `Rollback`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollback {
    /// Why.
    pub reason: String,
    /// Since when.
    pub started_at: Timestamp,
    /// Where to.
    pub service_revision_arn: String,
}

/// `ServiceRevision`: what a deployment was made of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceRevision {
    /// `arn:…:service-revision/<cluster>/<service>/<id>`.
    pub arn: String,
    /// ARN of the revision.
    pub task_definition: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `FARGATE`, unless capacity providers were named.
    pub launch_type: Option<String>,
    /// As given.
    pub capacity_provider_strategy: Vec<serde_json::Value>,
    /// `1.4.0`.
    pub platform_version: String,
    /// Network of its tasks.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Target groups.
    pub load_balancers: Vec<ServiceLoadBalancer>,
    /// Container → image and the digest that its tag had when the deployment began.
    pub container_images: Vec<ContainerImage>,
}

/// `ContainerImage` of a service revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerImage {
    /// Name in the task definition.
    pub container_name: String,
    /// As in the task definition.
    pub image: String,
    /// `sha256:…`, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
}

impl Ecs {
    /// The revision that an ARN or `family:revision` names.
    pub fn revision(&self, arn: &str) -> Option<&Revision> {
        revision_of(&self.families, arn)
    }
}

/// As `Ecs::revision`, for who has borrowed the rest of `Ecs`.
pub fn revision_of<'a>(families: &'a BTreeMap<String, Family>, arn: &str) -> Option<&'a Revision> {
    let name = arn.rsplit('/').next()?;
    let (family, number) = name.rsplit_once(':')?;
    families.get(family)?.revisions.get(&number.parse().ok()?)
}

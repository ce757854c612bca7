//! Schedules of EventBridge Scheduler and their groups.

use std::collections::BTreeMap;

use aws_facts::schedule::Expression;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::task::TaskOverride;
use crate::recurrence::Recurrence;
use crate::time::Timestamp;

/// The group that always exists.
pub const DEFAULT_GROUP: &str = "default";

/// EventBridge Scheduler.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    /// Name → group.
    pub groups: BTreeMap<String, ScheduleGroup>,
    /// `<group>/<name>` → schedule.
    pub schedules: BTreeMap<String, Schedule>,
}

/// A schedule group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleGroup {
    /// Creation time.
    pub created: Timestamp,
    /// Token of the call that created it.
    pub client_token: Option<String>,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Name of its group.
    pub group: String,
    /// Name within the group.
    pub name: String,
    /// What the caller has set.
    pub settings: ScheduleSettings,
    /// Creation time.
    pub created: Timestamp,
    /// Time of the last change.
    pub modified: Timestamp,
    /// Token of the call that created it.
    pub client_token: Option<String>,
    /// Time of the next invocation. `None` if it is disabled or completed.
    pub next: Option<Timestamp>,
}

/// The members that `CreateSchedule` and `UpdateSchedule` set, by AWS's names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ScheduleSettings {
    /// `NONE` or `DELETE`.
    pub action_after_completion: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// End of a recurring schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Timestamp>,
    /// Time after the scheduled time within which the target is invoked.
    pub flexible_time_window: FlexibleTimeWindow,
    /// `rate(…)`, `cron(…)` or `at(…)`.
    pub schedule_expression: String,
    /// IANA name.
    pub schedule_expression_timezone: String,
    /// Start of a recurring schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Timestamp>,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// The invoked API.
    pub target: Target,
}

/// `FlexibleTimeWindow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct FlexibleTimeWindow {
    /// `OFF` or `FLEXIBLE`.
    pub mode: String,
    /// Length of the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_window_in_minutes: Option<u32>,
}

/// A target that runs tasks of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Target {
    /// ARN of the cluster.
    pub arn: String,
    /// The tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ecs_parameters: Option<EcsParameters>,
    /// A `TaskOverride` in JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// Retries of a failed invocation.
    #[serde(default)]
    pub retry_policy: RetryPolicy,
    /// Role of the invocation.
    pub role_arn: String,
}

/// `RetryPolicy`, with AWS's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// 60 to 86400.
    pub maximum_event_age_in_seconds: u32,
    /// 0 to 185.
    pub maximum_retry_attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { maximum_event_age_in_seconds: 86_400, maximum_retry_attempts: 185 }
    }
}

/// `EcsParameters`, without the members that Fargate does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EcsParameters {
    /// Whether tasks get tags of ECS's own.
    #[serde(default, rename = "EnableECSManagedTags", skip_serializing_if = "Option::is_none")]
    pub enable_ecs_managed_tags: Option<bool>,
    /// Whether `ExecuteCommand` is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_execute_command: Option<bool>,
    /// Task group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `FARGATE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launch_type: Option<String>,
    /// Network of the tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_configuration: Option<NetworkConfiguration>,
    /// Fargate's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform_version: Option<String>,
    /// `TASK_DEFINITION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub propagate_tags: Option<String>,
    /// For the caller's own use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_id: Option<String>,
    /// Tags of the tasks: maps with `key` and `value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<BTreeMap<String, String>>,
    /// 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_count: Option<u32>,
    /// ARN of the task definition, with or without a revision.
    pub task_definition_arn: String,
}

/// `NetworkConfiguration`. Unlike its neighbours, its member begins in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfiguration {
    /// Network of tasks in `awsvpc`.
    #[serde(rename = "awsvpcConfiguration", skip_serializing_if = "Option::is_none")]
    pub awsvpc: Option<AwsVpcConfiguration>,
}

/// `AwsVpcConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AwsVpcConfiguration {
    /// `ENABLED` or `DISABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assign_public_ip: Option<String>,
    /// At most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// 1 to 16.
    pub subnets: Vec<String>,
}

impl Scheduler {
    /// Returns the key of a schedule.
    pub fn key(group: &str, name: &str) -> String {
        format!("{group}/{name}")
    }
}

impl Schedule {
    /// Returns the first invocation that is not before `from`. `None` if it is disabled or completed.
    pub fn next_from(&self, from: Timestamp) -> Option<Timestamp> {
        let ScheduleSettings { state, schedule_expression, schedule_expression_timezone, start_date, end_date, .. } =
            &self.settings;
        if state == "DISABLED" {
            return None;
        }
        let expression = Expression::parse(schedule_expression).ok()?;
        Recurrence::new(expression, schedule_expression_timezone, self.created, *start_date, *end_date)?.next(from)
    }
}

impl Target {
    /// Parses `Input`: members of `TaskOverride`.
    ///
    /// # Errors
    /// It is not such a document.
    pub fn overrides(input: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str::<TaskOverride>(input)?;
        serde_json::from_str(input)
    }
}

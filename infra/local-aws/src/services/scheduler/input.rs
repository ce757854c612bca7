//! Members of `CreateSchedule` and `UpdateSchedule`, checked as the service's model has it.

use aws_facts::schedule::{Expression, LONGEST_EXPRESSION};
use serde::Deserialize;

use super::{check_length, check_name, check_one_of, check_token, invalid, unfit};
use crate::error::{Answer, AwsError};
use crate::recurrence::Recurrence;
use crate::settings::Settings;
use crate::store::scheduler::{DEFAULT_GROUP, EcsParameters, FlexibleTimeWindow, ScheduleSettings, Target};
use crate::time::Timestamp;

const LONGEST_TIMEZONE: usize = 50;
const LONGEST_DESCRIPTION: usize = 512;
const LONGEST_ARN: usize = 1600;

/// AWS: a schedule may start at most five minutes ago.
const LATEST_START_MILLIS: u64 = 5 * 60 * 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ScheduleInput {
    name: String,
    group_name: Option<String>,
    client_token: Option<String>,
    action_after_completion: Option<String>,
    description: Option<String>,
    end_date: Option<Timestamp>,
    flexible_time_window: FlexibleTimeWindow,
    kms_key_arn: Option<String>,
    schedule_expression: String,
    schedule_expression_timezone: Option<String>,
    start_date: Option<Timestamp>,
    state: Option<String>,
    target: Target,
}

impl ScheduleInput {
    /// Returns group, name and client token.
    pub(super) fn identity(&self) -> Answer<(String, String, Option<String>)> {
        let group = self.group_name.clone().unwrap_or_else(|| DEFAULT_GROUP.to_owned());
        check_name(&self.name, "name")?;
        check_name(&group, "groupName")?;
        check_token(self.client_token.as_deref())?;
        Ok((group, self.name.clone(), self.client_token.clone()))
    }

    /// Returns the settings with AWS's defaults.
    pub(super) fn settings(self, settings: &Settings, now: Timestamp, is_new: bool) -> Answer<ScheduleSettings> {
        let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
        let given = ScheduleSettings {
            action_after_completion: or(self.action_after_completion, "NONE"),
            description: self.description,
            end_date: self.end_date,
            flexible_time_window: self.flexible_time_window,
            schedule_expression: self.schedule_expression,
            schedule_expression_timezone: or(self.schedule_expression_timezone, "UTC"),
            start_date: self.start_date,
            state: or(self.state, "ENABLED"),
            target: self.target,
        };
        check_one_of(&given.action_after_completion, "actionAfterCompletion", &["NONE", "DELETE"])?;
        check_one_of(&given.state, "state", &["ENABLED", "DISABLED"])?;
        if given.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            let rule = format!("Member must have length less than or equal to {LONGEST_DESCRIPTION}");
            return Err(unfit("…", "description", &rule));
        }
        if self.kms_key_arn.is_some() {
            return Err(AwsError::unsupported("The member 'KmsKeyArn'"));
        }
        check_times(&given, now, is_new)?;
        check_window(&given.flexible_time_window)?;
        check_target(settings, &given.target)?;
        Ok(given)
    }
}

fn check_times(given: &ScheduleSettings, now: Timestamp, is_new: bool) -> Answer<()> {
    let (text, zone) = (&given.schedule_expression, &given.schedule_expression_timezone);
    check_length(text, "scheduleExpression", LONGEST_EXPRESSION)?;
    check_length(zone, "scheduleExpressionTimezone", LONGEST_TIMEZONE)?;
    let expression = Expression::parse(text)
        .map_err(|problem| invalid(format!("Invalid Schedule Expression {text}: {problem}.")))?;
    if Recurrence::new(expression, zone, now, None, None).is_none() {
        return Err(invalid(format!("The ScheduleExpressionTimezone {zone} is not a known time zone.")));
    }
    if let Some(start) = given.start_date
        && is_new
        && start.as_millis() + LATEST_START_MILLIS < now.as_millis()
    {
        return Err(invalid("The StartDate you specify cannot be earlier than 5 minutes ago."));
    }
    if let Some(end) = given.end_date {
        if end <= now {
            return Err(invalid("The EndDate you specify must be in the future."));
        }
        if given.start_date.is_some_and(|start| start >= end) {
            return Err(invalid("The StartDate you specify must come before the EndDate."));
        }
    }
    Ok(())
}

fn check_window(window: &FlexibleTimeWindow) -> Answer<()> {
    check_one_of(&window.mode, "flexibleTimeWindow.mode", &["OFF", "FLEXIBLE"])?;
    let member = "flexibleTimeWindow.maximumWindowInMinutes";
    check_number(window.maximum_window_in_minutes, member, 1, 1440)?;
    if window.mode == "FLEXIBLE" && window.maximum_window_in_minutes.is_none() {
        return Err(invalid("MaximumWindowInMinutes is required if the Mode of FlexibleTimeWindow is FLEXIBLE."));
    }
    Ok(())
}

fn check_number(value: Option<u32>, member: &str, least: u32, most: u32) -> Answer<()> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            let rule = if value < least {
                format!("Member must have value greater than or equal to {least}")
            } else {
                format!("Member must have value less than or equal to {most}")
            };
            Err(unfit(&value.to_string(), member, &rule))
        }
        _ => Ok(()),
    }
}

fn check_target(settings: &Settings, target: &Target) -> Answer<()> {
    check_length(&target.arn, "target.arn", LONGEST_ARN)?;
    check_length(&target.role_arn, "target.roleArn", LONGEST_ARN)?;
    let role = target.role_arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/"));
    let is_account = |account: &str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !role.is_some_and(|(account, name)| is_account(account) && !name.is_empty()) {
        let rule =
            "Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+$";
        return Err(unfit(&target.role_arn, "target.roleArn", rule));
    }
    if !target.arn.starts_with("arn:") {
        return Err(invalid(format!("Provided Arn {} is not in correct format.", target.arn)));
    }
    if !target.arn.starts_with(&settings.arn("ecs", "cluster/")) {
        return Err(AwsError::unsupported(format!("The target {}", target.arn)));
    }
    let ecs = target.ecs_parameters.as_ref();
    check_ecs(ecs.ok_or_else(|| invalid("EcsParameters is required for a target that is an ECS cluster."))?)?;
    let policy = &target.retry_policy;
    let member = |name: &str| format!("target.retryPolicy.{name}");
    check_number(Some(policy.maximum_event_age_in_seconds), &member("maximumEventAgeInSeconds"), 60, 86_400)?;
    check_number(Some(policy.maximum_retry_attempts), &member("maximumRetryAttempts"), 0, 185)?;
    if let Some(input) = &target.input {
        Target::overrides(input)
            .map_err(|problem| invalid(format!("The Input of the target is not a valid task override: {problem}.")))?;
    }
    Ok(())
}

fn check_ecs(ecs: &EcsParameters) -> Answer<()> {
    let member = |name: &str| format!("target.ecsParameters.{name}");
    check_length(&ecs.task_definition_arn, &member("taskDefinitionArn"), LONGEST_ARN)?;
    check_number(ecs.task_count, &member("taskCount"), 1, 10)?;
    for (value, name, most) in [(&ecs.group, "group", 255), (&ecs.platform_version, "platformVersion", 64)] {
        value.as_ref().map_or(Ok(()), |value| check_length(value, &member(name), most))?;
    }
    if let Some(propagate) = &ecs.propagate_tags {
        check_one_of(propagate, &member("propagateTags"), &["TASK_DEFINITION"])?;
    }
    let launch_type = ecs.launch_type.as_deref().unwrap_or("EC2");
    check_one_of(launch_type, &member("launchType"), &["EC2", "FARGATE", "EXTERNAL"])?;
    if launch_type != "FARGATE" {
        return Err(AwsError::unsupported(format!("The launch type {launch_type}")));
    }
    if ecs.enable_execute_command == Some(true) {
        return Err(AwsError::unsupported("ExecuteCommand"));
    }
    if let Some(network) = ecs.network_configuration.as_ref().and_then(|network| network.awsvpc.as_ref()) {
        let member = |name: &str| member(&format!("networkConfiguration.awsvpcConfiguration.{name}"));
        for (list, name, most) in [(&network.subnets, "subnets", 16), (&network.security_groups, "securityGroups", 5)] {
            if list.len() > most || (list.is_empty() && name == "subnets") {
                let rule = format!("Member must have length between 1 and {most}");
                return Err(unfit(&format!("[{}]", list.join(", ")), &member(name), &rule));
            }
        }
        if let Some(assign) = &network.assign_public_ip {
            check_one_of(assign, &member("assignPublicIp"), &["ENABLED", "DISABLED"])?;
        }
    }
    Ok(())
}

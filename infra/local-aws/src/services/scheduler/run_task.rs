//! The call of ECS that a schedule makes. Pure.

use serde_json::{Value, json};

use super::invalid;
use crate::error::Answer;
use crate::settings::Settings;
use crate::store::scheduler::{AwsVpcConfiguration, Schedule, Target};
use crate::time::Timestamp;

/// Returns the members of `RunTask`.
pub(super) fn document(settings: &Settings, schedule: &Schedule, time: Timestamp, execution: &str) -> Answer<Value> {
    let target = &schedule.settings.target;
    let ecs = target.ecs_parameters.as_ref().ok_or_else(|| invalid("The target has no EcsParameters."))?;
    let overrides = target.input.as_deref().map(|input| {
        let input = with_context(settings, schedule, time, execution, input);
        Target::overrides(&input).map_err(|problem| invalid(format!("The Input is no task override: {problem}.")))
    });
    let network = ecs.network_configuration.as_ref().and_then(|network| network.awsvpc.as_ref());
    let network = network.map(|network| {
        let AwsVpcConfiguration { assign_public_ip, security_groups, subnets } = network;
        let assign = assign_public_ip.as_deref().unwrap_or("DISABLED");
        json!({ "awsvpcConfiguration": {
            "subnets": subnets, "securityGroups": security_groups, "assignPublicIp": assign,
        } })
    });
    let mut document = json!({
        "cluster": target.arn,
        "taskDefinition": ecs.task_definition_arn,
        "count": ecs.task_count.unwrap_or(1),
        "launchType": ecs.launch_type,
        "networkConfiguration": network,
        "platformVersion": ecs.platform_version,
        "group": ecs.group,
        "propagateTags": ecs.propagate_tags,
        "enableECSManagedTags": ecs.enable_ecs_managed_tags,
        "referenceId": ecs.reference_id,
        "tags": ecs.tags,
        "overrides": overrides.transpose()?,
        // As AWS's own tasks of a schedule have it.
        "startedBy": format!("chronos-schedule/{}", schedule.name),
    });
    if let Some(members) = document.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    Ok(document)
}

/// Replaces AWS's context attributes. All their values are free of characters that JSON escapes.
fn with_context(settings: &Settings, schedule: &Schedule, time: Timestamp, execution: &str, input: &str) -> String {
    let arn = settings.arn("scheduler", &format!("schedule/{}/{}", schedule.group, schedule.name));
    let whole_seconds = Timestamp::from_millis(time.as_millis() / 1000 * 1000).to_string().replace(".000Z", "Z");
    [
        ("schedule-arn", arn.as_str()),
        ("scheduled-time", &whole_seconds),
        ("execution-id", execution),
        ("attempt-number", "1"),
    ]
    .iter()
    .fold(input.to_owned(), |text, (name, value)| text.replace(&format!("<aws.scheduler.{name}>"), value))
}

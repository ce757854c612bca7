//! Validation of `logConfiguration`: `awslogs` only.

use aws_facts::task_definition::{FARGATE_LOG_DRIVERS, LOG_DRIVERS};

use super::super::{one_of, refused};
use crate::error::{Answer, AwsError};
use crate::settings::Settings;
use crate::store::task_definition::ContainerDefinition;

/// "Send Amazon ECS logs to CloudWatch" of the developer guide.
const OPTIONS: [&str; 8] = [
    "awslogs-region",
    "awslogs-group",
    "awslogs-stream-prefix",
    "awslogs-create-group",
    "awslogs-datetime-format",
    "awslogs-multiline-pattern",
    "mode",
    "max-buffer-size",
];

pub(super) fn check(container: &ContainerDefinition, settings: &Settings) -> Answer<()> {
    let Some(log) = &container.log_configuration else { return Ok(()) };
    match log.log_driver.as_str() {
        "awslogs" => {}
        driver if FARGATE_LOG_DRIVERS.contains(&driver) => {
            return Err(AwsError::unsupported(format!("The log driver {}", log.log_driver)));
        }
        other => {
            one_of("logDriver", other, &LOG_DRIVERS)?;
            return Err(refused(format!("Fargate compatible task definitions do not support the log driver {other}.")));
        }
    }
    let options = &log.options;
    if let Some(other) = options.keys().find(|name| !OPTIONS.contains(&name.as_str())) {
        return Err(refused(format!("Log driver awslogs disallows options: {other}")));
    }
    let is_missing = |name: &&str| options.get(*name).is_none_or(String::is_empty);
    let missing: Vec<_> = ["awslogs-region", "awslogs-group"].into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        return Err(refused(format!("Log driver awslogs requires options: {}", missing.join(", "))));
    }
    if is_missing(&"awslogs-stream-prefix") {
        return Err(refused(
            "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
        ));
    }
    if options.get("awslogs-region").is_some_and(|region| *region != settings.region) {
        return Err(AwsError::unsupported(format!("An awslogs-region other than {}", settings.region)));
    }
    if let Some(mode) = options.get("mode") {
        one_of("mode", mode, &["blocking", "non-blocking"])?;
    }
    if let Some(given) = options.get("awslogs-create-group") {
        one_of("awslogs-create-group", given, &["true", "false"])?;
    }
    Ok(())
}

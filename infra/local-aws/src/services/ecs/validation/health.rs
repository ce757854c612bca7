//! Health checks of containers.

use std::ops::RangeInclusive;

use super::super::refused;
use crate::error::Answer;
use crate::store::task_definition::ContainerDefinition;

/// `HealthCheck` of the API reference: seconds, and a number of attempts.
const INTERVAL: RangeInclusive<u32> = 5..=300;
const TIMEOUT: RangeInclusive<u32> = 2..=60;
const RETRIES: RangeInclusive<u32> = 1..=10;
const START_PERIOD: RangeInclusive<u32> = 0..=300;

pub(super) fn check(container: &ContainerDefinition) -> Answer<()> {
    let Some(check) = &container.health_check else { return Ok(()) };
    let name = &container.name;
    let about = |what: String| Err(refused(format!("Invalid health check of container '{name}'. {what}")));
    match check.command.split_first() {
        None => return about("The command must not be empty.".into()),
        Some((first, _)) if first != "CMD" && first != "CMD-SHELL" => {
            return about(format!("The command must begin with CMD or CMD-SHELL, not with '{first}'."));
        }
        Some((first, [])) => return about(format!("Nothing comes after {first}.")),
        Some((first, rest)) if first == "CMD-SHELL" && rest.len() > 1 => {
            return about("CMD-SHELL takes one text.".into());
        }
        Some(_) => {}
    }
    let limits = [
        ("interval", check.interval, INTERVAL),
        ("timeout", check.timeout, TIMEOUT),
        ("retries", check.retries, RETRIES),
        ("startPeriod", check.start_period, START_PERIOD),
    ];
    for (member, value, range) in limits {
        if value.is_some_and(|value| !range.contains(&value)) {
            return about(format!("'{member}' must be between {} and {}.", range.start(), range.end()));
        }
    }
    Ok(())
}

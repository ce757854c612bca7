//! Log groups: made, listed, deleted, and how long their events are kept.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{bad_token, group_mut, invalid, listing, no_group, page_size};
use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol::{self, page};
use crate::settings::Settings;
use crate::store::logs::LogGroup;
use crate::time::Timestamp;

/// AWS's limit of `DescribeLogGroups`.
const PAGE: usize = 50;

/// What AWS takes for days (`PutRetentionPolicy`).
const DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateLogGroup {
    log_group_name: String,
    log_group_class: Option<String>,
}

pub(super) fn create(emulator: &Emulator, input: &CreateLogGroup) -> Answer<Value> {
    let name = &input.log_group_name;
    check_name(name)?;
    if let Some(class) = input.log_group_class.as_deref().filter(|class| *class != "STANDARD") {
        return Err(AwsError::unsupported(format!("The log group class '{class}'")));
    }
    let now = Timestamp::now();
    emulator.store.write(|state| {
        if state.logs.groups.contains_key(name) {
            return Err(AwsError::client("ResourceAlreadyExistsException", "The specified log group already exists"));
        }
        state.logs.groups.insert(name.clone(), LogGroup { created_at: now, ..LogGroup::default() });
        Ok(Value::Null)
    })
}

/// AWS: 1 to 512 letters, digits and `.-_/#`; `aws/` is its own.
fn check_name(name: &str) -> Answer<()> {
    let refuse = |rule: &str| Err(protocol::unfit(Service::Logs, name, "logGroupName", rule));
    if name.is_empty() {
        return refuse("Member must have length greater than or equal to 1");
    }
    if name.len() > 512 {
        return refuse("Member must have length less than or equal to 512");
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte)) {
        return refuse(r"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+");
    }
    if name.starts_with("aws/") {
        return Err(invalid("Log groups starting with 'aws/' are reserved for AWS."));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LogGroupName {
    log_group_name: String,
}

pub(super) fn delete(emulator: &Emulator, input: &LogGroupName) -> Answer<Value> {
    emulator.store.write(|state| state.logs.groups.remove(&input.log_group_name).ok_or_else(no_group))?;
    emulator.logs.remove(&input.log_group_name, None).map_err(|error| AwsError::server(format!("{error:#}")))?;
    Ok(Value::Null)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    limit: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn describe(emulator: &Emulator, input: &DescribeLogGroups) -> Answer<Value> {
    let size = page_size(input.limit, PAGE)?;
    let (prefix, pattern) = (input.log_group_name_prefix.as_deref(), input.log_group_name_pattern.as_deref());
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let scope = format!("DescribeLogGroups {prefix:?} {pattern:?}");
    let fits = |name: &str| {
        prefix.is_none_or(|prefix| name.starts_with(prefix))
            && pattern.is_none_or(|pattern| name.to_lowercase().contains(&pattern.to_lowercase()))
    };
    emulator.store.read(|state| {
        let found = state.logs.groups.iter().filter(|(name, _)| fits(name));
        let shown = found.map(|(name, group)| (name.clone(), shown(&emulator.settings, name, group)));
        let page = page::cut(&scope, size, input.next_token.as_deref(), shown).ok_or_else(bad_token)?;
        Ok(listing("logGroups", page))
    })
}

fn shown(settings: &Settings, name: &str, group: &LogGroup) -> Value {
    let arn = settings.arn("logs", &format!("log-group:{name}"));
    let mut shown = json!({
        "logGroupName": name,
        "creationTime": group.created_at.as_millis(),
        "metricFilterCount": 0,
        "arn": format!("{arn}:*"),
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "logGroupArn": arn,
    });
    if let Some(days) = group.retention_days {
        shown["retentionInDays"] = json!(days);
    }
    shown
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutRetentionPolicy {
    log_group_name: String,
    retention_in_days: u32,
}

pub(super) fn retain(emulator: &Emulator, input: &PutRetentionPolicy) -> Answer<Value> {
    let days = input.retention_in_days;
    if !DAYS.contains(&days) {
        return Err(invalid(format!("'{days}' is not a number of days that events can be kept.")));
    }
    emulator.store.write(|state| {
        group_mut(state, &input.log_group_name)?.retention_days = Some(days);
        Ok(Value::Null)
    })
}

pub(super) fn retain_forever(emulator: &Emulator, input: &LogGroupName) -> Answer<Value> {
    emulator.store.write(|state| {
        group_mut(state, &input.log_group_name)?.retention_days = None;
        Ok(Value::Null)
    })
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn names_of_groups() {
        for name in ["a", "/shop/local", "a.b-c_d#1"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "a b", "a:b", "a*", "aws/x", "ü", &"x".repeat(513)] {
            assert_eq!(check_name(name).unwrap_err().code, "InvalidParameterException", "{name}");
        }
    }
}

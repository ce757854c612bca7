//! `FARGATE` and `FARGATE_SPOT`, which every cluster here has. Nothing is ever interrupted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::page::Page;
use super::{failure, includes, input, invalid, with_token};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};

/// The capacity providers of Fargate.
pub(super) const NAMES: [&str; 2] = ["FARGATE", "FARGATE_SPOT"];

/// `CapacityProviderStrategyItem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StrategyItem {
    capacity_provider: String,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    base: u32,
}

/// Refuses providers of instances.
pub(super) fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Answer<()> {
    for name in names {
        if !NAMES.contains(&name) {
            return Err(AwsError::unsupported(format!("The capacity provider {name}")));
        }
    }
    Ok(())
}

/// AWS: weights 0 to 1000, one of them above 0; base 0 to 100000, one of them at most; 20 items at most.
pub(super) fn check_strategy(items: &[StrategyItem]) -> Answer<()> {
    check_names(items.iter().map(|item| item.capacity_provider.as_str()))?;
    let distinct: BTreeSet<_> = items.iter().map(|item| &item.capacity_provider).collect();
    if distinct.len() != items.len() {
        return Err(invalid("The specified capacity provider strategy can not contain duplicate capacity providers."));
    }
    if items.iter().any(|item| item.weight > 1000 || item.base > 100_000) {
        return Err(invalid("Weight should be between 0 and 1000, base between 0 and 100000."));
    }
    if items.iter().filter(|item| item.base > 0).count() > 1 {
        return Err(invalid("A capacity provider strategy can contain only one item with a base value."));
    }
    if !items.is_empty() && items.iter().all(|item| item.weight == 0) {
        return Err(invalid("The capacity provider strategy must have a capacity provider with a weight above 0."));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    #[serde(default)]
    capacity_providers: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { capacity_providers, include, max_results, next_token } = input::members(given)?;
    includes(&include, &["TAGS"])?;
    let arn = |name: &str| emulator.settings.arn("ecs", &format!("capacity-provider/{name}"));
    let wanted = |name: &str| {
        capacity_providers.is_empty() || capacity_providers.iter().any(|given| given == name || *given == arn(name))
    };
    let (names, next) = Page { max_results, next_token }.of(
        "DescribeCapacityProviders",
        NAMES.into_iter().filter(|name| wanted(name)).collect(),
        |name| name,
        (10, 10),
    )?;
    let found = names.iter().map(
        |name| json!({ "capacityProviderArn": arn(name), "name": name, "status": "ACTIVE", "type": name, "tags": [] }),
    );
    let missing =
        capacity_providers.iter().filter(|given| !NAMES.iter().any(|name| given == name || **given == arn(name)));
    let failures: Vec<_> = missing.map(|given| failure(&arn(given.rsplit('/').next().unwrap_or(given)))).collect();
    Ok(with_token(json!({ "capacityProviders": found.collect::<Vec<_>>(), "failures": failures }), next))
}

//! Resources of the account that a deploy uses. All calls run in parallel.

use std::collections::BTreeMap;
use std::thread;

use crate::checks::Unknown;
use crate::checks::facts::{Balancer, Fact};
use crate::ecs::{TargetGroup, TaskDefinition};
use crate::effects::aws::{Aws, CallError};
use crate::effects::{ecs, elb, ssm};
use crate::operations::target::Target;

/// Facts of the account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Id of the caller's account.
    pub caller: Fact<String>,
    /// The cluster's status.
    pub cluster: Fact<Option<String>>,
    /// Parameters that do not exist.
    pub missing_parameters: Fact<Vec<String>>,
    /// Whether the target group exists.
    pub has_target_group: Fact<bool>,
    /// The target group and its load balancer.
    pub balancer: Fact<Balancer>,
}

impl Account {
    /// Returns facts that are all unknown.
    pub fn unknown(why: impl Into<String>) -> Account {
        let why = Unknown::new(why);
        Account {
            caller: Err(why.clone()),
            cluster: Err(why.clone()),
            missing_parameters: Err(why.clone()),
            has_target_group: Err(why.clone()),
            balancer: Err(why),
        }
    }

    /// Returns the facts for another account than the environment's, where no other call is made.
    pub fn foreign(account: impl Into<String>) -> Account {
        let why = "the caller is in another account than the environment";
        Account { caller: Ok(account.into()), ..Account::unknown(why) }
    }
}

pub(super) fn of(target: &Target, definition: Option<&TaskDefinition>) -> Account {
    let aws = &target.aws;
    let (cluster, missing_parameters, group) = thread::scope(|scope| {
        let cluster = scope.spawn(|| ecs::describe_cluster(aws, target.cluster()).map_err(unknown));
        let missing = scope.spawn(|| missing_parameters(aws, definition));
        let group = scope.spawn(|| elb::target_group(aws, &target.settings.names.balancer).map_err(unknown));
        (joined(cluster), joined(missing), joined(group))
    });
    let balancer = match &group {
        Ok(Some(group)) => Ok(balancer(aws, group)),
        Ok(None) => Err(Unknown::new(format!("there is no target group `{}`", target.settings.names.balancer))),
        Err(why) => Err(why.clone()),
    };
    Account {
        caller: Ok(target.account.clone()),
        cluster,
        missing_parameters,
        has_target_group: group.map(|group| group.is_some()),
        balancer,
    }
}

/// Returns the reason of a failed call.
pub(super) fn unknown(error: CallError) -> Unknown {
    Unknown::failed(format!("{:#}", anyhow::Error::from(error)))
}

/// Returns the result of a thread.
pub(super) fn joined<T>(thread: thread::ScopedJoinHandle<'_, Fact<T>>) -> Fact<T> {
    thread.join().unwrap_or_else(|_| Err(Unknown::failed("the thread that asked panicked")))
}

fn missing_parameters(aws: &Aws, definition: Option<&TaskDefinition>) -> Fact<Vec<String>> {
    let definition = definition.ok_or_else(|| Unknown::new("the task definition is not known"))?;
    let containers = &definition.view().container_definitions;
    let references = containers.iter().flat_map(|container| &container.secrets).map(|secret| &secret.value_from);
    let names: BTreeMap<String, ()> = references.filter_map(|reference| Some((parameter(reference)?, ()))).collect();
    let names: Vec<String> = names.into_keys().collect();
    if names.is_empty() {
        return Err(Unknown::new("no container refers to a parameter of SSM"));
    }
    ssm::missing(aws, &names).map_err(unknown)
}

/// Returns the name of the referenced parameter; `None` for a secret of Secrets Manager.
fn parameter(reference: &str) -> Option<String> {
    if !reference.starts_with("arn:") {
        return Some(reference.to_owned());
    }
    let (before, name) = reference.split_once(":parameter/")?;
    // The ARNs of `name` and `/name` are the same: AWS resolves both to the parameter with the slash.
    before.contains(":ssm:").then(|| format!("/{name}"))
}

fn balancer(aws: &Aws, group: &TargetGroup) -> Balancer {
    let number = |attributes: Result<BTreeMap<String, String>, CallError>, key: &str| {
        attributes.ok().and_then(|attributes| attributes.get(key)?.parse().ok())
    };
    let (delay, idle_timeout) = thread::scope(|scope| {
        let delay = scope
            .spawn(|| number(elb::target_group_attributes(aws, &group.arn), "deregistration_delay.timeout_seconds"));
        let idle = group
            .load_balancer_arns
            .first()
            .and_then(|arn| number(elb::load_balancer_attributes(aws, arn), "idle_timeout.timeout_seconds"));
        (delay.join().ok().flatten(), idle)
    });
    Balancer {
        name: group.name.clone(),
        target_type: group.target_type.clone(),
        health_path: group.health_check_path.clone().unwrap_or_default(),
        matcher: group.matcher.clone().unwrap_or_default(),
        interval: group.interval_seconds.unwrap_or_default(),
        timeout: group.timeout_seconds.unwrap_or_default(),
        idle_timeout,
        deregistration_delay: delay,
    }
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn the_parameter_of_a_reference() {
        for (reference, expected) in [
            ("arn:aws:ssm:eu-central-1:123456789012:parameter/shop/local/KEY", Some("/shop/local/KEY")),
            ("/shop/local/KEY", Some("/shop/local/KEY")),
            ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:x-AbCdEf:password::", None),
        ] {
            assert_eq!(parameter(reference).as_deref(), expected, "{reference}");
        }
    }
}

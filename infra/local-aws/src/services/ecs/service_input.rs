//! What `CreateService`, `UpdateService` and `RunTask` have in common: whether tasks of this kind can be started.

use serde::Deserialize;

use super::capacity_providers::{self, StrategyItem};
use super::{invalid, one_of, validation};
use crate::error::{Answer, AwsError};
use crate::store::State;
use crate::store::ecs::{CircuitBreaker, DeploymentConfiguration, Ecs, NetworkConfiguration, ServiceLoadBalancer};
use crate::store::task_definition::TaskDefinition;

/// What AWS answers for `LATEST`.
pub(super) const PLATFORM: &str = "1.4.0";

/// AWS: 16 subnets, 5 security groups, 5 target groups, 5000 tasks a service.
const MOST_SUBNETS: usize = 16;
const MOST_SECURITY_GROUPS: usize = 5;
const MOST_TARGET_GROUPS: usize = 5;
const MOST_TASKS: u32 = 5000;

/// `DeploymentConfiguration` as it is given: what is left out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct DeploymentConfigurationChange {
    deployment_circuit_breaker: Option<CircuitBreaker>,
    maximum_percent: Option<u32>,
    minimum_healthy_percent: Option<u32>,
    strategy: Option<String>,
    bake_time_in_minutes: Option<u32>,
}

impl DeploymentConfigurationChange {
    pub(super) fn apply(self, now: &DeploymentConfiguration) -> Answer<DeploymentConfiguration> {
        if let Some(strategy) = &self.strategy
            && strategy != "ROLLING"
        {
            one_of("strategy", strategy, &["ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"])?;
            return Err(AwsError::unsupported(format!("The deployment strategy {strategy}")));
        }
        if self.bake_time_in_minutes.is_some_and(|minutes| minutes > 0) {
            return Err(AwsError::unsupported("A bake time"));
        }
        let next = DeploymentConfiguration {
            deployment_circuit_breaker: self.deployment_circuit_breaker.unwrap_or(now.deployment_circuit_breaker),
            maximum_percent: self.maximum_percent.unwrap_or(now.maximum_percent),
            minimum_healthy_percent: self.minimum_healthy_percent.unwrap_or(now.minimum_healthy_percent),
            strategy: "ROLLING".into(),
            bake_time_in_minutes: 0,
        };
        let (most, least) = (next.maximum_percent, next.minimum_healthy_percent);
        if most == 100 && least == 100 {
            return Err(invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
            ));
        }
        if least > 100 || !(100..=200).contains(&most) {
            return Err(invalid("minimumHealthyPercent must be 0 to 100 and maximumPercent 100 to 200."));
        }
        Ok(next)
    }
}

/// AWS's default.
pub(super) fn usual_deployment_configuration() -> DeploymentConfiguration {
    DeploymentConfiguration {
        deployment_circuit_breaker: CircuitBreaker::default(),
        maximum_percent: 200,
        minimum_healthy_percent: 100,
        strategy: "ROLLING".into(),
        bake_time_in_minutes: 0,
    }
}

/// What runs the tasks: `launchType`, or capacity providers.
pub(super) fn check_launch(launch_type: Option<&str>, strategy: &[StrategyItem]) -> Answer<()> {
    if launch_type.is_some() && !strategy.is_empty() {
        return Err(invalid("Specify either Launch Type or Capacity Provider Strategy, but not both."));
    }
    capacity_providers::check_strategy(strategy)?;
    if !strategy.is_empty() {
        return Ok(());
    }
    // AWS takes EC2 where nothing is said, and finds no instances either.
    let launch_type = launch_type.unwrap_or("EC2");
    one_of("launchType", launch_type, &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"])?;
    match launch_type {
        "FARGATE" => Ok(()),
        "EC2" => Err(invalid("No Container Instances were found in your cluster. Is the launch type FARGATE meant?")),
        other => Err(AwsError::unsupported(format!("The launch type {other}"))),
    }
}

pub(super) fn check_platform_version(given: Option<&str>) -> Answer<()> {
    match given {
        None | Some("" | "LATEST" | PLATFORM) => Ok(()),
        // AWS has them still.
        Some(old @ ("1.0.0" | "1.1.0" | "1.2.0" | "1.3.0")) => {
            Err(AwsError::unsupported(format!("The platform version {old}")))
        }
        Some(_) => Err(AwsError::client("PlatformUnknownException", "The specified platform does not exist.")),
    }
}

/// Tasks in `awsvpc`, as all are, need a network.
pub(super) fn check_network(given: Option<&NetworkConfiguration>) -> Answer<()> {
    let Some(NetworkConfiguration { awsvpc_configuration: network }) = given else {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    };
    if network.subnets.iter().all(String::is_empty) {
        return Err(invalid("subnets can not be empty."));
    }
    if network.subnets.len() > MOST_SUBNETS {
        return Err(invalid(format!("subnets can have at most {MOST_SUBNETS} items.")));
    }
    if network.security_groups.len() > MOST_SECURITY_GROUPS {
        return Err(invalid(format!("securityGroups can have at most {MOST_SECURITY_GROUPS} items.")));
    }
    one_of("assignPublicIp", &network.assign_public_ip, &["ENABLED", "DISABLED"])
}

/// Target groups must be there and get requests; containers and ports must be the definition's.
pub(super) fn check_load_balancers(
    state: &State,
    definition: &TaskDefinition,
    given: &[ServiceLoadBalancer],
) -> Answer<()> {
    if given.len() > MOST_TARGET_GROUPS {
        return Err(invalid(format!("load balancers can have at most {MOST_TARGET_GROUPS} items.")));
    }
    for ServiceLoadBalancer { target_group_arn: arn, container_name, container_port } in given {
        if !state.elb.target_groups.contains_key(arn) {
            return Err(invalid(format!("The specified target group does not exist. (targetGroupArn {arn})")));
        }
        let balancers = state.elb.load_balancers.values();
        if !balancers.filter_map(|one| one.listener.as_ref()).any(|listener| listener.target_group == *arn) {
            return Err(invalid(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            )));
        }
        let container = definition.container_definitions.iter().find(|container| container.name == *container_name);
        let Some(container) = container else {
            return Err(invalid(format!("The container {container_name} does not exist in the task definition.")));
        };
        if !container.port_mappings.iter().any(|mapping| mapping.container_port == *container_port) {
            return Err(invalid(format!(
                "The container {container_name} did not have a container port {container_port} defined."
            )));
        }
    }
    let same = |one: &ServiceLoadBalancer| given.iter().filter(|other| *other == one).count() > 1;
    if given.iter().any(same) {
        return Err(invalid("load balancers should be unique within a service."));
    }
    Ok(())
}

pub(super) fn check_grace_period(seconds: Option<u32>, balanced: bool) -> Answer<()> {
    if seconds.is_some_and(|seconds| seconds > 0) && !balanced {
        return Err(invalid("Health check grace period is only valid for services configured to use load balancers"));
    }
    if seconds.is_some_and(|seconds| i32::try_from(seconds).is_err()) {
        return Err(invalid("healthCheckGracePeriodSeconds can not be greater than 2147483647."));
    }
    Ok(())
}

pub(super) fn check_desired_count(count: u32) -> Answer<()> {
    if count > MOST_TASKS {
        return Err(invalid(format!("desiredCount can not be greater than {MOST_TASKS}.")));
    }
    Ok(())
}

/// Members of services and tasks that have a few values each, as said or as AWS takes them.
pub(super) fn check_words(propagate_tags: Option<&str>, availability_zone_rebalancing: Option<&str>) -> Answer<()> {
    if let Some(given) = propagate_tags {
        one_of("propagateTags", given, &["TASK_DEFINITION", "SERVICE", "NONE"])?;
    }
    if let Some(given) = availability_zone_rebalancing {
        one_of("availabilityZoneRebalancing", given, &["ENABLED", "DISABLED"])?;
    }
    Ok(())
}

/// Whether the roles of a task definition are there.
pub(super) fn check_roles(ecs: &Ecs, definition: &TaskDefinition) -> Answer<()> {
    validation::check_roles(ecs, definition.task_role_arn.as_deref(), definition.execution_role_arn.as_deref())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_of_the_configuration_keeps_what_it_does_not_name() {
        let apply = |given: serde_json::Value, now: &DeploymentConfiguration| {
            serde_json::from_value::<DeploymentConfigurationChange>(given).unwrap().apply(now)
        };
        let usual = usual_deployment_configuration();
        let first = apply(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true}}), &usual).unwrap();
        let second = apply(json!({"minimumHealthyPercent": 50}), &first).unwrap();
        assert_eq!((second.minimum_healthy_percent, second.maximum_percent), (50, 200));
        assert!(second.deployment_circuit_breaker.rollback);
        assert!(apply(json!({"maximumPercent": 100}), &second).is_ok());
        assert_eq!(apply(json!({"maximumPercent": 100}), &usual).unwrap_err().code, "InvalidParameterException");
        assert_eq!(apply(json!({"maximumPercent": 50}), &usual).unwrap_err().code, "InvalidParameterException");
        assert_eq!(apply(json!({"minimumHealthyPercent": 101}), &usual).unwrap_err().code, "InvalidParameterException");
        assert_eq!(apply(json!({"strategy": "CANARY"}), &usual).unwrap_err().code, "UnsupportedFeatureException");
        assert_eq!(apply(json!({"strategy": "SLOW"}), &usual).unwrap_err().code, "InvalidParameterException");
    }
}

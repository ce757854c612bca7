//! ECS, as far as a deploy needs it: all that Fargate does with rolling deployments. Everything here checks, and reads or
//! changes the state; that tasks are started and stopped is the scheduler's and the runner's.
//!
//! Kept and answered, but without effect here: subnets, security groups and public addresses, `enableExecuteCommand`,
//! `availabilityZoneRebalancing`, `ephemeralStorage`, `versionConsistency`, names and protocols of ports, encryption of
//! file systems, `awslogs` options for multi-line messages and buffering, weights of capacity providers. Client tokens of
//! `CreateService` are taken and forgotten. What has an effect on AWS and none here is refused: `beyond` has the list.

mod attributes;
mod beyond;
mod capacity_providers;
mod clusters;
mod counts;
mod input;
mod page;
mod reference;
mod service_deployments;
mod service_input;
mod service_wire;
mod services;
mod tags;
mod task_definitions;
mod task_wire;
mod tasks;
mod validation;

use serde_json::{Value, json};

use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};

/// Carries out one action.
///
/// # Errors
/// The service's own.
#[expect(clippy::unused_async, reason = "all services are called the same way; some of them wait")]
pub async fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "CreateCluster" => clusters::create(emulator, input),
        "DescribeClusters" => clusters::describe(emulator, &input),
        "ListClusters" => clusters::list(emulator, &input),
        "UpdateCluster" | "UpdateClusterSettings" => clusters::update(emulator, input),
        "DeleteCluster" => clusters::delete(emulator, &input),
        "DescribeCapacityProviders" => capacity_providers::describe(emulator, &input),
        "RegisterTaskDefinition" => task_definitions::register::register(emulator, input),
        "DescribeTaskDefinition" => task_definitions::describe(emulator, &input),
        "ListTaskDefinitions" => task_definitions::list(emulator, &input),
        "ListTaskDefinitionFamilies" => task_definitions::list_families(emulator, &input),
        "DeregisterTaskDefinition" => task_definitions::deregister(emulator, &input),
        "DeleteTaskDefinitions" => task_definitions::delete(emulator, &input),
        "CreateService" => services::create::create(emulator, input),
        "UpdateService" => services::update::update(emulator, input),
        "DescribeServices" => services::describe(emulator, &input),
        "ListServices" => services::list(emulator, &input),
        "DeleteService" => services::delete(emulator, &input),
        "DescribeServiceDeployments" => service_deployments::describe(emulator, &input),
        "ListServiceDeployments" => service_deployments::list(emulator, &input),
        "DescribeServiceRevisions" => service_deployments::describe_revisions(emulator, &input),
        "StopServiceDeployment" => service_deployments::stop(emulator, &input),
        "RunTask" => tasks::run::run(emulator, input),
        "StopTask" => tasks::stop(emulator, &input),
        "DescribeTasks" => tasks::describe(emulator, &input),
        "ListTasks" => tasks::list(emulator, &input),
        "TagResource" => tags::add(emulator, &input),
        "UntagResource" => tags::remove(emulator, &input),
        "ListTagsForResource" => tags::list(emulator, &input),
        // The daemon has no shell to hand out, no instances, no task sets, no daemons, no gateways.
        _ => Err(AwsError::unsupported(action)),
    }
}

/// A parameter that AWS does not take.
fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}

/// What AWS does not do for this client.
fn refused(message: impl Into<String>) -> AwsError {
    AwsError::client("ClientException", message)
}

/// An entry of `failures`.
fn failure(arn: &str) -> Value {
    json!({ "arn": arn, "reason": "MISSING" })
}

/// Checks the flags of `include`.
fn includes<'a>(given: &'a [String], known: &[&str]) -> Answer<Vec<&'a str>> {
    match given.iter().find(|flag| !known.contains(&flag.as_str())) {
        Some(_) => Err(invalid(format!("include should be one of [{}]", known.join(",")))),
        None => Ok(given.iter().map(String::as_str).collect()),
    }
}

/// Adds `nextToken` to an answer where there is more.
fn with_token(mut answer: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        answer["nextToken"] = token.into();
    }
    answer
}

/// Checks a member that may have few values.
fn one_of(member: &str, given: &str, known: &[&str]) -> Answer<()> {
    if known.contains(&given) {
        return Ok(());
    }
    Err(invalid(format!("{member} should be one of [{}], but was {given}", known.join(","))))
}

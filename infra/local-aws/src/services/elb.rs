//! ELBv2, as far as a deploy and its operators need it: application load balancers with one HTTP listener,
//! target groups of type `ip`. Changes the store; the balancer follows.
//!
//! A load balancer here has no address of its own: its listener on port N is `127.0.0.1:N`.

mod input;
mod listeners;
mod load_balancers;
mod tags;
mod target_groups;
mod targets;

use serde_json::{Value, json};

use self::input::Input;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::elb::{Elb, LoadBalancer, TargetGroup};

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    let input = Input::of(input)?;
    match action {
        "CreateLoadBalancer" => load_balancers::create(emulator, &input),
        "DeleteLoadBalancer" => load_balancers::delete(emulator, &input),
        "DescribeLoadBalancers" => load_balancers::describe(emulator, &input),
        "DescribeLoadBalancerAttributes" => load_balancers::describe_attributes(emulator, &input),
        "ModifyLoadBalancerAttributes" => load_balancers::modify_attributes(emulator, &input),
        "CreateListener" => listeners::create(emulator, &input),
        "DeleteListener" => listeners::delete(emulator, &input),
        "DescribeListeners" => listeners::describe(emulator, &input),
        "DescribeRules" => listeners::describe_rules(emulator, &input),
        "CreateTargetGroup" => target_groups::create(emulator, &input),
        "DeleteTargetGroup" => target_groups::delete(emulator, &input),
        "DescribeTargetGroups" => target_groups::describe(emulator, &input),
        "ModifyTargetGroup" => target_groups::modify(emulator, &input),
        "DescribeTargetGroupAttributes" => target_groups::describe_attributes(emulator, &input),
        "ModifyTargetGroupAttributes" => target_groups::modify_attributes(emulator, &input),
        "RegisterTargets" => targets::register(emulator, &input),
        "DeregisterTargets" => targets::deregister(emulator, &input),
        "DescribeTargetHealth" => targets::describe_health(emulator, &input),
        "AddTags" => tags::add(emulator, &input),
        "RemoveTags" => tags::remove(emulator, &input),
        "DescribeTags" => tags::describe(emulator, &input),
        _ => Err(AwsError::client(
            "InvalidAction",
            format!("Could not find operation {action} for version 2015-12-01, or the local emulator does not have it"),
        )),
    }
}

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationError", message)
}

/// ELB's code for what AWS has and is not to be had here.
fn unsupported(what: impl std::fmt::Display) -> AwsError {
    AwsError::client("OperationNotPermitted", format!("{what} is not supported by the local emulator"))
}

fn no_load_balancer() -> AwsError {
    AwsError::client("LoadBalancerNotFound", "One or more load balancers not found")
}

fn no_target_group() -> AwsError {
    AwsError::client("TargetGroupNotFound", "One or more target groups not found")
}

fn no_listener() -> AwsError {
    AwsError::client("ListenerNotFound", "One or more listeners not found")
}

/// A target group to change. An ARN of something else is a mistake of another kind than one of something gone.
fn target_group<'a>(elb: &'a mut Elb, arn: &str) -> Answer<&'a mut TargetGroup> {
    if !arn.contains(":targetgroup/") {
        return Err(validation(format!("'{arn}' is not a valid target group ARN")));
    }
    elb.target_groups.get_mut(arn).ok_or_else(no_target_group)
}

fn load_balancer<'a>(elb: &'a mut Elb, arn: &str) -> Answer<&'a mut LoadBalancer> {
    if !arn.contains(":loadbalancer/") {
        return Err(validation(format!("'{arn}' is not a valid load balancer ARN")));
    }
    elb.load_balancers.get_mut(arn).ok_or_else(no_load_balancer)
}

/// Names of load balancers and target groups: at most 32 letters, digits and hyphens.
fn check_name(what: &str, name: &str) -> Answer<()> {
    if name.len() > 32 {
        return Err(validation(format!("{what} name '{name}' cannot be longer than '32' characters")));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(validation(format!(
            "{what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(validation(format!("{what} name '{name}' cannot begin or end with '-'")));
    }
    if name.starts_with("internal-") {
        return Err(validation(format!("{what} name '{name}' cannot begin with 'internal-'")));
    }
    Ok(())
}

/// Attributes as `Describe…Attributes` answers them.
fn attributes<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    let list = pairs.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect::<Vec<_>>();
    json!({ "Attributes": list })
}

/// One page of a listing, in the order of ARNs: `PageSize` is at most 400, `Marker` is the last ARN of the page before.
fn page<T>(input: &Input, key: &str, all: &[(String, T)], render: impl Fn(&str, &T) -> Value) -> Answer<Value> {
    let size = input.number("PageSize", 1..=400)?.unwrap_or(400) as usize;
    let marker = input.text("Marker")?;
    let after = all.iter().filter(|(arn, _)| marker.is_none_or(|marker| arn.as_str() > marker)).collect::<Vec<_>>();
    let shown = &after[..after.len().min(size)];
    let list = shown.iter().map(|(arn, one)| render(arn, one)).collect::<Vec<_>>();
    let mut output = json!({ key: list });
    if let Some((last, _)) = shown.last().filter(|_| after.len() > size) {
        output["NextMarker"] = json!(last);
    }
    Ok(output)
}

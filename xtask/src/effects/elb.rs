//! Elastic Load Balancing's API, one function a call: target groups, the health of targets, load balancers and their
//! listeners. Everything here only looks.

use std::collections::BTreeMap;

use super::aws::{Api, Aws, Call, CallError, Element, child, members, number, text};
use crate::ecs::{Balancer, Listener, TargetGroup, TargetHealth};

/// `DescribeTargetGroups` by name; `None` where there is none.
///
/// # Errors
/// ELB's and the network's.
pub fn target_group(aws: &Aws, name: &str) -> Result<Option<TargetGroup>, CallError> {
    one_target_group(aws, ("Names.member.1", name))
}

/// `DescribeTargetGroups` by ARN; `None` where there is none.
///
/// # Errors
/// As above.
pub fn target_group_by_arn(aws: &Aws, arn: &str) -> Result<Option<TargetGroup>, CallError> {
    one_target_group(aws, ("TargetGroupArns.member.1", arn))
}

fn one_target_group(aws: &Aws, which: (&str, &str)) -> Result<Option<TargetGroup>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetGroups");
    let found = aws.call_query(call, &[which], |result| {
        members(result, "TargetGroups").map(read_target_group).collect::<Option<Vec<_>>>()
    });
    first(found, "TargetGroupNotFound")
}

/// `DescribeTargetGroupAttributes`: such as `deregistration_delay.timeout_seconds`.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_group_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetGroupAttributes");
    aws.call_query(call, &[("TargetGroupArn", arn)], attributes)
}

/// `DescribeTargetHealth`: every target that is registered or draining.
///
/// # Errors
/// As above; `TargetGroupNotFound`.
pub fn target_health(aws: &Aws, arn: &str) -> Result<Vec<TargetHealth>, CallError> {
    let call = Call::new(Api::Elb, "DescribeTargetHealth");
    aws.call_query(call, &[("TargetGroupArn", arn)], |result| {
        members(result, "TargetHealthDescriptions").map(read_health).collect()
    })
}

/// `DescribeLoadBalancers` by ARN or name; `None` where there is none.
///
/// # Errors
/// ELB's and the network's.
pub fn load_balancer(aws: &Aws, arn_or_name: &str) -> Result<Option<Balancer>, CallError> {
    let member = if arn_or_name.starts_with("arn:") { "LoadBalancerArns.member.1" } else { "Names.member.1" };
    let found = aws.call_query(Call::new(Api::Elb, "DescribeLoadBalancers"), &[(member, arn_or_name)], |result| {
        members(result, "LoadBalancers").map(read_balancer).collect::<Option<Vec<_>>>()
    });
    first(found, "LoadBalancerNotFound")
}

/// `DescribeLoadBalancerAttributes`: such as `idle_timeout.timeout_seconds`.
///
/// # Errors
/// As above; `LoadBalancerNotFound`.
pub fn load_balancer_attributes(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    let call = Call::new(Api::Elb, "DescribeLoadBalancerAttributes");
    aws.call_query(call, &[("LoadBalancerArn", arn)], attributes)
}

/// `DescribeListeners` of a load balancer. AWS allows 50 of them, which one page holds.
///
/// # Errors
/// As above; `LoadBalancerNotFound`.
pub fn listeners(aws: &Aws, arn: &str) -> Result<Vec<Listener>, CallError> {
    aws.call_query(Call::new(Api::Elb, "DescribeListeners"), &[("LoadBalancerArn", arn)], |result| {
        let listener = |one: Element<'_>| {
            Some(Listener {
                arn: text(one, "ListenerArn")?,
                port: number(one, "Port"),
                protocol: text(one, "Protocol"),
            })
        };
        members(result, "Listeners").map(listener).collect()
    })
}

fn first<T>(found: Result<Vec<T>, CallError>, absent: &str) -> Result<Option<T>, CallError> {
    match found {
        Ok(found) => Ok(found.into_iter().next()),
        Err(error) if error.is(&[absent]) => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_target_group(one: Element<'_>) -> Option<TargetGroup> {
    let arns = child(one, "LoadBalancerArns");
    let arns = arns.iter().flat_map(Element::children).filter(Element::is_element).filter_map(|arn| arn.text());
    Some(TargetGroup {
        arn: text(one, "TargetGroupArn")?,
        name: text(one, "TargetGroupName")?,
        port: number(one, "Port"),
        protocol: text(one, "Protocol"),
        target_type: text(one, "TargetType").unwrap_or_else(|| "instance".to_owned()),
        health_check_path: text(one, "HealthCheckPath"),
        // `GrpcCode` for targets that speak gRPC.
        matcher: child(one, "Matcher").and_then(|matcher| text(matcher, "HttpCode")),
        interval_seconds: number(one, "HealthCheckIntervalSeconds"),
        timeout_seconds: number(one, "HealthCheckTimeoutSeconds"),
        healthy_threshold: number(one, "HealthyThresholdCount"),
        unhealthy_threshold: number(one, "UnhealthyThresholdCount"),
        load_balancer_arns: arns.map(|arn| arn.trim().to_owned()).collect(),
    })
}

fn read_health(one: Element<'_>) -> Option<TargetHealth> {
    let (target, health) = (child(one, "Target")?, child(one, "TargetHealth")?);
    Some(TargetHealth {
        address: text(target, "Id")?,
        port: number(target, "Port").unwrap_or_default(),
        state: text(health, "State")?,
        reason: text(health, "Reason"),
        description: text(health, "Description"),
    })
}

fn read_balancer(one: Element<'_>) -> Option<Balancer> {
    Some(Balancer {
        arn: text(one, "LoadBalancerArn")?,
        name: text(one, "LoadBalancerName")?,
        dns_name: text(one, "DNSName")?,
        scheme: text(one, "Scheme"),
        state: child(one, "State").and_then(|state| text(state, "Code")),
    })
}

fn attributes(result: Element<'_>) -> Option<BTreeMap<String, String>> {
    let pair = |one: Element<'_>| Some((text(one, "Key")?, text(one, "Value").unwrap_or_default()));
    members(result, "Attributes").map(pair).collect()
}

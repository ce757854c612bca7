//! Target groups: how targets are checked and drained.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Input, attributes, check_name, no_load_balancer, no_target_group, page, target_group, unsupported, validation,
};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::elb::{Elb, TargetGroup, TargetHealthCheck, target_group_arn};

const CHECK: [&str; 9] = [
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckEnabled",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
];

const DELAY: &str = "deregistration_delay.timeout_seconds";
const ALGORITHM: &str = "load_balancing.algorithm.type";
/// Attributes that can be read, and set to what they are only.
const FIXED: [(&str, &str); 4] = [
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.enabled", "false"),
    ("stickiness.type", "lb_cookie"),
];

fn render(elb: &Elb, arn: &str, group: &TargetGroup) -> Value {
    let check = &group.health_check;
    json!({
        "TargetGroupArn": arn,
        "TargetGroupName": group.name,
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": group.port,
        "TargetType": "ip",
        "IpAddressType": "ipv4",
        "HealthCheckEnabled": true,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port",
        "HealthCheckPath": check.path,
        "HealthCheckIntervalSeconds": check.interval_seconds,
        "HealthCheckTimeoutSeconds": check.timeout_seconds,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        "Matcher": { "HttpCode": check.matcher },
        "LoadBalancerArns": elb.load_balancer_of(arn).map(|(arn, _)| arn).into_iter().collect::<Vec<_>>(),
    })
}

/// The health check that a call asks for, beginning with `check`.
fn checked(input: &Input, mut check: TargetHealthCheck) -> Answer<TargetHealthCheck> {
    input.only_value("HealthCheckProtocol", "HTTP")?;
    input.only_value("HealthCheckPort", "traffic-port")?;
    input.only_value("HealthCheckEnabled", "true")?;
    if let Some(path) = input.text("HealthCheckPath")? {
        // AWS: 1 to 1024 characters.
        if !path.starts_with('/') || path.len() > 1024 || path.parse::<hyper::Uri>().is_err() {
            return Err(validation(format!("Health check path '{path}' must begin with '/' and be a valid path")));
        }
        path.clone_into(&mut check.path);
    }
    // AWS: 5 to 300 seconds. 1 is for those who wait.
    if let Some(seconds) = input.number("HealthCheckIntervalSeconds", 1..=300)? {
        check.interval_seconds = seconds;
    }
    // AWS: 2 to 120 seconds.
    match input.number("HealthCheckTimeoutSeconds", 1..=120)? {
        Some(seconds) => check.timeout_seconds = seconds,
        None => check.timeout_seconds = check.timeout_seconds.min(check.interval_seconds),
    }
    if check.timeout_seconds > check.interval_seconds {
        return Err(validation("Health check interval must be greater than the timeout."));
    }
    // AWS: 2 to 10 for both.
    if let Some(count) = input.number("HealthyThresholdCount", 2..=10)? {
        check.healthy_threshold = count;
    }
    if let Some(count) = input.number("UnhealthyThresholdCount", 2..=10)? {
        check.unhealthy_threshold = count;
    }
    if let Some(matcher) = input.structure("Matcher")? {
        matcher.only(&["HttpCode"])?;
        let codes = matcher.required("HttpCode")?;
        // AWS: 200 to 499 for application load balancers.
        let valid = |code: &str| code.trim().parse::<u16>().is_ok_and(|code| (200..=499).contains(&code));
        if !codes.split(',').all(|part| part.split_once('-').map_or_else(|| valid(part), |(a, b)| valid(a) && valid(b)))
        {
            return Err(validation("Health check matcher HTTP code must be within '200-499'"));
        }
        codes.clone_into(&mut check.matcher);
    }
    Ok(check)
}

pub(super) fn create(emulator: &Emulator, input: &Input) -> Answer<Value> {
    let mut known = vec!["Name", "Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType", "Tags"];
    known.extend(CHECK);
    input.only(&known)?;
    let name = input.required("Name")?;
    check_name("Target group", name)?;
    input.only_value("Protocol", "HTTP")?;
    input.only_value("ProtocolVersion", "HTTP1")?;
    input.only_value("IpAddressType", "ipv4")?;
    // AWS's default is `instance`, and there are no instances here.
    if input.text("TargetType")? != Some("ip") {
        return Err(unsupported("A target group of another type than 'ip'"));
    }
    if input.text("Protocol")?.is_none() {
        return Err(validation("A protocol must be specified"));
    }
    let port = input.port("Port")?.ok_or_else(|| validation("A port must be specified"))?;
    let mut made = TargetGroup::new(name, port);
    made.health_check = checked(input, made.health_check)?;
    made.tags = input.tags()?;
    let arn = target_group_arn(&emulator.settings, name);
    emulator.store.write(|state| {
        if let Some(found) = state.elb.target_groups.get(&arn) {
            if (found.port, &found.health_check) != (made.port, &made.health_check) {
                return Err(AwsError::client(
                    "DuplicateTargetGroupName",
                    format!("A target group with the same name '{name}' exists, but with different settings"),
                ));
            }
        } else {
            state.elb.target_groups.insert(arn.clone(), made);
        }
        let group = state.elb.target_groups.get(&arn).ok_or_else(no_target_group)?;
        Ok(json!({ "TargetGroups": [render(&state.elb, &arn, group)] }))
    })
}

pub(super) fn delete(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn"])?;
    let arn = input.required("TargetGroupArn")?;
    emulator.store.write(|state| {
        target_group(&mut state.elb, arn)?;
        if state.elb.load_balancer_of(arn).is_some() {
            let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
            return Err(AwsError::client("ResourceInUse", message));
        }
        state.elb.target_groups.remove(arn);
        Ok(json!({}))
    })
}

pub(super) fn describe(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn", "TargetGroupArns", "Names", "Marker", "PageSize"])?;
    let (arns, names) = (input.texts("TargetGroupArns")?, input.texts("Names")?);
    let of = input.text("LoadBalancerArn")?;
    if usize::from(of.is_some()) + usize::from(!arns.is_empty()) + usize::from(!names.is_empty()) > 1 {
        return Err(validation(
            "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time",
        ));
    }
    let elb = emulator.store.read(|state| state.elb.clone());
    if of.is_some_and(|of| !elb.load_balancers.contains_key(of)) {
        return Err(no_load_balancer());
    }
    let missing = arns.iter().any(|arn| !elb.target_groups.contains_key(*arn))
        || names.iter().any(|name| !elb.target_groups.values().any(|group| group.name == *name));
    if missing {
        return Err(no_target_group());
    }
    let wanted = elb.target_groups.iter().filter(|(arn, group)| match of {
        Some(of) => elb.load_balancer_of(arn).is_some_and(|(found, _)| found == of),
        None => {
            (arns.is_empty() && names.is_empty())
                || arns.contains(&arn.as_str())
                || names.contains(&group.name.as_str())
        }
    });
    let wanted = wanted.map(|(arn, group)| (arn.clone(), group)).collect::<Vec<_>>();
    page(input, "TargetGroups", &wanted, |arn, group| render(&elb, arn, group))
}

pub(super) fn modify(emulator: &Emulator, input: &Input) -> Answer<Value> {
    let mut known = vec!["TargetGroupArn"];
    known.extend(CHECK);
    input.only(&known)?;
    let arn = input.required("TargetGroupArn")?;
    emulator.store.write(|state| {
        let group = target_group(&mut state.elb, arn)?;
        group.health_check = checked(input, group.health_check.clone())?;
        let group = state.elb.target_groups.get(arn).ok_or_else(no_target_group)?;
        Ok(json!({ "TargetGroups": [render(&state.elb, arn, group)] }))
    })
}

fn rendered_attributes(delay: u32, set: &BTreeMap<String, String>) -> Value {
    let algorithm = set.get(ALGORITHM).map_or("round_robin", String::as_str).to_owned();
    let own = [(DELAY, delay.to_string()), (ALGORITHM, algorithm)];
    attributes(own.into_iter().chain(FIXED.iter().map(|(key, value)| (*key, (*value).to_owned()))))
}

pub(super) fn describe_attributes(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn"])?;
    let arn = input.required("TargetGroupArn")?;
    emulator.store.read(|state| {
        let group = state.elb.target_groups.get(arn).ok_or_else(no_target_group)?;
        Ok(rendered_attributes(group.deregistration_delay_seconds, &group.attributes))
    })
}

pub(super) fn modify_attributes(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn", "Attributes"])?;
    let arn = input.required("TargetGroupArn")?;
    let (mut delay, mut algorithm) = (None, None);
    for attribute in input.structures("Attributes")? {
        let (key, value) = (attribute.required("Key")?, attribute.text("Value")?.unwrap_or_default());
        match key {
            // AWS: 0 to 3600 seconds.
            DELAY => delay = attribute.number("Value", 0..=3600)?,
            ALGORITHM if ["round_robin", "least_outstanding_requests"].contains(&value) => {
                algorithm = Some(value.to_owned());
            }
            _ => match FIXED.iter().find(|(fixed, _)| *fixed == key) {
                Some((_, only)) if value == *only => {}
                None if key != ALGORITHM => {
                    return Err(validation(format!("Target group attribute key '{key}' is not recognized")));
                }
                _ => return Err(unsupported(format!("The value '{value}' of '{key}'"))),
            },
        }
    }
    emulator.store.write(|state| {
        let group = target_group(&mut state.elb, arn)?;
        if let Some(delay) = delay {
            group.deregistration_delay_seconds = delay;
        }
        if let Some(algorithm) = algorithm {
            group.attributes.insert(ALGORITHM.to_owned(), algorithm);
        }
        Ok(rendered_attributes(group.deregistration_delay_seconds, &group.attributes))
    })
}

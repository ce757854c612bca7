//! Targets and their health.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use super::{Input, no_target_group, target_group, validation};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::elb::{Target, TargetState};
use crate::time::Timestamp;

/// The targets of a call, none of them twice.
fn given(input: &Input, default: u16) -> Answer<Vec<(IpAddr, u16)>> {
    let mut all = Vec::new();
    for target in input.structures("Targets")? {
        let target = target.target(default)?;
        if !all.contains(&target) {
            all.push(target);
        }
    }
    Ok(all)
}

/// AWS takes private addresses only; loopback is our own.
fn is_allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            // RFC 6598's shared space beside RFC 1918's private one.
            address.is_loopback() || address.is_private() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(address) => address.is_loopback(),
    }
}

pub(super) fn register(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn", "Targets"])?;
    let arn = input.required("TargetGroupArn")?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let group = target_group(&mut state.elb, arn)?;
        let targets = given(input, group.port)?;
        if targets.is_empty() {
            return Err(validation("At least one target must be specified"));
        }
        if let Some((address, _)) = targets.iter().find(|(address, _)| !is_allowed(*address)) {
            return Err(AwsError::client(
                "InvalidTarget",
                format!("The IP address '{address}' is not within a private or shared range"),
            ));
        }
        for (address, port) in targets {
            group.register(address, port, SocketAddr::new(address, port), now);
        }
        Ok(json!({}))
    })
}

pub(super) fn deregister(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn", "Targets"])?;
    let arn = input.required("TargetGroupArn")?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let group = target_group(&mut state.elb, arn)?;
        let mut gone = Vec::new();
        for target in input.structures("Targets")? {
            let (address, port) = target.target(group.port)?;
            // AWS: without a port, all ports of the address.
            let every = target.text("Port")?.is_none();
            let ports = group.targets.iter().filter(|one| one.address == address && (every || one.port == port));
            gone.extend(ports.map(|one| (one.address, one.port)));
        }
        for (address, port) in gone {
            group.deregister(address, port, now);
        }
        Ok(json!({}))
    })
}

pub(super) fn describe_health(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["TargetGroupArn", "Targets", "Include"])?;
    let arn = input.required("TargetGroupArn")?;
    if !arn.contains(":targetgroup/") {
        return Err(validation(format!("'{arn}' is not a valid target group ARN")));
    }
    emulator.store.read(|state| {
        let group = state.elb.target_groups.get(arn).ok_or_else(no_target_group)?;
        let in_use = state.elb.load_balancer_of(arn).is_some();
        let asked = given(input, group.port)?;
        let find = |place: &(IpAddr, u16)| group.targets.iter().find(|one| (one.address, one.port) == *place);
        let descriptions = if asked.is_empty() {
            group.targets.iter().map(|target| render(target.address, target.port, Some(target), in_use)).collect()
        } else {
            asked.iter().map(|place| render(place.0, place.1, find(place), in_use)).collect::<Vec<_>>()
        };
        Ok(json!({ "TargetHealthDescriptions": descriptions }))
    })
}

fn render(address: IpAddr, port: u16, target: Option<&Target>, in_use: bool) -> Value {
    let health = match target {
        None => health("unused", Some("Target.NotRegistered"), Some("Target is not registered to the target group")),
        Some(target) if target.state == TargetState::Draining => {
            health("draining", target.reason.as_deref(), target.description.as_deref())
        }
        Some(_) if !in_use => health(
            "unused",
            Some("Target.NotInUse"),
            Some("Target group is not configured to receive traffic from the load balancer"),
        ),
        Some(target) => {
            let state = match target.state {
                TargetState::Initial => "initial",
                TargetState::Healthy => "healthy",
                TargetState::Unhealthy => "unhealthy",
                TargetState::Draining => "draining",
            };
            health(state, target.reason.as_deref(), target.description.as_deref())
        }
    };
    json!({
        "Target": { "Id": address.to_string(), "Port": port },
        "HealthCheckPort": port.to_string(),
        "TargetHealth": health,
    })
}

fn health(state: &str, reason: Option<&str>, description: Option<&str>) -> Value {
    let mut health = json!({ "State": state });
    if let Some(reason) = reason {
        health["Reason"] = json!(reason);
    }
    if let Some(description) = description {
        health["Description"] = json!(description);
    }
    health
}

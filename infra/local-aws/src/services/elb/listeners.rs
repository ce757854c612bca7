//! Listeners, and the one rule that each has.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::{Input, load_balancer, no_listener, no_load_balancer, no_target_group, page, unsupported, validation};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::elb::Listener;

fn actions(listener: &Listener) -> Value {
    json!([{
        "Type": "forward",
        "TargetGroupArn": listener.target_group,
        "ForwardConfig": {
            "TargetGroups": [{ "TargetGroupArn": listener.target_group, "Weight": 1 }],
            "TargetGroupStickinessConfig": { "Enabled": false },
        },
    }])
}

fn render(load_balancer: &str, listener: &Listener) -> Value {
    json!({
        "ListenerArn": listener.arn,
        "LoadBalancerArn": load_balancer,
        "Port": listener.address.port(),
        "Protocol": "HTTP",
        "DefaultActions": actions(listener),
    })
}

/// The target group that `DefaultActions` forward to.
fn forwarded_to(input: &Input) -> Answer<String> {
    let actions = input.structures("DefaultActions")?;
    let [action] = actions.as_slice() else {
        return Err(validation("A listener must have exactly one default action"));
    };
    action.only(&["Type", "TargetGroupArn", "ForwardConfig", "Order"])?;
    action.only_value("Type", "forward")?;
    if let Some(arn) = action.text("TargetGroupArn")? {
        return Ok(arn.to_owned());
    }
    let config = action
        .structure("ForwardConfig")?
        .ok_or_else(|| validation("A target group ARN must be specified for an action of type 'forward'"))?;
    let groups = config.structures("TargetGroups")?;
    match groups.as_slice() {
        [group] => Ok(group.required("TargetGroupArn")?.to_owned()),
        _ => Err(unsupported("Forwarding to several target groups")),
    }
}

pub(super) fn create(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn", "Protocol", "Port", "DefaultActions", "Tags"])?;
    let arn = input.required("LoadBalancerArn")?;
    input.required("Protocol")?;
    input.only_value("Protocol", "HTTP")?;
    input.required("Port")?;
    let port = input.port("Port")?.unwrap_or_default();
    let group = forwarded_to(input)?;
    let tags = input.tags()?;
    emulator.store.write(|state| {
        if !state.elb.target_groups.contains_key(&group) {
            return Err(no_target_group());
        }
        if state.elb.load_balancer_of(&group).is_some_and(|(other, _)| other != arn) {
            return Err(AwsError::client(
                "TargetGroupAssociationLimit",
                format!("The following target groups cannot be associated with more than one load balancer: {group}"),
            ));
        }
        let found = load_balancer(&mut state.elb, arn)?;
        match &found.listener {
            Some(listener) if listener.address.port() == port => {
                return Err(AwsError::client(
                    "DuplicateListener",
                    format!("A listener already exists on this port for this load balancer '{arn}'"),
                ));
            }
            Some(_) => return Err(unsupported("A second listener of a load balancer")),
            None => {}
        }
        found.listen(&emulator.settings, SocketAddr::from((Ipv4Addr::LOCALHOST, port)), group);
        let listener = found.listener.as_mut().ok_or_else(no_listener)?;
        listener.tags = tags;
        Ok(json!({ "Listeners": [render(arn, listener)] }))
    })
}

pub(super) fn delete(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["ListenerArn"])?;
    let arn = input.required("ListenerArn")?;
    emulator.store.write(|state| {
        let found = state
            .elb
            .load_balancers
            .values_mut()
            .find(|one| one.listener.as_ref().is_some_and(|listener| listener.arn == arn));
        found.ok_or_else(no_listener)?.listener = None;
        Ok(json!({}))
    })
}

pub(super) fn describe(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn", "ListenerArns", "Marker", "PageSize"])?;
    let (of, arns) = (input.text("LoadBalancerArn")?, input.texts("ListenerArns")?);
    if of.is_none() && arns.is_empty() {
        return Err(validation("You must specify either listener ARNs or a load balancer ARN"));
    }
    let all = listeners(emulator);
    if of.is_some_and(|of| !emulator.store.read(|state| state.elb.load_balancers.contains_key(of))) {
        return Err(no_load_balancer());
    }
    if arns.iter().any(|arn| !all.iter().any(|(known, _)| known == arn)) {
        return Err(no_listener());
    }
    let wanted = all.into_iter().filter(|(arn, (load_balancer, _))| {
        of.is_none_or(|of| of == load_balancer) && (arns.is_empty() || arns.contains(&arn.as_str()))
    });
    page(input, "Listeners", &wanted.collect::<Vec<_>>(), |_, (load_balancer, listener)| {
        render(load_balancer, listener)
    })
}

pub(super) fn describe_rules(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["ListenerArn", "RuleArns", "Marker", "PageSize"])?;
    let (of, arns) = (input.text("ListenerArn")?, input.texts("RuleArns")?);
    if of.is_some() != arns.is_empty() {
        return Err(validation("You must specify either listener rule ARNs or a listener ARN"));
    }
    let all = listeners(emulator);
    if of.is_some_and(|of| !all.iter().any(|(arn, _)| arn == of)) {
        return Err(no_listener());
    }
    if arns.iter().any(|arn| !all.iter().any(|(_, (_, listener))| listener.rule_arn() == *arn)) {
        return Err(AwsError::client("RuleNotFound", "One or more rules not found"));
    }
    let wanted = all
        .into_iter()
        .filter(|(arn, (_, listener))| of.is_some_and(|of| of == arn) || arns.contains(&listener.rule_arn().as_str()));
    page(input, "Rules", &wanted.collect::<Vec<_>>(), |_, (_, listener)| {
        json!({
            "RuleArn": listener.rule_arn(),
            "Priority": "default",
            "Conditions": [],
            "Actions": actions(listener),
            "IsDefault": true,
        })
    })
}

/// All listeners by ARN, each with the ARN of its load balancer.
fn listeners(emulator: &Emulator) -> Vec<(String, (String, Listener))> {
    let mut all = emulator.store.read(|state| {
        let all = state.elb.load_balancers.iter();
        all.filter_map(|(arn, one)| {
            let listener = one.listener.clone()?;
            Some((listener.arn.clone(), (arn.clone(), listener)))
        })
        .collect::<Vec<_>>()
    });
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

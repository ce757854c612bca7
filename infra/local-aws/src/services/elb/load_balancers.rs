//! Load balancers and their attributes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Input, attributes, check_name, load_balancer, no_load_balancer, page, unsupported, validation};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::store::elb::{LoadBalancer, load_balancer_arn};
use crate::time::Timestamp;

const IDLE_TIMEOUT: &str = "idle_timeout.timeout_seconds";
/// Attributes that can be read, and set to what they are only.
const FIXED: [(&str, &str); 6] = [
    ("access_logs.s3.enabled", "false"),
    ("deletion_protection.enabled", "false"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "false"),
];

fn render(arn: &str, one: &LoadBalancer) -> Value {
    let problem = one.listener.as_ref().and_then(|listener| listener.problem.as_deref());
    let mut state = json!({ "Code": if problem.is_some() { "failed" } else { "active" } });
    if let Some(problem) = problem {
        state["Reason"] = json!(problem);
    }
    json!({
        "LoadBalancerArn": arn,
        // What a client connects to. AWS has a name of its own for each; here all are on loopback.
        "DNSName": one.listener.as_ref().map_or_else(|| "localhost".to_owned(), |one| one.address.ip().to_string()),
        "CreatedTime": one.created_at.to_string(),
        "LoadBalancerName": one.name,
        "Scheme": "internal",
        "State": state,
        "Type": "application",
        "IpAddressType": "ipv4",
        "AvailabilityZones": [],
        "SecurityGroups": [],
    })
}

pub(super) fn create(emulator: &Emulator, input: &Input) -> Answer<Value> {
    // Networks are not modelled: subnets and groups are taken, and mean nothing.
    input.only(&["Name", "Subnets", "SecurityGroups", "Scheme", "Type", "IpAddressType", "Tags"])?;
    let name = input.required("Name")?;
    check_name("Load balancer", name)?;
    input.only_value("Type", "application")?;
    input.only_value("IpAddressType", "ipv4")?;
    if let Some(scheme) = input.text("Scheme")?.filter(|scheme| !["internal", "internet-facing"].contains(scheme)) {
        return Err(validation(format!(
            "Load balancer scheme '{scheme}' must be one of 'internet-facing' or 'internal'"
        )));
    }
    let tags = input.tags()?;
    let arn = load_balancer_arn(&emulator.settings, name);
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let made = state.elb.load_balancers.entry(arn.clone()).or_insert_with(|| {
            let mut made = LoadBalancer::new(name, now);
            made.tags = tags;
            made
        });
        Ok(json!({ "LoadBalancers": [render(&arn, made)] }))
    })
}

pub(super) fn delete(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn"])?;
    let arn = input.required("LoadBalancerArn")?;
    emulator.store.write(|state| {
        // AWS: one that does not exist, or not any more, is a success.
        state.elb.load_balancers.remove(arn);
    });
    Ok(json!({}))
}

pub(super) fn describe(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArns", "Names", "Marker", "PageSize"])?;
    let (arns, names) = (input.texts("LoadBalancerArns")?, input.texts("Names")?);
    if !arns.is_empty() && !names.is_empty() {
        return Err(validation("Load balancer names and load balancer ARNs cannot be specified at the same time"));
    }
    let all = emulator.store.read(|state| state.elb.load_balancers.clone());
    let missing = arns.iter().any(|arn| !all.contains_key(*arn))
        || names.iter().any(|name| !all.values().any(|one| one.name == *name));
    if missing {
        return Err(no_load_balancer());
    }
    let wanted = all.into_iter().filter(|(arn, one)| {
        (arns.is_empty() && names.is_empty()) || arns.contains(&arn.as_str()) || names.contains(&one.name.as_str())
    });
    page(input, "LoadBalancers", &wanted.collect::<Vec<_>>(), render)
}

fn rendered_attributes(set: &BTreeMap<String, String>) -> Value {
    let idle = set.get(IDLE_TIMEOUT).cloned();
    let idle = idle.unwrap_or_else(|| crate::balancer::IDLE_TIMEOUT_SECONDS.to_string());
    attributes(FIXED.iter().map(|(key, value)| (*key, (*value).to_owned())).chain([(IDLE_TIMEOUT, idle)]))
}

pub(super) fn describe_attributes(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn"])?;
    let arn = input.required("LoadBalancerArn")?;
    emulator.store.read(|state| {
        let found = state.elb.load_balancers.get(arn).ok_or_else(no_load_balancer)?;
        Ok(rendered_attributes(&found.attributes))
    })
}

pub(super) fn modify_attributes(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["LoadBalancerArn", "Attributes"])?;
    let arn = input.required("LoadBalancerArn")?;
    let mut set = Vec::new();
    for attribute in input.structures("Attributes")? {
        let (key, value) = (attribute.required("Key")?, attribute.text("Value")?.unwrap_or_default());
        if key == IDLE_TIMEOUT {
            // AWS: 1 to 4000 seconds.
            attribute.number("Value", 1..=4000)?;
            set.push((key.to_owned(), value.to_owned()));
        } else if let Some((_, only)) = FIXED.iter().find(|(fixed, _)| *fixed == key) {
            if value != *only {
                return Err(unsupported(format!("The value '{value}' of '{key}'")));
            }
        } else {
            return Err(validation(format!("Load balancer attribute key '{key}' is not recognized")));
        }
    }
    emulator.store.write(|state| {
        let found = load_balancer(&mut state.elb, arn)?;
        found.attributes.extend(set);
        Ok(rendered_attributes(&found.attributes))
    })
}

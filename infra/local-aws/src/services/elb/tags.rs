//! Tags of load balancers, listeners and target groups.

use serde_json::{Value, json};

use super::{Input, load_balancer, no_listener, target_group, validation};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::store::elb::Elb;
use crate::store::task_definition::Tag;

/// AWS: at most 50 tags a resource.
const MOST: usize = 50;

/// The tags of a resource, whatever it is.
fn tags<'a>(elb: &'a mut Elb, arn: &str) -> Answer<&'a mut Vec<Tag>> {
    if arn.contains(":targetgroup/") {
        Ok(&mut target_group(elb, arn)?.tags)
    } else if arn.contains(":loadbalancer/") {
        Ok(&mut load_balancer(elb, arn)?.tags)
    } else if arn.contains(":listener/") {
        let mut listeners = elb.load_balancers.values_mut().filter_map(|one| one.listener.as_mut());
        let found = listeners.find(|listener| listener.arn == arn);
        Ok(&mut found.ok_or_else(no_listener)?.tags)
    } else {
        Err(validation(format!("'{arn}' is not a valid ARN of a resource that can be tagged")))
    }
}

fn resources(input: &Input) -> Answer<Vec<&str>> {
    let arns = input.texts("ResourceArns")?;
    if arns.is_empty() {
        input.required("ResourceArns")?;
    }
    Ok(arns)
}

pub(super) fn add(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["ResourceArns", "Tags"])?;
    let (arns, added) = (resources(input)?, input.tags()?);
    emulator.store.write(|state| {
        for arn in &arns {
            let found = tags(&mut state.elb, arn)?;
            let fresh = added.iter().filter(|tag| !found.iter().any(|old| old.key == tag.key)).count();
            if found.len() + fresh > MOST {
                let message = "You've reached the limit on the number of tags you can assign to the load balancer";
                return Err(AwsError::client("TooManyTags", message));
            }
        }
        for arn in arns {
            let found = tags(&mut state.elb, arn)?;
            found.retain(|old| !added.iter().any(|tag| tag.key == old.key));
            found.extend(added.iter().cloned());
        }
        Ok(json!({}))
    })
}

pub(super) fn remove(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["ResourceArns", "TagKeys"])?;
    let (arns, keys) = (resources(input)?, input.texts("TagKeys")?);
    emulator.store.write(|state| {
        for arn in &arns {
            tags(&mut state.elb, arn)?;
        }
        for arn in arns {
            tags(&mut state.elb, arn)?.retain(|tag| !keys.contains(&tag.key.as_str()));
        }
        Ok(json!({}))
    })
}

pub(super) fn describe(emulator: &Emulator, input: &Input) -> Answer<Value> {
    input.only(&["ResourceArns"])?;
    let arns = resources(input)?;
    // A copy, so that one look-up serves reading and changing.
    let mut elb = emulator.store.read(|state| state.elb.clone());
    let mut descriptions = Vec::new();
    for arn in arns {
        let list = tags(&mut elb, arn)?.iter().map(|tag| json!({ "Key": tag.key, "Value": tag.value }));
        descriptions.push(json!({ "ResourceArn": arn, "Tags": list.collect::<Vec<_>>() }));
    }
    Ok(json!({ "TagDescriptions": descriptions }))
}

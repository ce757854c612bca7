//! Lifecycle policies: checked as ECR checks them and kept. They are not carried out: images here are never expired.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{Named, existing, existing_mut, invalid, required};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::settings::ACCOUNT;

const MEMBER: &str = "LifecyclePolicyText";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    registry_id: Option<String>,
    repository_name: Option<String>,
    lifecycle_policy_text: Option<String>,
}

/// `PutLifecyclePolicy`.
pub(super) fn put(emulator: &Emulator, input: Put) -> Answer<Value> {
    let named = Named { registry_id: input.registry_id, repository_name: input.repository_name };
    let name = named.check()?;
    let text = required("lifecyclePolicyText", input.lifecycle_policy_text)?;
    // ECR's API reference: 100 to 30,720 characters.
    if !(100..=30_720).contains(&text.chars().count()) {
        return Err(invalid("lifecyclePolicyText", "Member must have length between 100 and 30720"));
    }
    check(&text)?;
    emulator.store.write(|state| {
        existing_mut(state, name)?.lifecycle_policy = Some(text.clone());
        Ok(answer(name, &text))
    })
}

/// `GetLifecyclePolicy`.
pub(super) fn get(emulator: &Emulator, input: &Named) -> Answer<Value> {
    let name = input.check()?;
    emulator.store.read(|state| {
        let text = existing(state, name)?.lifecycle_policy.as_deref().ok_or_else(|| no_policy(name))?;
        Ok(answer(name, text))
    })
}

/// `DeleteLifecyclePolicy`.
pub(super) fn delete(emulator: &Emulator, input: &Named) -> Answer<Value> {
    let name = input.check()?;
    emulator.store.write(|state| {
        let text = existing_mut(state, name)?.lifecycle_policy.take().ok_or_else(|| no_policy(name))?;
        Ok(answer(name, &text))
    })
}

fn answer(name: &str, text: &str) -> Value {
    json!({ "registryId": ACCOUNT, "repositoryName": name, "lifecyclePolicyText": text })
}

fn no_policy(name: &str) -> AwsError {
    let message = format!(
        "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{ACCOUNT}'"
    );
    AwsError::client("LifecyclePolicyNotFoundException", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policy {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    rule_priority: u32,
    #[serde(default, rename = "description")]
    _description: String,
    selection: Selection,
    #[serde(rename = "action")]
    _action: Action,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: TagStatus,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    #[serde(default, rename = "storageClass")]
    _storage_class: Option<String>,
    count_type: CountType,
    count_unit: Option<CountUnit>,
    count_number: u64,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountType {
    ImageCountMoreThan,
    SinceImagePushed,
    SinceImagePulled,
    SinceImageTransitioned,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountUnit {
    Days,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Action {
    #[serde(rename = "type")]
    _kind: ActionType,
    #[serde(default, rename = "targetStorageClass")]
    _target: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum ActionType {
    Expire,
    Transition,
}

/// What ECR checks when a policy is put.
fn check(text: &str) -> Answer<()> {
    let refused = |why: String| Err(invalid(MEMBER, format!("Lifecycle policy validation failure: {why}")));
    let policy: Policy = match serde_json::from_str(text) {
        Ok(policy) => policy,
        Err(error) => return refused(error.to_string()),
    };
    if policy.rules.is_empty() {
        return refused("rules must not be empty".to_owned());
    }
    let mut priorities = BTreeSet::new();
    for Rule { rule_priority, selection, .. } in &policy.rules {
        let at = format!("rule {rule_priority}");
        if *rule_priority == 0 || !priorities.insert(*rule_priority) {
            return refused(format!("{at}: rulePriority must be positive and unique"));
        }
        let lists =
            usize::from(!selection.tag_prefix_list.is_empty()) + usize::from(!selection.tag_pattern_list.is_empty());
        if lists != usize::from(selection.tag_status == TagStatus::Tagged) {
            return refused(format!("{at}: tagged goes with tagPrefixList or tagPatternList, nothing else does"));
        }
        if selection.count_number == 0 {
            return refused(format!("{at}: countNumber must be positive"));
        }
        if selection.count_unit.is_some() == (selection.count_type == CountType::ImageCountMoreThan) {
            return refused(format!("{at}: countUnit goes with counting days, and only with it"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(selection: &Value) -> Value {
        json!({ "rules": [{ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } }] })
    }

    #[test]
    fn policies() {
        let any = json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 30 });
        let untagged =
            json!({ "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1 });
        for valid in [policy(&any), policy(&untagged)] {
            assert_eq!(check(&valid.to_string()), Ok(()), "{valid}");
        }
        let with = |key: &str, value: Value| {
            let mut selection = untagged.clone();
            selection[key] = value;
            policy(&selection)
        };
        let mut twice = policy(&any);
        let rule = twice["rules"][0].clone();
        twice["rules"].as_array_mut().unwrap().push(rule);
        for bad in [
            json!({ "rules": [] }),
            json!({}),
            twice,
            with("tagStatus", json!("tagged")),
            with("tagStatus", json!("some")),
            with("tagPrefixList", json!(["a"])),
            with("countNumber", json!(0)),
            with("countUnit", Value::Null),
            with("countUnit", json!("weeks")),
            with("countType", json!("imageCountMoreThan")),
            with("other", json!(1)),
        ] {
            assert_eq!(check(&bad.to_string()).unwrap_err().code, "InvalidParameterException", "{bad}");
        }
    }
}

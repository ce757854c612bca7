//! Changes of a deploy: the desired documents compared with the running ones. A document and AWS's response to it
//! compare equal. Not here: handling of changes (`plan`).

mod leaves;
mod normalise;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value, json};

use self::leaves::Leaves;
use super::shapes::{Root, Shapes};
use super::{Revision, Service, ServiceDocument, TaskDefinition};

/// Prefix of the service's members in a path.
const SERVICE: &str = "service.";

/// Members that identify a service, or that the deploy sets.
const NOT_COMPARED: [&str; 5] = ["cluster", "serviceName", "taskDefinition", "clientToken", "tags"];

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Readable path: `app.image`, `nginx.environment.LOG_LEVEL`, `task.cpu`, `service.desiredCount`.
    pub path: String,
    /// Running value; `None` for an added member.
    pub before: Option<String>,
    /// Desired value; `None` for a removed member.
    pub after: Option<String>,
}

impl Change {
    /// Returns whether the change requires a new service.
    pub fn needs_new_service(&self) -> bool {
        let member = self.path.strip_prefix(SERVICE).and_then(|path| path.split('.').next());
        member.is_some_and(|member| member != "tags" && !Shapes::of_ecs().has(Root::ServiceUpdate, member))
    }

    /// Returns whether it is a tag of the service. `TagResource` changes tags, `UpdateService` does not.
    pub fn is_tag_of_service(&self) -> bool {
        self.path.strip_prefix(SERVICE).is_some_and(|path| path.starts_with("tags."))
    }

    /// Returns whether `UpdateService` requires `forceNewDeployment` for it (Amazon ECS API, UpdateService).
    pub fn forces_deployment(&self) -> bool {
        self.path.strip_prefix(SERVICE).is_some_and(|path| path.starts_with("capacityProviderStrategy"))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Option<String>| match text {
            Some(text) if text.is_empty() => "\"\"".to_owned(),
            Some(text) => text.clone(),
            None => "(none)".to_owned(),
        };
        write!(f, "{}: {} → {}", self.path, shown(&self.before), shown(&self.after))
    }
}

/// Returns the changes of the desired task definition compared with a revision. AWS's defaults and read-only members
/// are not changes; tags that are not in the template are not compared.
pub fn task_definition_changes(desired: &TaskDefinition, running: &Revision) -> Vec<Change> {
    let shapes = Shapes::of_ecs();
    let compared = |document: &Map<String, Value>| {
        let known = shapes.known(Root::TaskDefinition, document);
        let ours = known.into_iter().filter(|(name, _)| shapes.has(Root::TaskDefinitionInput, name));
        Leaves::of(&normalise::task_definition(ours.collect()))
    };
    let before = compared(&running.document);
    let after = compared(desired.document());
    let human = |path: &str| match path.strip_prefix("containerDefinitions.") {
        Some(container) => container.to_owned(),
        None => format!("task.{path}"),
    };
    let mut changes = differences(&before.values, &after.values, human);
    changes.extend(tag_changes(desired.document(), &running.tags, "task.tags"));
    changes
}

/// Returns the changes of the desired service compared with the running one. Members that are not in the template stay
/// unchanged, as in `UpdateService`; lists in the template are compared as a whole.
pub fn service_changes(desired: &ServiceDocument, running: &Service) -> Vec<Change> {
    let given = desired.document().iter().filter(|(name, value)| is_compared(name, value));
    let given: Map<String, Value> = given.map(|(name, value)| (name.clone(), value.clone())).collect();
    let found = given.iter().filter_map(|(name, wanted)| Some((name.clone(), answered(running, name, wanted)?)));
    let before = Leaves::of(&normalise::running_service(found.collect()));
    let after = Leaves::of(&normalise::desired_service(given));
    let is_asked = |path: &String| after.values.contains_key(path) || after.is_in_list(path);
    let before: BTreeMap<String, String> = before.values.into_iter().filter(|(path, _)| is_asked(path)).collect();
    let mut changes = differences(&before, &after.values, |path| format!("{SERVICE}{path}"));
    changes.extend(tag_changes(desired.document(), &running.tags, "service.tags"));
    changes
}

/// Returns the members of AWS's response that this program does not know. They are not compared, and would not be part
/// of a new revision.
pub fn unknown_members(running: &Revision) -> Vec<String> {
    Shapes::of_ecs().unknown(Root::TaskDefinition, &running.document)
}

/// Returns the unknown members of a service; see `unknown_members`.
pub fn unknown_members_of_service(running: &Service) -> Vec<String> {
    Shapes::of_ecs().unknown(Root::Service, &running.document)
}

fn is_compared(name: &str, value: &Value) -> bool {
    // `LATEST` is AWS's newest version at the next deployment; responses contain its number.
    let is_latest = name == "platformVersion" && value == "LATEST";
    !is_latest && !NOT_COMPARED.contains(&name)
}

/// Returns the running value of a member of `CreateService`: some are in the newest deployment, one has another name.
fn answered(running: &Service, name: &str, wanted: &Value) -> Option<Value> {
    if name == "role" {
        let arn = running.document.get("roleArn")?.as_str()?;
        let is_arn = wanted.as_str().is_some_and(|wanted| wanted.starts_with("arn:"));
        let role = if is_arn { Some(arn) } else { arn.rsplit('/').next() };
        return role.map(|role| json!(role));
    }
    let deployment = running.document.get("deployments").and_then(|deployments| deployments.get(0));
    running.document.get(name).or_else(|| deployment.and_then(|deployment| deployment.get(name))).cloned()
}

fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    human: impl Fn(&str) -> String,
) -> Vec<Change> {
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    let change = |path: &String| Change {
        path: human(path),
        before: before.get(path).cloned(),
        after: after.get(path).cloned(),
    };
    paths.into_iter().map(change).filter(|change| change.before != change.after).collect()
}

/// Returns the changed tags of the template. Other tags are ignored, such as those that a deploy records.
fn tag_changes(document: &Map<String, Value>, running: &BTreeMap<String, String>, path: &str) -> Vec<Change> {
    let tags = document.get("tags").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of = |tag: &Value, member: &str| tag.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let change = |tag: &Value| {
        let key = of(tag, "key");
        let (before, after) = (running.get(&key).cloned(), Some(of(tag, "value")));
        Change { path: format!("{path}.{key}"), before, after }
    };
    tags.iter().map(change).filter(|change| change.before != change.after).collect()
}

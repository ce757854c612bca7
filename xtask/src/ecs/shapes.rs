//! Members of AWS's inputs and their types. `shapes.json` is derived from the service model of botocore 1.44.8 (Amazon
//! ECS API of 2014-11-13): a new member of AWS is one word there. `name!` is a required member, `[x]` a list, `{x}` a
//! map with arbitrary keys. Not here: valid combinations of values (`checks`).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::findings::Finding;
use super::places::below;
use crate::project::parse::suggestions;

/// The type of a whole document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// Input of `RegisterTaskDefinition`.
    TaskDefinitionInput,
    /// Input of `CreateService`.
    ServiceInput,
    /// Input of `UpdateService`.
    ServiceUpdate,
    /// Response of `DescribeTaskDefinition`.
    TaskDefinition,
    /// Response of `DescribeServices`.
    Service,
}

impl Root {
    fn shape(self) -> &'static str {
        match self {
            Root::TaskDefinitionInput => "RegisterTaskDefinitionRequest",
            Root::ServiceInput => "CreateServiceRequest",
            Root::ServiceUpdate => "UpdateServiceRequest",
            Root::TaskDefinition => "TaskDefinition",
            Root::Service => "Service",
        }
    }
}

/// All shapes that the root types use.
#[derive(Clone, Debug, Deserialize)]
pub struct Shapes {
    structures: BTreeMap<String, Map<String, Value>>,
    enums: BTreeMap<String, Vec<String>>,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind<'s> {
    Structure(&'s Map<String, Value>),
    List(&'s str),
    Map(&'s str),
    Word(&'s [String]),
    Text,
    Integer,
    Number,
    Boolean,
    Anything,
}

impl Shapes {
    /// Returns the shapes of ECS.
    pub fn of_ecs() -> Shapes {
        serde_json::from_str(include_str!("shapes.json")).expect("a file of this program, which a test reads")
    }

    /// Returns everything in a document that AWS would reject.
    pub fn check(&self, root: Root, document: &Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.look_at(root.shape(), document, "", &mut findings);
        findings
    }

    /// Returns the paths of all unknown members of a document.
    pub fn unknown(&self, root: Root, document: &Map<String, Value>) -> Vec<String> {
        let mut unknown = Vec::new();
        self.look_for_unknown(root.shape(), &Value::Object(document.clone()), "", &mut unknown);
        unknown
    }

    /// Returns a document without its unknown members.
    pub fn known(&self, root: Root, document: &Map<String, Value>) -> Map<String, Value> {
        match self.known_part(root.shape(), &Value::Object(document.clone())) {
            Value::Object(known) => known,
            _ => Map::new(),
        }
    }

    fn known_part(&self, shape: &str, value: &Value) -> Value {
        match (self.kind(shape), value) {
            (Kind::Structure(members), Value::Object(given)) => {
                let known = given.iter().filter_map(|(key, value)| {
                    let (shape, _) = member_of(members, key)?;
                    Some((key.clone(), self.known_part(shape, value)))
                });
                Value::Object(known.collect())
            }
            (Kind::List(inner), Value::Array(elements)) => {
                Value::Array(elements.iter().map(|element| self.known_part(inner, element)).collect())
            }
            (_, other) => other.clone(),
        }
    }

    /// Returns whether a document of that type has the member.
    pub fn has(&self, root: Root, member: &str) -> bool {
        matches!(self.kind(root.shape()), Kind::Structure(members) if member_of(members, member).is_some())
    }

    /// Returns the shape of a whole document.
    pub(super) fn root(&self, root: Root) -> &'static str {
        root.shape()
    }

    /// Returns the shape of the value under `key` in a structure or map.
    pub(super) fn member<'s>(&'s self, shape: &'s str, key: &str) -> Option<&'s str> {
        match self.kind(shape) {
            Kind::Structure(members) => member_of(members, key).map(|(shape, _)| shape),
            Kind::Map(inner) => Some(inner),
            _ => None,
        }
    }

    /// Returns the shape of the elements of a list.
    pub(super) fn element<'s>(&'s self, shape: &'s str) -> Option<&'s str> {
        match self.kind(shape) {
            Kind::List(inner) => Some(inner),
            _ => None,
        }
    }

    /// Returns the type that a shape's name stands for.
    pub(super) fn kind<'s>(&'s self, shape: &'s str) -> Kind<'s> {
        if let Some(inner) = shape.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Kind::List(inner);
        }
        if let Some(inner) = shape.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return Kind::Map(inner);
        }
        match shape {
            "string" => Kind::Text,
            "integer" => Kind::Integer,
            "number" | "timestamp" => Kind::Number,
            "boolean" => Kind::Boolean,
            _ => match (self.structures.get(shape), self.enums.get(shape)) {
                (Some(members), _) => Kind::Structure(members),
                (None, Some(words)) => Kind::Word(words),
                (None, None) => Kind::Anything,
            },
        }
    }

    fn look_at(&self, shape: &str, value: &Value, pointer: &str, findings: &mut Vec<Finding>) {
        match (self.kind(shape), value) {
            (Kind::Structure(members), Value::Object(given)) => self.look_at_members(members, given, pointer, findings),
            (Kind::List(inner), Value::Array(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    self.look_at(inner, element, &below(pointer, &index.to_string()), findings);
                }
            }
            (Kind::Map(inner), Value::Object(given)) => {
                for (key, value) in given {
                    self.look_at(inner, value, &below(pointer, key), findings);
                }
            }
            (Kind::Word(words), Value::String(given)) if !words.contains(given) => {
                let otherwise = format!("AWS has `{}`", words.join("`, `"));
                let hint = suggestions::hint(given, words, otherwise);
                findings.push(Finding::new(pointer, format!("`{given}` is none of AWS's values"), hint));
            }
            (Kind::Word(_) | Kind::Text, Value::String(_))
            | (Kind::Number, Value::Number(_))
            | (Kind::Boolean, Value::Bool(_))
            | (Kind::Anything, _) => {}
            (Kind::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (kind, found) => findings.push(mismatch(kind, found, pointer)),
        }
    }

    fn look_at_members(
        &self,
        members: &Map<String, Value>,
        given: &Map<String, Value>,
        pointer: &str,
        findings: &mut Vec<Finding>,
    ) {
        let names: Vec<&str> = members.keys().map(|name| name.trim_end_matches('!')).collect();
        let mut meant = Vec::new();
        for (key, value) in given {
            match member_of(members, key) {
                Some((shape, _)) => self.look_at(shape, value, &below(pointer, key), findings),
                None => {
                    meant.extend(suggestions::nearest(key, names.iter().copied()));
                    let otherwise = format!("AWS has `{}` here", names.join("`, `"));
                    let hint = suggestions::hint(key, names.iter().copied(), otherwise);
                    findings.push(Finding::new(&below(pointer, key), "AWS has no such member here", hint));
                }
            }
        }
        for name in members.keys().filter_map(|name| name.strip_suffix('!')) {
            // A misspelled name is one finding, not two.
            if !given.contains_key(name) && !meant.contains(&name) {
                let message = format!("the member `{name}` is missing");
                findings.push(Finding::new(pointer, message, format!("add `\"{name}\"`: AWS requires it")));
            }
        }
    }

    fn look_for_unknown(&self, shape: &str, value: &Value, path: &str, unknown: &mut Vec<String>) {
        match (self.kind(shape), value) {
            (Kind::Structure(members), Value::Object(given)) => {
                for (key, value) in given {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{key}");
                    match member_of(members, key) {
                        Some((shape, _)) => self.look_for_unknown(shape, value, &path, unknown),
                        None => unknown.push(path),
                    }
                }
            }
            (Kind::List(inner), Value::Array(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    self.look_for_unknown(inner, element, &format!("{path}[{index}]"), unknown);
                }
            }
            _ => {}
        }
    }
}

/// Returns the shape of a member, and whether it is required.
fn member_of<'s>(members: &'s Map<String, Value>, name: &str) -> Option<(&'s str, bool)> {
    let required = members.get(&format!("{name}!"));
    let shape = required.or_else(|| members.get(name))?.as_str()?;
    Some((shape, required.is_some()))
}

fn mismatch(kind: Kind<'_>, found: &Value, pointer: &str) -> Finding {
    let expected = match kind {
        Kind::Structure(_) | Kind::Map(_) => "an object",
        Kind::List(_) => "a list",
        Kind::Word(_) | Kind::Text => "a string",
        Kind::Integer => "an integer",
        Kind::Number => "a number",
        Kind::Boolean => "`true` or `false`",
        Kind::Anything => "anything",
    };
    let name = match found {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let hint = match (kind, found) {
        (Kind::Text | Kind::Word(_), Value::Number(_) | Value::Bool(_)) => {
            format!("write it between quotes: `\"{found}\"`")
        }
        (Kind::Integer | Kind::Number | Kind::Boolean, Value::String(text)) => {
            format!("leave out the quotes: `{text}`; a placeholder that stands alone has the type of its value")
        }
        (Kind::List(_), _) => "put it between brackets: `[…]`".to_owned(),
        (Kind::Structure(_) | Kind::Map(_), _) => "write its members between braces: `{…}`".to_owned(),
        _ => format!("write {expected}"),
    };
    Finding::new(pointer, format!("expected {expected}, found {name}"), hint)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::places::path;
    use super::{Kind, Root, Shapes};

    fn check(root: Root, document: &Value, expected: &[&str]) {
        let shown =
            |finding: &super::Finding| format!("{}: {} ({})", path(&finding.pointer), finding.message, finding.hint);
        let found: Vec<String> = Shapes::of_ecs().check(root, document).iter().map(shown).collect();
        assert_eq!(found, expected, "{document}");
    }

    #[test]
    fn every_shape_that_is_named_is_there() {
        let shapes = Shapes::of_ecs();
        assert!(shapes.structures.len() > 80 && shapes.enums.len() > 40);
        for (structure, members) in &shapes.structures {
            for (name, shape) in members {
                let mut shape = shape.as_str().unwrap();
                while let Some(inner) = shapes.element(shape).or_else(|| shapes.member(shape, "")) {
                    shape = inner;
                }
                let anything = shapes.kind(shape) == Kind::Anything;
                assert_eq!(anything, name == "hookDetails", "{structure}.{name}: {shape}");
            }
        }
    }

    #[test]
    fn what_aws_would_not_take_is_found_all_at_once() {
        let container = json!({ "name": "app", "image": "a", "memory": "384", "essential": "yes", "memroy": 1,
            "healthCheck": { "interval": 5 }, "dependsOn": [{ "containerName": "x", "condition": "HEALTY" }],
            "environment": { "A": "b" }, "logConfiguration": { "logDriver": "awslogs", "options": { "mode": 1 } },
            "portMappings": [{ "containerPort": 80.5 }], "linuxParameters": null });
        let document = json!({ "containerDefinitions": [container], "cpu": 256, "flavor": "x", "pidMode": "mine" });
        check(
            Root::TaskDefinitionInput,
            &document,
            &[
                "containerDefinitions[0].memory: expected an integer, found a string (leave out the quotes: `384`; a \
                 placeholder that stands alone has the type of its value)",
                "containerDefinitions[0].essential: expected `true` or `false`, found a string (leave out the quotes: \
                 `yes`; a placeholder that stands alone has the type of its value)",
                "containerDefinitions[0].memroy: AWS has no such member here (did you mean `memory`?)",
                "containerDefinitions[0].healthCheck: the member `command` is missing (add `\"command\"`: AWS requires it)",
                "containerDefinitions[0].dependsOn[0].condition: `HEALTY` is none of AWS's values (did you mean `HEALTHY`?)",
                "containerDefinitions[0].environment: expected a list, found an object (put it between brackets: `[…]`)",
                "containerDefinitions[0].logConfiguration.options.mode: expected a string, found a number (write it \
                 between quotes: `\"1\"`)",
                "containerDefinitions[0].portMappings[0].containerPort: expected an integer, found a number (write an \
                 integer)",
                "containerDefinitions[0].linuxParameters: expected an object, found nothing (write its members between \
                 braces: `{…}`)",
                "cpu: expected a string, found a number (write it between quotes: `\"256\"`)",
                "flavor: AWS has no such member here (AWS has `family`, `taskRoleArn`, `executionRoleArn`, `networkMode`, \
                 `containerDefinitions`, `volumes`, `placementConstraints`, `requiresCompatibilities`, `cpu`, `memory`, \
                 `tags`, `pidMode`, `ipcMode`, `proxyConfiguration`, `inferenceAccelerators`, `ephemeralStorage`, \
                 `runtimePlatform`, `enableFaultInjection`, `trustedExecutionConfiguration` here)",
                "pidMode: `mine` is none of AWS's values (AWS has `host`, `task`)",
                ": the member `family` is missing (add `\"family\"`: AWS requires it)",
            ],
        );
        let hook = json!({ "hookDetails": { "any": [1, "thing"] }, "hookTargetArn": "arn", "roleArn": "arn" });
        let canary = json!({ "canaryPercent": 5.5, "canaryBakeTimeInMinutes": 1 });
        let configuration = json!({ "lifecycleHooks": [hook], "canaryConfiguration": canary, "strategy": "CANARY" });
        check(Root::ServiceInput, &json!({ "serviceName": "s", "deploymentConfiguration": configuration }), &[]);
        check(
            Root::ServiceInput,
            &json!([]),
            &[": expected an object, found a list (write its members between braces: `{…}`)"],
        );
    }

    #[test]
    fn members_of_later_years_are_listed() {
        let document = json!({ "family": "f", "shiny": 1, "containerDefinitions": [{ "name": "a" }, { "new": {} }],
            "runtimePlatform": { "gpu": "x" } });
        let unknown = Shapes::of_ecs().unknown(Root::TaskDefinition, document.as_object().unwrap());
        assert_eq!(unknown, ["shiny", "containerDefinitions[1].new", "runtimePlatform.gpu"]);
    }

    #[test]
    fn what_a_service_can_change_is_known() {
        let shapes = Shapes::of_ecs();
        assert!(shapes.has(Root::ServiceUpdate, "loadBalancers") && shapes.has(Root::ServiceInput, "serviceName"));
        assert!(!shapes.has(Root::ServiceUpdate, "launchType") && !shapes.has(Root::ServiceUpdate, "tags"));
    }
}

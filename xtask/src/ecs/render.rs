//! Rendering of templates to ECS's documents. A template is AWS's JSON with placeholders in strings:
//! `"{{ images.app }}"`. A string that is one placeholder takes the type of its value, or becomes text where AWS
//! requires it. All errors of a template are one failure. Not here: values (`values`), AWS's members (`shapes`).

mod expressions;
#[cfg(test)]
mod tests;
mod values;

use serde_json::{Map, Value};

pub use self::values::Values;

use self::expressions::Expressions;

use super::findings::{self, Finding};
use super::places::{Places, below};
use super::shapes::{Kind, Root, Shapes};
use super::{ReleaseId, ServiceDocument, TaskDefinition};
use crate::error::Failure;

/// Members of a service that the deploy sets, and their values.
const SET_BY_DEPLOY: [(&str, &str); 2] =
    [("taskDefinition", "the revision that was registered"), ("clientToken", "one for each call")];

/// Renders the task definition with the values.
///
/// # Errors
/// Every error of the template with file, line and JSON path: exit code 2.
pub fn task_definition(text: &str, values: &Values) -> Result<TaskDefinition, Failure> {
    let file = values.task_definition_file().as_str();
    let document = document(file, text, Root::TaskDefinitionInput, values)?;
    TaskDefinition::from_document(document).map_err(|error| out_of_range(file, &error))
}

/// Renders the task definition of a release and returns its id, which is computed without the release.
///
/// # Errors
/// Every error of the template: exit code 2.
pub fn released(text: &str, values: &Values) -> Result<(TaskDefinition, ReleaseId), Failure> {
    require_image(text, values)?;
    let release = ReleaseId::of(&task_definition(text, values)?);
    Ok((task_definition(text, &values.with_release(&release))?, release))
}

/// Rejects a template without an image of the project: it would never change with a release.
fn require_image(text: &str, values: &Values) -> Result<(), Failure> {
    // Invalid JSON is reported by the rendering.
    let Ok(template) = serde_json::from_str::<Value>(text) else { return Ok(()) };
    let containers = template.get("containerDefinitions").and_then(Value::as_array).into_iter().flatten();
    let mut images = containers.filter_map(|container| container.get("image").and_then(Value::as_str));
    if images.any(|image| image.contains("images.")) {
        return Ok(());
    }
    let finding = Finding::new(
        "/containerDefinitions",
        "no container runs an image of the project",
        "name one: `\"image\": \"{{ images.app }}\"`",
    );
    let file = values.task_definition_file().as_str();
    findings::failure(file, &Places::of(text), &[finding]).map_or(Ok(()), Err)
}

/// Renders the service as input of `CreateService`, without the task definition.
///
/// # Errors
/// Every error of the template with file, line and JSON path: exit code 2.
pub fn service(text: &str, values: &Values) -> Result<ServiceDocument, Failure> {
    let file = values.service_file().as_str();
    let document = document(file, text, Root::ServiceInput, values)?;
    ServiceDocument::from_document(document).map_err(|error| out_of_range(file, &error))
}

fn document(file: &str, text: &str, root: Root, values: &Values) -> Result<Map<String, Value>, Failure> {
    let template: Value = serde_json::from_str(text).map_err(|error| malformed(file, &error))?;
    let places = Places::of(text);
    let shapes = Shapes::of_ecs();
    let mut rendering = Rendering { shapes: &shapes, expressions: Expressions::new(values), findings: Vec::new() };
    for pointer in places.twice() {
        let message = "the key stands twice in this object: only one of the two would count";
        rendering.findings.push(Finding::new(pointer, message, "keep one"));
    }
    let rendered = rendering.value(&template, Some(shapes.root(root)), "");
    let mut findings = rendering.findings;
    // An unrendered value has no type: one finding is enough.
    let unrendered: Vec<String> = findings.iter().map(|finding| finding.pointer.clone()).collect();
    findings.extend(shapes.check(root, &rendered).into_iter().filter(|found| !unrendered.contains(&found.pointer)));
    for (member, meaning) in SET_BY_DEPLOY.iter().filter(|_| root == Root::ServiceInput) {
        if rendered.get(member).is_some() {
            let message = format!("the deploy sets it itself: {meaning}");
            findings.push(Finding::new(&below("", member), message, "leave it out"));
        }
    }
    match (findings::failure(file, &places, &findings), rendered) {
        (None, Value::Object(document)) => Ok(document),
        (Some(failure), _) => Err(failure),
        (None, _) => Err(Failure::usage(format!("{file}:1: not an object")).hint("a template begins with `{`")),
    }
}

fn malformed(file: &str, error: &serde_json::Error) -> Failure {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
    Failure::usage(format!("{file}:{}:{}: not JSON: {what}", error.line(), error.column()))
        .hint("templates are plain JSON; placeholders belong inside of strings: `\"{{ task.cpu }}\"`")
}

fn out_of_range(file: &str, error: &serde_json::Error) -> Failure {
    Failure::usage(format!("{file}: {error}")).hint("the number is none that AWS takes")
}

struct Rendering<'a> {
    shapes: &'a Shapes,
    expressions: Expressions<'a>,
    findings: Vec<Finding>,
}

impl Rendering<'_> {
    fn value(&mut self, template: &Value, shape: Option<&str>, pointer: &str) -> Value {
        match template {
            Value::String(text) => self.text(text, shape, pointer),
            Value::Array(elements) => {
                let inner = shape.and_then(|shape| self.shapes.element(shape));
                let render =
                    |(index, element): (usize, &Value)| self.value(element, inner, &below(pointer, &index.to_string()));
                Value::Array(elements.iter().enumerate().map(render).collect())
            }
            Value::Object(members) => {
                let mut rendered = Map::new();
                for (key, value) in members {
                    let at = below(pointer, key);
                    if key.contains("{{") {
                        let hint = "placeholders belong in values, not in keys";
                        self.findings.push(Finding::new(&at, "a key with a placeholder", hint));
                    }
                    let inner = shape.and_then(|shape| self.shapes.member(shape, key));
                    // Like AWS, treats a `null` member as absent.
                    match self.value(value, inner, &at) {
                        Value::Null => {}
                        value => drop(rendered.insert(key.clone(), value)),
                    }
                }
                Value::Object(rendered)
            }
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str, shape: Option<&str>, pointer: &str) -> Value {
        match self.expressions.render(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if shape.is_some_and(|shape| self.is_text(shape)) => {
                Value::String(value.to_string())
            }
            Ok(value) => value,
            Err(wrong) => {
                let found = wrong.into_iter().map(|(message, hint)| Finding::new(pointer, message, hint));
                self.findings.extend(found);
                Value::String(text.to_owned())
            }
        }
    }

    fn is_text(&self, shape: &str) -> bool {
        matches!(self.shapes.kind(shape), Kind::Text | Kind::Word(_))
    }
}

//! Task definitions: each revision as the document that was registered.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{call, list, tag_list, tags_of};
use crate::ecs::Revision;
use crate::effects::aws::{Aws, Call, CallError};

/// `DescribeTaskDefinition` of a family (its newest revision), of `<family>:<number>` or of an ARN, tags included; `None` where
/// there is none.
///
/// # Errors
/// ECS's and the network's.
pub fn describe_task_definition(aws: &Aws, name: &str) -> Result<Option<Revision>, CallError> {
    let call = call("DescribeTaskDefinition");
    match send!(aws, call, &json!({ "taskDefinition": name, "include": ["TAGS"] }), describe_task_definition) {
        Ok(answer) => read(aws, call, answer).map(Some),
        // ECS has no code of its own for it.
        Err(error) if error.message().is_some_and(|words| words.contains("Unable to describe task definition")) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// `ListTaskDefinitions`: ARNs of the active revisions of a family, the newest first, so many at most.
///
/// # Errors
/// As above.
pub fn list_task_definitions(aws: &Aws, family: &str, most: usize) -> Result<Vec<String>, CallError> {
    // AWS: 1 to 100 a page.
    let page = most.clamp(1, 100);
    let input = json!({ "familyPrefix": family, "sort": "DESC", "status": "ACTIVE", "maxResults": page });
    // The family is exact here, whatever the member's name says.
    let call = call("ListTaskDefinitions");
    list(aws, call, &input, "taskDefinitionArns", Some(most), |input| send!(aws, call, input, list_task_definitions))
}

/// `RegisterTaskDefinition`, with these tags beside those of the document. It is retried where a response is lost: that
/// may leave one more revision of the same content, which no service runs.
///
/// # Errors
/// As above.
pub fn register_task_definition(
    aws: &Aws,
    document: &Map<String, Value>,
    tags: &BTreeMap<String, String>,
) -> Result<Revision, CallError> {
    let call = call("RegisterTaskDefinition").idempotent();
    let mut input = Value::Object(document.clone());
    let mut all = tags_of(&input);
    all.extend(tags.clone());
    // ECS refuses an empty list.
    if let (Some(input), false) = (input.as_object_mut(), all.is_empty()) {
        input.insert("tags".to_owned(), tag_list(&all).into());
    }
    read(aws, call, send!(aws, call, &input, register_task_definition)?)
}

fn read(aws: &Aws, call: Call, mut answer: Value) -> Result<Revision, CallError> {
    let tags = tags_of(&answer);
    let document: Map<String, Value> = aws.member(call, &mut answer, "taskDefinition")?;
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let arn = text("taskDefinitionArn").ok_or_else(|| aws.unreadable(call, "it has no ARN".to_owned()))?;
    Ok(Revision { arn, status: text("status").unwrap_or_default(), document, tags })
}

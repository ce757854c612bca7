//! Task definitions: each revision is returned as the registered document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{call, list, tag_list, tags_of};
use crate::ecs::Revision;
use crate::effects::aws::{Aws, Call, CallError};

/// Calls `DescribeTaskDefinition` for a family (its newest revision), `<family>:<number>` or an ARN, tags included;
/// `None` where it does not exist.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn describe_task_definition(aws: &Aws, name: &str) -> Result<Option<Revision>, CallError> {
    let call = call("DescribeTaskDefinition");
    match send!(aws, call, &json!({ "taskDefinition": name, "include": ["TAGS"] }), describe_task_definition) {
        Ok(answer) => read(aws, call, answer).map(Some),
        // ECS has no separate error code for a missing task definition.
        Err(error) if error.message().is_some_and(|words| words.contains("Unable to describe task definition")) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Calls `ListTaskDefinitions`: ARNs of a family's active revisions, newest first, at most `most`.
///
/// # Errors
/// As above.
pub fn list_task_definitions(aws: &Aws, family: &str, most: usize) -> Result<Vec<String>, CallError> {
    // AWS's limits: 1 to 100 per page.
    let page = most.clamp(1, 100);
    let input = json!({ "familyPrefix": family, "sort": "DESC", "status": "ACTIVE", "maxResults": page });
    // ECS compares the complete family here, although the member is called a prefix.
    let call = call("ListTaskDefinitions");
    list(aws, call, &input, "taskDefinitionArns", Some(most), |input| send!(aws, call, input, list_task_definitions))
}

/// Calls `RegisterTaskDefinition`, with these tags in addition to the document's. It is retried where a response is
/// lost: that may leave one more revision of the same content, which no service runs.
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
    // ECS rejects an empty list.
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

//! ECS's API, one function per call. Documents are sent unchanged; responses are converted to types of `crate::ecs`.
//! The order of calls and the handling of responses are decided by callers.

/// Sends a document by an operation of the generated client and returns the complete response.
macro_rules! send {
    ($aws:expr, $call:expr, $input:expr, $operation:ident) => {
        $aws.document($call, $input, |exchange| {
            crate::effects::aws::operation!(aws_sdk_ecs, $aws.ecs(), $operation, exchange)
        })
    };
}

mod deployments;
mod service;
mod task;
mod task_definition;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub use self::deployments::{Stop, describe_service_deployment, list_service_deployments, stop_service_deployment};
pub use self::service::{create_service, describe_cluster, describe_service, describe_services, update_service};
pub use self::task::{NotRun, TaskFailure, TaskFilter, describe_tasks, list_tasks, run_task, stop_task};
pub use self::task_definition::{describe_task_definition, list_task_definitions, register_task_definition};
use super::aws::{Api, Aws, Call, CallError};
use super::backoff::random;

/// Calls `TagResource`: adds tags to a resource and keeps its others.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn tag_resource(aws: &Aws, arn: &str, tags: &BTreeMap<String, String>) -> Result<(), CallError> {
    let input = json!({ "resourceArn": arn, "tags": tag_list(tags) });
    send!(aws, call("TagResource").idempotent(), &input, tag_resource).map(|_| ())
}

fn call(action: &'static str) -> Call {
    Call::new(Api::Ecs, action)
}

/// Returns tags in ECS's format, `[{"key": …, "value": …}]`.
fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// Returns the tags of a response.
fn tags_of(answer: &Value) -> BTreeMap<String, String> {
    let tags = answer.get("tags").and_then(Value::as_array).into_iter().flatten();
    let text = |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    tags.map(|tag| (text(tag, "key"), text(tag, "value"))).collect()
}

/// Returns the document with a client token, so that ECS executes retries of one call once.
fn with_token(document: &Map<String, Value>) -> Value {
    let mut input = document.clone();
    // AWS's limits: 36 characters for a service, 64 for tasks.
    input.entry("clientToken").or_insert_with(|| format!("{:016x}{:016x}", random(), random()).into());
    Value::Object(input)
}

/// Returns all pages of a call that lists ARNs, or the first `most` ARNs.
fn list(
    aws: &Aws,
    call: Call,
    input: &Value,
    member: &str,
    most: Option<usize>,
    page: impl Fn(&Value) -> Result<Value, CallError>,
) -> Result<Vec<String>, CallError> {
    let mut input = input.clone();
    let mut found: Vec<String> = Vec::new();
    loop {
        let mut answer = page(&input)?;
        found.extend(aws.member::<Vec<String>>(call, &mut answer, member)?);
        let next = answer.get("nextToken").filter(|_| most.is_none_or(|most| found.len() < most));
        match (next, input.as_object_mut()) {
            (Some(next), Some(input)) => input.insert("nextToken".to_owned(), next.clone()),
            _ => break,
        };
    }
    found.truncate(most.unwrap_or(usize::MAX));
    Ok(found)
}

//! Services and their clusters.

use serde_json::{Map, Value, json};

use super::{call, with_token};
use crate::ecs::Service;
use crate::effects::aws::{Aws, Call, CallError, typed};

/// Calls `DescribeClusters` and returns the status of a cluster, such as `ACTIVE`; `None` where it does not exist.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn describe_cluster(aws: &Aws, cluster: &str) -> Result<Option<String>, CallError> {
    let answer = send!(aws, call("DescribeClusters"), &json!({ "clusters": [cluster] }), describe_clusters)?;
    Ok(answer.pointer("/clusters/0/status").and_then(Value::as_str).map(str::to_owned))
}

/// Calls `DescribeServices`, tags included; `None` where the service does not exist or was deleted.
///
/// # Errors
/// As above; `ClusterNotFoundException` where the cluster does not exist.
pub fn describe_service(aws: &Aws, cluster: &str, service: &str) -> Result<Option<Service>, CallError> {
    let call = call("DescribeServices");
    let input = json!({ "cluster": cluster, "services": [service], "include": ["TAGS"] });
    let mut answer = send!(aws, call, &input, describe_services)?;
    let Some(found) = answer.pointer_mut("/services/0").map(Value::take) else { return Ok(None) };
    let service = read(aws, call, found)?;
    // ECS returns a deleted service for a while, and its name can be used again.
    Ok(Some(service).filter(|service| service.status != "INACTIVE"))
}

/// Calls `DescribeServices` for several services, tags included, ten per call (Amazon ECS API, DescribeServices).
/// Services that do not exist or were deleted are omitted.
///
/// # Errors
/// As above.
pub fn describe_services(aws: &Aws, cluster: &str, services: &[&str]) -> Result<Vec<Service>, CallError> {
    const MOST: usize = 10;
    let call = call("DescribeServices");
    let mut all = Vec::new();
    for names in services.chunks(MOST) {
        let input = json!({ "cluster": cluster, "services": names, "include": ["TAGS"] });
        let mut answer = send!(aws, call, &input, describe_services)?;
        let found = answer.get_mut("services").map(Value::take).unwrap_or_default();
        for service in found.as_array().into_iter().flatten() {
            all.push(read(aws, call, service.clone())?);
        }
    }
    all.retain(|service| service.status != "INACTIVE");
    Ok(all)
}

/// Calls `CreateService` with a client token: a retry creates no second service.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn create_service(aws: &Aws, document: &Map<String, Value>) -> Result<Service, CallError> {
    let call = call("CreateService").idempotent();
    let mut answer = send!(aws, call, &with_token(document), create_service)?;
    read(aws, call, answer.get_mut("service").map(Value::take).unwrap_or_default())
}

/// Calls `UpdateService`. A retry results in the same deployment; a call that forces a new deployment is not retried.
///
/// # Errors
/// As above.
pub fn update_service(aws: &Aws, document: &Map<String, Value>) -> Result<Service, CallError> {
    let call = call("UpdateService");
    let is_forced = document.get("forceNewDeployment") == Some(&Value::Bool(true));
    let call = if is_forced { call } else { call.idempotent() };
    let mut answer = send!(aws, call, &Value::Object(document.clone()), update_service)?;
    read(aws, call, answer.get_mut("service").map(Value::take).unwrap_or_default())
}

fn read(aws: &Aws, call: Call, found: Value) -> Result<Service, CallError> {
    let Value::Object(document) = found else {
        return Err(aws.unreadable(call, "it has no service".to_owned()));
    };
    let service = typed::<Service>(Value::Object(document.clone())).map_err(|why| aws.unreadable(call, why))?;
    Ok(Service { document, ..service })
}

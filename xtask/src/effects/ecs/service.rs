//! Services and the clusters that they are in.

use serde_json::{Map, Value, json};

use super::{call, with_token};
use crate::ecs::Service;
use crate::effects::aws::{Aws, Call, CallError, typed};

/// `DescribeClusters`: the status of a cluster, such as `ACTIVE`; `None` where there is none of that name.
///
/// # Errors
/// ECS's and the network's.
pub fn describe_cluster(aws: &Aws, cluster: &str) -> Result<Option<String>, CallError> {
    let answer = send!(aws, call("DescribeClusters"), &json!({ "clusters": [cluster] }), describe_clusters)?;
    Ok(answer.pointer("/clusters/0/status").and_then(Value::as_str).map(str::to_owned))
}

/// `DescribeServices`, tags included; `None` where there is none of that name, or one that was deleted.
///
/// # Errors
/// As above; `ClusterNotFoundException` where there is no such cluster.
pub fn describe_service(aws: &Aws, cluster: &str, service: &str) -> Result<Option<Service>, CallError> {
    let call = call("DescribeServices");
    let input = json!({ "cluster": cluster, "services": [service], "include": ["TAGS"] });
    let mut answer = send!(aws, call, &input, describe_services)?;
    let Some(found) = answer.pointer_mut("/services/0").map(Value::take) else { return Ok(None) };
    let service = read(aws, call, found)?;
    // A deleted service stays for a while, and its name can be used again.
    Ok(Some(service).filter(|service| service.status != "INACTIVE"))
}

/// `DescribeServices` for several services, tags included, ten a call (Amazon ECS API, DescribeServices). Services that do
/// not exist or were deleted are left out.
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

/// `CreateService`, with a client token: a retry creates no second service.
///
/// # Errors
/// ECS's and the network's.
pub fn create_service(aws: &Aws, document: &Map<String, Value>) -> Result<Service, CallError> {
    let call = call("CreateService").idempotent();
    let mut answer = send!(aws, call, &with_token(document), create_service)?;
    read(aws, call, answer.get_mut("service").map(Value::take).unwrap_or_default())
}

/// `UpdateService`. A retry is the same deployment, except for a forced one, which is not retried.
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

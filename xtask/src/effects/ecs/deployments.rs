//! The records of deployments, and the end of one that is under way.

use serde_json::json;

use super::call;
use crate::ecs::{DeploymentBrief, ServiceDeployment};
use crate::effects::aws::{Aws, CallError};

/// What becomes of a service whose deployment is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The revision before serves again.
    Rollback,
    /// It stays as it is.
    Abort,
}

/// `ListServiceDeployments`: the newest first, 100 at most (AWS's page; it keeps them for 90 days).
///
/// # Errors
/// ECS's and the network's; `ServiceNotFoundException` where there is no such service.
pub fn list_service_deployments(aws: &Aws, cluster: &str, service: &str) -> Result<Vec<DeploymentBrief>, CallError> {
    let call = call("ListServiceDeployments");
    let mut answer = send!(
        aws,
        call,
        &json!({ "cluster": cluster, "service": service, "maxResults": 100 }),
        list_service_deployments
    )?;
    aws.member(call, &mut answer, "serviceDeployments")
}

/// `DescribeServiceDeployments` of one; `None` where there is no such record.
///
/// # Errors
/// ECS's and the network's.
pub fn describe_service_deployment(aws: &Aws, arn: &str) -> Result<Option<ServiceDeployment>, CallError> {
    let call = call("DescribeServiceDeployments");
    let mut answer = send!(aws, call, &json!({ "serviceDeploymentArns": [arn] }), describe_service_deployments)?;
    let found: Vec<ServiceDeployment> = aws.member(call, &mut answer, "serviceDeployments")?;
    Ok(found.into_iter().next())
}

/// `StopServiceDeployment`.
///
/// # Errors
/// As above; `ConflictException` or `ServiceDeploymentNotFoundException` where it is over.
pub fn stop_service_deployment(aws: &Aws, arn: &str, stop: Stop) -> Result<(), CallError> {
    let stop = match stop {
        Stop::Rollback => "ROLLBACK",
        Stop::Abort => "ABORT",
    };
    let input = json!({ "serviceDeploymentArn": arn, "stopType": stop });
    send!(aws, call("StopServiceDeployment").idempotent(), &input, stop_service_deployment).map(|_| ())
}

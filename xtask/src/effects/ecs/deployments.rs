//! Service deployments: list, describe, stop.

use serde_json::json;

use super::call;
use crate::ecs::{DeploymentBrief, ServiceDeployment};
use crate::effects::aws::{Aws, CallError};

/// State of a service after its deployment is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The service returns to its previous revision.
    Rollback,
    /// The service stays in its current state.
    Abort,
}

/// Calls `ListServiceDeployments`: newest first, 100 at most (AWS's page size; AWS keeps them for 90 days).
///
/// # Errors
/// Errors of ECS and of the network; `ServiceNotFoundException` where the service does not exist.
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

/// Calls `DescribeServiceDeployments` for one deployment; `None` where it does not exist.
///
/// # Errors
/// Errors of ECS and of the network.
pub fn describe_service_deployment(aws: &Aws, arn: &str) -> Result<Option<ServiceDeployment>, CallError> {
    let call = call("DescribeServiceDeployments");
    let mut answer = send!(aws, call, &json!({ "serviceDeploymentArns": [arn] }), describe_service_deployments)?;
    let found: Vec<ServiceDeployment> = aws.member(call, &mut answer, "serviceDeployments")?;
    Ok(found.into_iter().next())
}

/// Calls `StopServiceDeployment`.
///
/// # Errors
/// As above; `ConflictException` or `ServiceDeploymentNotFoundException` where it has completed.
pub fn stop_service_deployment(aws: &Aws, arn: &str, stop: Stop) -> Result<(), CallError> {
    let stop = match stop {
        Stop::Rollback => "ROLLBACK",
        Stop::Abort => "ABORT",
    };
    let input = json!({ "serviceDeploymentArn": arn, "stopType": stop });
    send!(aws, call("StopServiceDeployment").idempotent(), &input, stop_service_deployment).map(|_| ())
}

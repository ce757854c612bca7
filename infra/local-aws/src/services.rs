//! One module per AWS service. Each takes the members of a call and gives the members of its answer; what AWS has and the
//! stand-in does not is an error of AWS's own, never a fake success.

mod actions;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod logs;
pub mod ssm;
pub mod sts;

use serde_json::Value;

use crate::daemon::World;
use crate::error::Answer;
use crate::protocol::Call;

/// The services that are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Elastic Container Registry.
    Ecr,
    /// Elastic Container Service.
    Ecs,
    /// Elastic Load Balancing v2.
    Elb,
    /// CloudWatch Logs.
    Logs,
    /// Systems Manager's Parameter Store.
    Ssm,
    /// Security Token Service.
    Sts,
}

impl Service {
    /// From the part of `X-Amz-Target` before the dot.
    pub fn from_target(prefix: &str) -> Option<Service> {
        Some(match prefix {
            "AmazonEC2ContainerRegistry_V20150921" => Service::Ecr,
            "AmazonEC2ContainerServiceV20141113" => Service::Ecs,
            "Logs_20140328" => Service::Logs,
            "AmazonSSM" => Service::Ssm,
            _ => return None,
        })
    }
}

impl Service {
    /// Whether AWS has an action of this name.
    pub fn has(self, action: &str) -> bool {
        actions::exists(self, action)
    }

    /// As a signature names it.
    pub fn signing_name(self) -> &'static str {
        match self {
            Service::Ecr => "ecr",
            Service::Ecs => "ecs",
            Service::Elb => "elasticloadbalancing",
            Service::Logs => "logs",
            Service::Ssm => "ssm",
            Service::Sts => "sts",
        }
    }

    /// From the credential scope of a signature.
    pub fn from_signing_name(name: &str) -> Option<Service> {
        let all = [Service::Ecr, Service::Ecs, Service::Elb, Service::Logs, Service::Ssm, Service::Sts];
        all.into_iter().find(|service| service.signing_name() == name)
    }
}

/// Carries out one call.
///
/// # Errors
/// The service's own.
pub async fn call(world: &World, call: Call) -> Answer<Value> {
    let Call { service, action, input } = call;
    match service {
        Service::Ecr => ecr::call(world, &action, input).await,
        Service::Ecs => ecs::call(world, &action, input).await,
        Service::Elb => elb::call(world, &action, input).await,
        Service::Logs => logs::call(world, &action, input).await,
        Service::Ssm => ssm::call(world, &action, input).await,
        Service::Sts => sts::call(world, &action, input).await,
    }
}

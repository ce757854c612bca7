//! The AWS services that the emulator serves, and the names of their actions. It imports none of the parts.

mod actions;

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

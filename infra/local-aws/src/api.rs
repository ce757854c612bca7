//! The AWS services that the emulator serves, and the names of their actions. It imports none of the parts.

mod actions;

/// The services that the emulator serves.
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
    /// EventBridge Scheduler.
    Scheduler,
    /// Systems Manager's Parameter Store.
    Ssm,
    /// Security Token Service.
    Sts,
}

impl Service {
    /// Returns the service of an `X-Amz-Target` prefix.
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
    /// Returns whether AWS has an action of this name.
    pub fn has(self, action: &str) -> bool {
        actions::exists(self, action)
    }

    /// Returns the service's name in a signature.
    pub fn signing_name(self) -> &'static str {
        match self {
            Service::Ecr => "ecr",
            Service::Ecs => "ecs",
            Service::Elb => "elasticloadbalancing",
            Service::Logs => "logs",
            Service::Scheduler => "scheduler",
            Service::Ssm => "ssm",
            Service::Sts => "sts",
        }
    }

    /// Returns the service of a signature's credential scope.
    pub fn from_signing_name(name: &str) -> Option<Service> {
        let all =
            [Service::Ecr, Service::Ecs, Service::Elb, Service::Logs, Service::Scheduler, Service::Ssm, Service::Sts];
        all.into_iter().find(|service| service.signing_name() == name)
    }
}

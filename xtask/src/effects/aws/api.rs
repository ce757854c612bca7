//! The APIs that are called: how each is named, found and signed for. Not here: what its calls take and answer.

use std::fmt;

use crate::project::partition_of;

/// One of AWS's services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Elastic Container Registry.
    Ecr,
    /// Elastic Container Service.
    Ecs,
    /// Elastic Load Balancing, version 2.
    Elb,
    /// CloudWatch Logs.
    Logs,
    /// Systems Manager, for its parameters.
    Ssm,
    /// Security Token Service.
    Sts,
}

/// How calls are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// JSON in and out; the action stands in a header, behind this prefix.
    Json(&'static str),
    /// A form in and XML out; this version of the API.
    Query(&'static str),
}

impl Api {
    /// How calls are written, as botocore's models have it.
    pub(super) fn protocol(self) -> Protocol {
        match self {
            Api::Ecr => Protocol::Json("AmazonEC2ContainerRegistry_V20150921"),
            Api::Ecs => Protocol::Json("AmazonEC2ContainerServiceV20141113"),
            Api::Elb => Protocol::Query("2015-12-01"),
            Api::Logs => Protocol::Json("Logs_20140328"),
            Api::Ssm => Protocol::Json("AmazonSSM"),
            Api::Sts => Protocol::Query("2011-06-15"),
        }
    }

    /// What signatures and the names of permissions begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Api::Ecr => "ecr",
            Api::Ecs => "ecs",
            Api::Elb => "elasticloadbalancing",
            Api::Logs => "logs",
            Api::Ssm => "ssm",
            Api::Sts => "sts",
        }
    }

    /// Where AWS has it.
    pub(super) fn endpoint(self, region: &str) -> String {
        let host = match self {
            // The registries are `dkr.ecr`, so the API has a name of its own.
            Api::Ecr => "api.ecr",
            other => other.prefix(),
        };
        format!("https://{host}.{region}.{}", partition_of(region).dns_suffix)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Api::Ecr => "ECR",
            Api::Ecs => "ECS",
            Api::Elb => "ELB",
            Api::Logs => "CloudWatch Logs",
            Api::Ssm => "SSM",
            Api::Sts => "STS",
        })
    }
}

/// One action, and whether it may be asked for again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) struct Call {
    pub(super) api: Api,
    pub(super) action: &'static str,
    pub(super) is_repeatable: bool,
}

impl Call {
    /// What only looks is repeatable; what changes something is not.
    pub(in crate::effects) fn new(api: Api, action: &'static str) -> Call {
        Call { api, action, is_repeatable: !is_mutating(action) }
    }

    /// Two of it do what one does.
    pub(in crate::effects) fn repeatable(self) -> Call {
        Call { is_repeatable: true, ..self }
    }

    pub(super) fn is_mutating(self) -> bool {
        is_mutating(self.action)
    }
}

/// Whether an action changes something. AWS names those that only look by these words.
fn is_mutating(action: &str) -> bool {
    !["Describe", "Get", "List", "BatchGet", "BatchCheck", "Filter"].iter().any(|look| action.starts_with(look))
}

#[cfg(test)]
mod tests {
    use super::{Api, is_mutating};

    #[test]
    fn endpoints_by_service_and_partition() {
        assert_eq!(Api::Ecr.endpoint("eu-central-1"), "https://api.ecr.eu-central-1.amazonaws.com");
        assert_eq!(Api::Ecs.endpoint("cn-north-1"), "https://ecs.cn-north-1.amazonaws.com.cn");
        assert_eq!(Api::Elb.endpoint("us-gov-west-1"), "https://elasticloadbalancing.us-gov-west-1.amazonaws.com");
        assert_eq!(Api::Sts.endpoint("eusc-de-east-1"), "https://sts.eusc-de-east-1.amazonaws.eu");
    }

    #[test]
    fn actions_that_look_and_actions_that_change() {
        for look in ["DescribeServices", "GetParameters", "ListTasks", "BatchGetImage", "FilterLogEvents"] {
            assert!(!is_mutating(look), "{look}");
        }
        for change in ["UpdateService", "RunTask", "PutParameter", "BatchDeleteImage", "TagResource", "StopTask"] {
            assert!(is_mutating(change), "{change}");
        }
    }
}

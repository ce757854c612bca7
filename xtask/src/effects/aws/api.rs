//! The AWS services and actions that are called. Not here: inputs and outputs of the actions.

use std::fmt;

use crate::project::partition_of;

/// An AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// Elastic Container Registry.
    Ecr,
    /// Elastic Container Service.
    Ecs,
    /// Elastic Load Balancing, version 2.
    Elb,
    /// CloudWatch Logs.
    Logs,
    /// EventBridge Scheduler.
    Scheduler,
    /// Systems Manager, for its parameters.
    Ssm,
    /// Security Token Service.
    Sts,
}

impl Api {
    /// All services.
    pub(super) const ALL: [Api; 7] = [Api::Ecr, Api::Ecs, Api::Elb, Api::Logs, Api::Scheduler, Api::Ssm, Api::Sts];

    /// The prefix of IAM actions, which is also the signing name.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Api::Ecr => "ecr",
            Api::Ecs => "ecs",
            Api::Elb => "elasticloadbalancing",
            Api::Logs => "logs",
            Api::Scheduler => "scheduler",
            Api::Ssm => "ssm",
            Api::Sts => "sts",
        }
    }

    /// The service id of AWS's models. It names `AWS_ENDPOINT_URL_<SERVICE>` and the entry in a profile's `services` section.
    pub(super) fn service_id(self) -> &'static str {
        match self {
            Api::Ecr => "ECR",
            Api::Ecs => "ECS",
            Api::Elb => "Elastic Load Balancing v2",
            Api::Logs => "CloudWatch Logs",
            Api::Scheduler => "Scheduler",
            Api::Ssm => "SSM",
            Api::Sts => "STS",
        }
    }

    /// The prefix of `X-Amz-Target` of a JSON 1.1 service without a generated client, from botocore's models.
    pub(super) fn target_prefix(self) -> Option<&'static str> {
        match self {
            Api::Logs => Some("Logs_20140328"),
            Api::Ssm => Some("AmazonSSM"),
            _ => None,
        }
    }

    /// AWS's own endpoint of a service without a generated client; the generated ones know theirs.
    pub(super) fn endpoint(self, region: &str, is_fips: bool, is_dual_stack: bool) -> String {
        let partition = partition_of(region);
        // In GovCloud the plain names of these two are the FIPS endpoints (their endpoint rules in botocore).
        let is_plain_fips = partition.name == "aws-us-gov" && !is_dual_stack && matches!(self, Api::Logs | Api::Ssm);
        let fips = if is_fips && !is_plain_fips { "-fips" } else { "" };
        // `dualStackDnsSuffix` of botocore's `partitions.json`.
        let suffix = match partition.name {
            _ if !is_dual_stack => partition.dns_suffix,
            "aws-cn" => "api.amazonwebservices.com.cn",
            "aws-eusc" => "api.amazonwebservices.eu",
            "aws-iso" => "api.aws.ic.gov",
            "aws-iso-b" => "api.aws.scloud",
            "aws-iso-e" => "api.cloud-aws.adc-e.uk",
            "aws-iso-f" => "api.aws.hci.ic.gov",
            _ => "api.aws",
        };
        format!("https://{}{fips}.{region}.{suffix}", self.prefix())
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Api::Elb => "ELB",
            Api::Scheduler => "EventBridge Scheduler",
            other => other.service_id(),
        })
    }
}

/// An action of a service, and whether it is idempotent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::effects) struct Call {
    pub(super) api: Api,
    pub(super) action: &'static str,
    /// Whether it can be retried when the outcome of an attempt is unknown.
    pub(super) is_idempotent: bool,
}

impl Call {
    /// Reads are idempotent; mutations are not, unless marked with `idempotent`.
    pub(in crate::effects) fn new(api: Api, action: &'static str) -> Call {
        Call { api, action, is_idempotent: !is_mutating(action) }
    }

    /// Marks a mutation whose repetition has no further effect.
    pub(in crate::effects) fn idempotent(self) -> Call {
        Call { is_idempotent: true, ..self }
    }

    pub(super) fn is_mutating(self) -> bool {
        is_mutating(self.action)
    }
}

/// Whether an action changes something. AWS names read-only actions by these verbs.
fn is_mutating(action: &str) -> bool {
    !["Describe", "Get", "List", "BatchGet", "BatchCheck", "Filter"].iter().any(|verb| action.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::{Api, is_mutating};

    #[test]
    fn endpoints_by_service_and_partition() {
        let plain = |api: Api, region| api.endpoint(region, false, false);
        assert_eq!(plain(Api::Logs, "eu-central-1"), "https://logs.eu-central-1.amazonaws.com");
        assert_eq!(plain(Api::Ssm, "cn-north-1"), "https://ssm.cn-north-1.amazonaws.com.cn");
        assert_eq!(plain(Api::Scheduler, "eusc-de-east-1"), "https://scheduler.eusc-de-east-1.amazonaws.eu");
        assert_eq!(Api::Ssm.endpoint("us-east-1", true, false), "https://ssm-fips.us-east-1.amazonaws.com");
        assert_eq!(Api::Ssm.endpoint("us-gov-west-1", true, false), "https://ssm.us-gov-west-1.amazonaws.com");
        assert_eq!(Api::Logs.endpoint("us-east-1", false, true), "https://logs.us-east-1.api.aws");
        assert_eq!(Api::Logs.endpoint("us-east-1", true, true), "https://logs-fips.us-east-1.api.aws");
        assert_eq!(
            Api::Logs.endpoint("cn-north-1", false, true),
            "https://logs.cn-north-1.api.amazonwebservices.com.cn"
        );
    }

    #[test]
    fn tells_reads_from_mutations() {
        for read in ["DescribeServices", "GetParameters", "ListTasks", "BatchGetImage", "FilterLogEvents"] {
            assert!(!is_mutating(read), "{read}");
        }
        for change in ["UpdateService", "RunTask", "PutParameter", "BatchDeleteImage", "TagResource", "StopTask"] {
            assert!(is_mutating(change), "{change}");
        }
    }
}

//! What is in front of a service: load balancers and the target groups that tasks are registered in. Not
//! here: the health of targets (`observed`), or what should be there.

/// A target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Port that targets listen on, where they do not say otherwise.
    pub port: Option<u16>,
    /// `HTTP`, …
    pub protocol: Option<String>,
    /// `ip`, `instance`, `lambda`, `alb`.
    pub target_type: String,
    /// What a check asks for.
    pub health_check_path: Option<String>,
    /// Status codes that are good, such as `200-299`.
    pub matcher: Option<String>,
    /// Seconds between checks.
    pub interval_seconds: Option<u32>,
    /// Seconds that a check may take.
    pub timeout_seconds: Option<u32>,
    /// Good checks in a row that make a target healthy.
    pub healthy_threshold: Option<u32>,
    /// Bad checks in a row that make it unhealthy.
    pub unhealthy_threshold: Option<u32>,
    /// Load balancers that forward to it.
    pub load_balancer_arns: Vec<String>,
}

/// A load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancer {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Where it answers.
    pub dns_name: String,
    /// `internet-facing` or `internal`.
    pub scheme: Option<String>,
    /// `active`, `provisioning`, …
    pub state: Option<String>,
}

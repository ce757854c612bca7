//! Load balancers and the target groups in which a service registers its tasks. Not here: the health of targets
//! (`observed`), their desired settings.

/// A target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetGroup {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Default port of targets.
    pub port: Option<u16>,
    /// `HTTP`, …
    pub protocol: Option<String>,
    /// `ip`, `instance`, `lambda`, `alb`.
    pub target_type: String,
    /// Path of the health check.
    pub health_check_path: Option<String>,
    /// Status codes that count as healthy, such as `200-299`.
    pub matcher: Option<String>,
    /// Seconds between health checks.
    pub interval_seconds: Option<u32>,
    /// Seconds until a health check times out.
    pub timeout_seconds: Option<u32>,
    /// Consecutive successes that make a target healthy.
    pub healthy_threshold: Option<u32>,
    /// Consecutive failures that make a target unhealthy.
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
    /// DNS name that clients connect to.
    pub dns_name: String,
    /// `internet-facing` or `internal`.
    pub scheme: Option<String>,
    /// `active`, `provisioning`, …
    pub state: Option<String>,
}

//! What is there at the start, as `infra up` leaves it on AWS. `cargo xtask local start` writes the document; applying it
//! twice changes nothing, and what somebody has made or changed since is left alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::Deserialize;

/// The document behind `--seed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// Names of ECS clusters.
    #[serde(default)]
    pub clusters: Vec<String>,
    /// Names of ECR repositories.
    #[serde(default)]
    pub repositories: Vec<String>,
    /// Load balancers, each with one listener and one target group.
    #[serde(default)]
    pub load_balancers: Vec<SeedLoadBalancer>,
    /// Names of roles that a task definition may point to.
    #[serde(default)]
    pub roles: Vec<String>,
    /// CloudWatch log groups.
    #[serde(default)]
    pub log_groups: Vec<String>,
    /// Ids of EFS file systems: folders under `state` that outlive tasks.
    #[serde(default)]
    pub file_systems: Vec<String>,
    /// SSM parameters, made as `String` where they do not exist.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// SSM parameters that get a random value of 50 characters, made as `SecureString` where they do not exist.
    #[serde(default)]
    pub random_parameters: Vec<String>,
}

/// One load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedLoadBalancer {
    /// Name of the load balancer and of its target group.
    pub name: String,
    /// Where it listens: loopback only.
    pub listen: SocketAddr,
    /// Default port of targets.
    pub target_port: u16,
    /// Path of the health check.
    pub health_check_path: String,
    /// Seconds between two checks of one target. AWS: 5 to 300; the stand-in takes 1 too, so that nobody waits for nothing.
    pub health_check_interval_seconds: u32,
    /// Checks in a row that make a target healthy. AWS: 2 to 10.
    pub healthy_threshold: u32,
    /// Checks in a row that make a target unhealthy. AWS: 2 to 10.
    pub unhealthy_threshold: u32,
    /// How long a draining target may finish its requests, in seconds. AWS: 0 to 3600.
    pub deregistration_delay_seconds: u32,
}

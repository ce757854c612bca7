//! Load balancers, target groups and targets. Which requests are in flight is the balancer's to know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::task_definition::Tag;
use crate::time::Timestamp;

/// ELB.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elb {
    /// ARN → load balancer.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// ARN → target group.
    pub target_groups: BTreeMap<String, TargetGroup>,
}

/// An application load balancer with one HTTP listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// The 16 hex digits that end its ARN.
    pub id: String,
    /// Where it listens: loopback.
    pub listen: SocketAddr,
    /// ARN of its listener.
    pub listener_arn: String,
    /// ARN of the target group that the listener forwards to.
    pub target_group: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// How targets are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetHealthCheck {
    /// Path of the request.
    pub path: String,
    /// Seconds between two checks.
    pub interval_seconds: u32,
    /// Seconds until a check has failed.
    pub timeout_seconds: u32,
    /// Passes in a row that make a target healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make it unhealthy.
    pub unhealthy_threshold: u32,
    /// Codes that pass, as AWS writes them: `200`, `200,301`, `200-299`.
    pub matcher: String,
}

/// A target group of type `ip`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// Default port of targets.
    pub port: u16,
    /// How its targets are checked.
    pub health_check: TargetHealthCheck,
    /// `deregistration_delay.timeout_seconds`.
    pub deregistration_delay_seconds: u32,
    /// The other attributes, as set.
    pub attributes: BTreeMap<String, String>,
    /// Registered and draining targets.
    pub targets: Vec<Target>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// `TargetHealthStateEnum`, as far as it occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetState {
    /// Registered, not checked often enough.
    Initial,
    /// Gets requests.
    Healthy,
    /// Gets none while another is healthy.
    Unhealthy,
    /// Deregistered; finishes what it has.
    Draining,
}

/// One target. The runner registers and deregisters; the balancer alone writes `state`, `reason`, `description`, and
/// removes a draining target once it has no request in flight or its delay is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Address of the task.
    pub address: IpAddr,
    /// Port of the container.
    pub port: u16,
    /// Where connections to it really go: the same, or a published port where the engine's network cannot be reached.
    pub reached_at: SocketAddr,
    /// As the checks found it.
    pub state: TargetState,
    /// `Elb.RegistrationInProgress`, `Target.ResponseCodeMismatch`, `Target.Timeout`, `Target.FailedHealthChecks`,
    /// `Target.DeregistrationInProgress`.
    pub reason: Option<String>,
    /// AWS's sentence: `Health checks failed with these codes: [502]`.
    pub description: Option<String>,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// When it began to drain.
    pub draining_since: Option<Timestamp>,
}

impl TargetGroup {
    /// Registers a target; one that is there already stays as it is, one that is draining comes back.
    pub fn register(&mut self, address: IpAddr, port: u16, reached_at: SocketAddr, now: Timestamp) {
        self.targets
            .retain(|target| (target.address, target.port) != (address, port) || target.state != TargetState::Draining);
        if self.targets.iter().any(|target| (target.address, target.port) == (address, port)) {
            return;
        }
        self.targets.push(Target {
            address,
            port,
            reached_at,
            state: TargetState::Initial,
            reason: Some("Elb.RegistrationInProgress".into()),
            description: Some("Target registration is in progress".into()),
            registered_at: now,
            draining_since: None,
        });
    }

    /// Begins to drain a target.
    pub fn deregister(&mut self, address: IpAddr, port: u16, now: Timestamp) {
        for target in &mut self.targets {
            if (target.address, target.port) == (address, port) && target.state != TargetState::Draining {
                target.state = TargetState::Draining;
                target.reason = Some("Target.DeregistrationInProgress".into());
                target.description = Some("Target deregistration is in progress".into());
                target.draining_since = Some(now);
            }
        }
    }
}

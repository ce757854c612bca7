//! Load balancers, target groups and targets. Which requests are in flight is the balancer's to know.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::task_definition::Tag;
use crate::settings::Settings;
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

/// An application load balancer with at most one HTTP listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// The 16 hex digits that end its ARN.
    pub id: String,
    /// `None` until `CreateListener`.
    pub listener: Option<Listener>,
    /// Attributes, as set.
    pub attributes: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// An HTTP listener whose only rule forwards to one target group.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Its ARN.
    pub arn: String,
    /// Where it listens: loopback.
    pub address: SocketAddr,
    /// ARN of the target group that it forwards to.
    pub target_group: String,
    /// Why it does not listen, such as a port that is taken. Written by the balancer alone.
    pub problem: Option<String>,
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

impl Elb {
    /// The load balancer whose listener forwards to a target group, with its ARN.
    pub fn load_balancer_of(&self, target_group: &str) -> Option<(&String, &LoadBalancer)> {
        self.load_balancers
            .iter()
            .find(|(_, one)| one.listener.as_ref().is_some_and(|listener| listener.target_group == target_group))
    }
}

/// 16 hex digits that end ARNs of ELB: the same for the same name, so that an ARN can be written down.
fn id_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// ARN of the target group of a name.
pub fn target_group_arn(settings: &Settings, name: &str) -> String {
    settings.arn("elasticloadbalancing", &format!("targetgroup/{name}/{}", id_of(name)))
}

/// ARN of the load balancer of a name.
pub fn load_balancer_arn(settings: &Settings, name: &str) -> String {
    settings.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/{}", id_of(name)))
}

impl LoadBalancer {
    /// A load balancer without a listener.
    pub fn new(name: &str, now: Timestamp) -> LoadBalancer {
        LoadBalancer {
            name: name.to_owned(),
            id: id_of(name),
            listener: None,
            attributes: BTreeMap::new(),
            created_at: now,
            tags: Vec::new(),
        }
    }

    /// Gives it its listener.
    pub fn listen(&mut self, settings: &Settings, address: SocketAddr, target_group: String) {
        let resource = format!("listener/app/{}/{}/{}", self.name, self.id, id_of(&address.to_string()));
        let arn = settings.arn("elasticloadbalancing", &resource);
        self.listener = Some(Listener { arn, address, target_group, problem: None, tags: Vec::new() });
    }
}

impl Listener {
    /// ARN of its one rule.
    pub fn rule_arn(&self) -> String {
        format!("{}/{}", self.arn.replacen(":listener/", ":listener-rule/", 1), id_of(&self.arn))
    }
}

impl TargetGroup {
    /// A target group with AWS's defaults for HTTP.
    pub fn new(name: &str, port: u16) -> TargetGroup {
        TargetGroup {
            name: name.to_owned(),
            port,
            health_check: TargetHealthCheck {
                path: "/".into(),
                interval_seconds: 30,
                timeout_seconds: 5,
                healthy_threshold: 5,
                unhealthy_threshold: 2,
                matcher: "200".into(),
            },
            deregistration_delay_seconds: 300,
            attributes: BTreeMap::new(),
            targets: Vec::new(),
            tags: Vec::new(),
        }
    }

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

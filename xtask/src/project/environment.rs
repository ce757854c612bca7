//! One environment: `infra/environments/<name>.toml`, checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use crate::image::ImageName;
use crate::image::substitute::Substitute;

use super::{Project, ProjectService};

/// The four environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvironmentName {
    /// This machine; needs no AWS account.
    Local,
    /// The team's shared playground.
    Dev,
    /// The rehearsal of production.
    Staging,
    /// What the users see.
    Production,
}

impl EnvironmentName {
    /// All of them, in order of promotion.
    pub const ALL: [EnvironmentName; 4] =
        [EnvironmentName::Local, EnvironmentName::Dev, EnvironmentName::Staging, EnvironmentName::Production];

    /// The name as typed after `--env`.
    pub fn as_str(self) -> &'static str {
        match self {
            EnvironmentName::Local => "local",
            EnvironmentName::Dev => "dev",
            EnvironmentName::Staging => "staging",
            EnvironmentName::Production => "production",
        }
    }
}

/// The text names no environment.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownEnvironment(String);

impl fmt::Display for UnknownEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown environment `{}`: there are `local`, `dev`, `staging` and `production`", self.0)
    }
}

impl std::error::Error for UnknownEnvironment {}

impl FromStr for EnvironmentName {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<EnvironmentName, UnknownEnvironment> {
        EnvironmentName::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownEnvironment(text.to_owned()))
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where base images come from in this environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bases {
    /// `[bases]`: name in a Dockerfile → reference to use instead, such as `mirror.example/python:3.13-slim`.
    pub mirrors: BTreeMap<String, String>,
    /// `[substitutes."<name>"]`, `local` only: how to make up for a base whose registry cannot be reached.
    pub substitutes: BTreeMap<String, Substitute>,
}

/// `[local]`, in `local` only: where the substitute for AWS is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where AWS's API and the registry answer. Loopback.
    pub endpoint: SocketAddr,
    /// Where the load balancer answers. Loopback.
    pub balancer: SocketAddr,
    /// What the load balancer asks each task for to see whether it is healthy.
    pub health_check_path: String,
}

impl Default for Local {
    /// The values without the table.
    fn default() -> Local {
        Local {
            endpoint: (Ipv4Addr::LOCALHOST, 4510).into(),
            balancer: (Ipv4Addr::LOCALHOST, 8080).into(),
            health_check_path: "/healthz/live".to_owned(),
        }
    }
}

/// `infra/environments/<name>.toml`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// From the file's name.
    pub name: EnvironmentName,
    /// AWS region, such as `eu-central-1`.
    pub region: String,
    /// The twelve-digit account that the caller must be in; `None` in `local` only.
    pub account: Option<String>,
    /// ECS cluster.
    pub cluster: String,
    /// ECS service: the main one, or the selected one.
    pub service: String,
    /// Public domain, where there is one.
    pub domain: Option<String>,
    /// Endpoint override for any ECS-compatible endpoint.
    pub endpoint: Option<String>,
    /// Registry override, such as `127.0.0.1:5000`.
    pub registry: Option<String>,
    /// Task size in CPU units (1024 are one vCPU). With `memory`, one of Fargate's pairs.
    pub cpu: u32,
    /// Task size in MiB.
    pub memory: u32,
    /// How many tasks the service wants, at least 1.
    pub count: u32,
    /// Plain variables of the containers.
    pub variables: BTreeMap<String, String>,
    /// Variable → reference in SSM or Secrets Manager. Never a value.
    pub secrets: BTreeMap<String, String>,
    /// How deployments replace tasks.
    pub strategy: Strategy,
    /// Where the tasks are in the network; `None` only for projects without services, which do not deploy.
    pub network: Option<Network>,
    /// File systems that outlive tasks, by the name of the volume.
    pub volumes: BTreeMap<String, Volume>,
    /// Connections that the database takes, where the environment states it.
    pub max_connections: Option<u32>,
    /// Where base images come from.
    pub bases: Bases,
    /// Where the substitute for AWS is; `None` everywhere but in `local`.
    pub local: Option<Local>,
    /// What single services have of their own, by name.
    pub services: BTreeMap<String, ServiceOverrides>,
    /// The service whose values these are; `None` for those that all services share.
    pub selected: Option<String>,
}

/// `[services.<name>]` of an environment: what one service has instead of the values that all share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOverrides {
    /// CPU units instead of those of `[task]`.
    pub cpu: Option<u32>,
    /// MiB instead of those of `[task]`.
    pub memory: Option<u32>,
    /// Number of tasks instead of that of `[task]`.
    pub count: Option<u32>,
    /// Name of the ECS service instead of the derived one.
    pub service: Option<String>,
    /// Variables, added to those of `[variables]` or in their place.
    pub variables: BTreeMap<String, String>,
    /// References, added to those of `[secrets]` or in their place.
    pub secrets: BTreeMap<String, String>,
}

/// How a deployment replaces tasks: ECS's rolling update and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strategy {
    /// Percent of the desired count that must stay healthy, 0 to 100.
    pub minimum_healthy_percent: u32,
    /// Percent of the desired count that may exist at once, 101 to 200.
    pub maximum_percent: u32,
    /// Whether the circuit breaker ends a failing deployment and rolls it back.
    pub circuit_breaker: bool,
}

/// `[network]`: where the tasks are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Ids of subnets, at least one.
    pub subnets: Vec<String>,
    /// Ids of security groups, at least one.
    pub security_groups: Vec<String>,
    /// Whether tasks have public addresses. Without one, a task pulls images through a NAT gateway or endpoints.
    pub assign_public_ip: bool,
}

/// `[volumes.<name>]`: an EFS file system, and where containers have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Id of the file system.
    pub file_system: String,
    /// Id of the access point, which gives the containers' user a folder of its own.
    pub access_point: Option<String>,
    /// Container, by its image's name → absolute path in it.
    pub mounts: BTreeMap<ImageName, String>,
}

impl Environment {
    /// Returns the values of one service: what all services share, with what the service has of its own.
    #[must_use]
    pub fn for_service(&self, project: &Project, service: &ProjectService) -> Environment {
        let own = self.services.get(&service.name).cloned().unwrap_or_default();
        let mut environment = Environment { selected: Some(service.name.clone()), ..self.clone() };
        environment.cpu = own.cpu.unwrap_or(self.cpu);
        environment.memory = own.memory.unwrap_or(self.memory);
        environment.count = own.count.unwrap_or(self.count);
        let derived = if service.is_main { self.service.clone() } else { format!("{}-{}", project.name, service.name) };
        environment.service = own.service.unwrap_or(derived);
        // A variable becomes a secret, or a secret a variable: the value of the service is the only one.
        environment.secrets.retain(|name, _| !own.variables.contains_key(name));
        environment.variables.retain(|name, _| !own.secrets.contains_key(name));
        environment.variables.extend(own.variables);
        environment.secrets.extend(own.secrets);
        environment
    }

    /// Labelled substitute base images are accepted in `local` only.
    pub fn accepts_substitutes(&self) -> bool {
        self.name == EnvironmentName::Local
    }
}

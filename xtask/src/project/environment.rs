//! One environment: `infra/environments/<name>.toml`, checked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use super::{Project, ProjectService, SecretSource};
use crate::image::substitute::Substitute;
use crate::image::{ImageName, Platform};
use camino::Utf8PathBuf;

/// Longest name of an environment. It is part of names that AWS limits, such as that of a target group.
const NAME_LENGTH: usize = 32;

/// A name as text of bounded length, so that it can be copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Text {
    bytes: [u8; NAME_LENGTH],
    length: u8,
}

impl Text {
    fn as_str(&self) -> &str {
        // The bytes are ASCII: `EnvironmentName::checked` lets no others pass.
        self.bytes.get(..usize::from(self.length)).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// The name of an environment, `[a-z0-9-]{1,32}`, and the template that its settings come from where it has no file of
/// its own. The files in `infra/environments/` are the environments: no other place lists them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentName {
    text: Text,
    template: Option<Text>,
}

impl EnvironmentName {
    /// The default of `--env`, which deploys to the local AWS emulator and needs no account.
    pub const LOCAL: EnvironmentName = EnvironmentName { text: LOCAL, template: None };

    /// The name as typed after `--env`.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }

    /// Whether this is the environment of the local AWS emulator.
    pub fn is_local(self) -> bool {
        self == EnvironmentName::LOCAL
    }

    /// The same name with its settings from the file of `template`.
    #[must_use]
    pub fn with_template(self, template: Option<EnvironmentName>) -> EnvironmentName {
        EnvironmentName { text: self.text, template: template.map(|template| template.text) }
    }

    /// The environment whose file is the template, as typed after `--from`.
    pub fn template(self) -> Option<EnvironmentName> {
        self.template.map(|text| EnvironmentName { text, template: None })
    }

    /// The flags that select the environment on a command line, with a space in front; empty for the default.
    pub fn flags(self) -> String {
        match self.template() {
            Some(template) => format!(" --env {self} --from {template}"),
            None if self.is_local() => String::new(),
            None => format!(" --env {self}"),
        }
    }
}

const LOCAL: Text = {
    let mut bytes = [0; NAME_LENGTH];
    let mut at = 0;
    while at < LOCAL_NAME.len() {
        bytes[at] = LOCAL_NAME[at];
        at += 1;
    }
    Text { bytes, length: 5 }
};

const LOCAL_NAME: &[u8; 5] = b"local";

/// The text is no name of an environment.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidEnvironmentName(String);

impl fmt::Display for InvalidEnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.escape_debug();
        write!(
            f,
            "`{text}` is not the name of an environment: lower-case letters, digits and hyphens, no hyphen at either \
             end, at most {NAME_LENGTH}"
        )
    }
}

impl std::error::Error for InvalidEnvironmentName {}

impl FromStr for EnvironmentName {
    type Err = InvalidEnvironmentName;

    fn from_str(text: &str) -> Result<EnvironmentName, InvalidEnvironmentName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = !text.is_empty() && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-');
        let invalid = || InvalidEnvironmentName(text.chars().take(2 * NAME_LENGTH).collect());
        let length = u8::try_from(text.len()).map_err(|_| invalid())?;
        let mut bytes = [0; NAME_LENGTH];
        match bytes.get_mut(..text.len()) {
            Some(start) if fits => start.copy_from_slice(text.as_bytes()),
            _ => return Err(invalid()),
        }
        Ok(EnvironmentName { text: Text { bytes, length }, template: None })
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for EnvironmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EnvironmentName").field(&self.as_str()).finish()
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

/// `[local]`, in `local` only: where the local AWS emulator listens.
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
    /// The defaults of the table.
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
    /// From the file's name, or from `--env` where the file is a template.
    pub name: EnvironmentName,
    /// Whether a deploy asks first, and takes images of committed trees only.
    pub protected: bool,
    /// The platform of the images and tasks, where it is not the project's.
    pub platform: Option<Platform>,
    /// `[images.<name>]`: build settings that replace the project's.
    pub images: BTreeMap<ImageName, BuildSettings>,
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
    /// Connections that the database accepts, where the file states them.
    pub max_connections: Option<u32>,
    /// Where base images come from.
    pub bases: Bases,
    /// Where the local AWS emulator listens; `None` everywhere but in `local`.
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

/// Build settings of one image in one environment. What is absent stays as `infra/slipway.toml` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSettings {
    /// Another Dockerfile.
    pub dockerfile: Option<Utf8PathBuf>,
    /// Another stage.
    pub target: Option<String>,
    /// Build arguments, added to the project's or in place of them.
    pub args: BTreeMap<String, String>,
    /// Build secrets, added to the project's or in place of them.
    pub secrets: BTreeMap<String, SecretSource>,
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
        self.name.is_local()
    }
}

#[cfg(test)]
mod tests {
    use super::EnvironmentName;

    #[test]
    fn accepts_names_of_files_and_rejects_others() {
        let longest = "a".repeat(32);
        for text in ["local", "qa", "pr-123", "1", longest.as_str()] {
            let name: EnvironmentName = text.parse().unwrap();
            assert_eq!((name.as_str(), name.to_string().as_str()), (text, text));
            assert_eq!(name.is_local(), text == "local");
        }
        let too_long = "a".repeat(33);
        for text in ["", "QA", "a/b", "..", "a.b", "-a", "a-", "a_b", "a b", "\u{e9}", "a\n", "\\", too_long.as_str()] {
            let error = text.parse::<EnvironmentName>().unwrap_err().to_string();
            assert!(error.contains("lower-case letters, digits and hyphens"), "{error}");
        }
    }

    #[test]
    fn flags_select_the_environment() {
        let name: EnvironmentName = "pr-1".parse().unwrap();
        assert_eq!(EnvironmentName::LOCAL.flags(), "");
        assert_eq!(name.flags(), " --env pr-1");
        let from = name.with_template("preview".parse().ok());
        assert_eq!((from.flags().as_str(), from.as_str()), (" --env pr-1 --from preview", "pr-1"));
    }
}

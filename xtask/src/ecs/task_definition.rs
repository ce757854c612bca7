//! The task definition: a whole document in AWS's form, and a typed view of the evaluated members.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A task definition as input of `RegisterTaskDefinition`. Members that are not in the view are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    document: Map<String, Value>,
    view: View,
}

impl TaskDefinition {
    /// Creates the value from a document whose members have AWS's types.
    ///
    /// # Errors
    /// The first member that has another type than AWS gives it.
    pub fn from_document(document: Map<String, Value>) -> Result<TaskDefinition, serde_json::Error> {
        let view = View::deserialize(Value::Object(document.clone()))?;
        Ok(TaskDefinition { document, view })
    }

    /// Returns the whole document.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// Returns the typed view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Returns the container definition of that name.
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.view.container_definitions.iter().find(|container| container.name == name)
    }
}

/// The evaluated members of a task definition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct View {
    /// Family name, shared by its revisions.
    pub family: String,
    /// CPU units, 1024 per vCPU.
    pub cpu: Option<String>,
    /// Memory in MiB.
    pub memory: Option<String>,
    /// `awsvpc` on Fargate.
    pub network_mode: Option<String>,
    /// Launch types, such as `FARGATE`.
    pub requires_compatibilities: Vec<String>,
    /// Platform of its tasks.
    pub runtime_platform: Option<RuntimePlatform>,
    /// Role that pulls images and reads secrets.
    pub execution_role_arn: Option<String>,
    /// Role with the permissions of the containers.
    pub task_role_arn: Option<String>,
    /// Its containers, in the document's order.
    pub container_definitions: Vec<ContainerDefinition>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
}

/// Platform of tasks.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimePlatform {
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// Operating system, such as `LINUX`.
    pub operating_system_family: Option<String>,
}

/// One container in a task definition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerDefinition {
    /// Name, unique in the task.
    pub name: String,
    /// The image reference.
    pub image: String,
    /// Whether the task stops when it exits; AWS's default is true.
    pub essential: Option<bool>,
    /// CPU units.
    pub cpu: Option<u32>,
    /// Hard memory limit in MiB.
    pub memory: Option<u32>,
    /// Soft memory limit in MiB.
    pub memory_reservation: Option<u32>,
    /// Command that replaces the image's.
    pub command: Vec<String>,
    /// Entrypoint that replaces the image's.
    pub entry_point: Vec<String>,
    /// Plain-text variables.
    pub environment: Vec<Variable>,
    /// Variables whose values are stored elsewhere.
    pub secrets: Vec<Secret>,
    /// Ports that it listens on.
    pub port_mappings: Vec<PortMapping>,
    /// Mount points of volumes.
    pub mount_points: Vec<MountPoint>,
    /// Containers that must start, or be healthy, before it.
    pub depends_on: Vec<Dependency>,
    /// Health check of the container.
    pub health_check: Option<HealthCheck>,
    /// Whether its root file system is read-only.
    pub readonly_root_filesystem: Option<bool>,
    /// Seconds between the stop signal and SIGKILL.
    pub stop_timeout: Option<u32>,
    /// Seconds until ECS gives up on a dependency on its start.
    pub start_timeout: Option<u32>,
    /// User; the image's if absent.
    pub user: Option<String>,
    /// Log configuration.
    pub log_configuration: Option<LogConfiguration>,
    /// Names of linked containers; not with `awsvpc`.
    pub links: Vec<String>,
    /// Kernel parameters of the task's namespace.
    pub system_controls: Vec<SystemControl>,
    /// Linux capabilities and init process.
    pub linux_parameters: Option<Value>,
    /// Whether it has privileged access to the host; not on Fargate.
    pub privileged: Option<bool>,
    /// Resource limits.
    pub ulimits: Vec<Value>,
}

impl ContainerDefinition {
    /// Returns whether the task stops when the container exits.
    pub fn is_essential(&self) -> bool {
        self.essential.unwrap_or(true)
    }

    /// Returns the value of the plain-text variable of that name.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }
}

/// A plain-text variable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A variable whose value is stored elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Secret {
    /// The variable's name.
    pub name: String,
    /// ARN or name of an SSM parameter, or ARN of a Secrets Manager secret.
    pub value_from: String,
}

/// A port that a container listens on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortMapping {
    /// Port in the container.
    pub container_port: Option<u16>,
    /// Port on the host; with `awsvpc` equal to the container's, or absent.
    pub host_port: Option<u16>,
    /// `tcp` if absent.
    pub protocol: Option<String>,
    /// Name for Service Connect.
    pub name: Option<String>,
}

/// The mount point of a volume.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountPoint {
    /// Name of the volume.
    pub source_volume: Option<String>,
    /// Path in the container.
    pub container_path: Option<String>,
    /// Whether the container may not write there.
    pub read_only: Option<bool>,
}

/// A dependency of a container on another one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dependency {
    /// Name of the other container.
    pub container_name: String,
    /// `START`, `COMPLETE`, `SUCCESS`, `HEALTHY`.
    pub condition: String,
}

/// The health check of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// `["CMD", …]` or `["CMD-SHELL", "…"]`.
    pub command: Vec<String>,
    /// Seconds between checks; 30 if absent.
    pub interval: Option<u32>,
    /// Seconds until a check times out; 5 if absent.
    pub timeout: Option<u32>,
    /// Consecutive failures until it is unhealthy; 3 if absent.
    pub retries: Option<u32>,
    /// Seconds in which failures do not count; 0 if absent.
    pub start_period: Option<u32>,
}

/// The log configuration of a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogConfiguration {
    /// Log driver, such as `awslogs`.
    pub log_driver: String,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// A kernel parameter of the task's namespace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SystemControl {
    /// Name, such as `net.core.somaxconn`.
    pub namespace: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// A volume of the task.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// EFS file system; without one, the volume is deleted with its task.
    pub efs_volume_configuration: Option<Value>,
}

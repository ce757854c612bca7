//! The one task definition: a whole document in AWS's own form, and a typed view of what is concluded from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A task definition in the form that `RegisterTaskDefinition` takes. Members that the view does not know are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    document: Map<String, Value>,
    view: View,
}

impl TaskDefinition {
    /// From a document whose members have their types.
    ///
    /// # Errors
    /// The first member that has another type than AWS gives it.
    pub fn from_document(document: Map<String, Value>) -> Result<TaskDefinition, serde_json::Error> {
        let view = View::deserialize(Value::Object(document.clone()))?;
        Ok(TaskDefinition { document, view })
    }

    /// Everything.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// What is concluded from.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The container definition of that name.
    pub fn container(&self, name: &str) -> Option<&ContainerDefinition> {
        self.view.container_definitions.iter().find(|container| container.name == name)
    }
}

/// The members of a task definition that something is concluded from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct View {
    /// The name that its revisions share.
    pub family: String,
    /// Units, 1024 a vCPU.
    pub cpu: Option<String>,
    /// MiB.
    pub memory: Option<String>,
    /// `awsvpc` on Fargate.
    pub network_mode: Option<String>,
    /// `FARGATE`.
    pub requires_compatibilities: Vec<String>,
    /// What its tasks run on.
    pub runtime_platform: Option<RuntimePlatform>,
    /// What pulls images and reads secrets.
    pub execution_role_arn: Option<String>,
    /// What the containers may do.
    pub task_role_arn: Option<String>,
    /// Its containers, in the document's order.
    pub container_definitions: Vec<ContainerDefinition>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
}

/// What tasks run on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimePlatform {
    /// `X86_64` or `ARM64`.
    pub cpu_architecture: Option<String>,
    /// `LINUX`.
    pub operating_system_family: Option<String>,
}

/// One container in a task definition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerDefinition {
    /// Unique in the task.
    pub name: String,
    /// The image reference.
    pub image: String,
    /// Whether its end is the task's; AWS takes an absent one for true.
    pub essential: Option<bool>,
    /// Units.
    pub cpu: Option<u32>,
    /// Hard limit, MiB.
    pub memory: Option<u32>,
    /// Soft limit, MiB.
    pub memory_reservation: Option<u32>,
    /// Replaces the image's command.
    pub command: Vec<String>,
    /// Replaces the image's entrypoint.
    pub entry_point: Vec<String>,
    /// Plain variables.
    pub environment: Vec<Variable>,
    /// Variables whose values are somewhere else.
    pub secrets: Vec<Secret>,
    /// Ports that it listens on.
    pub port_mappings: Vec<PortMapping>,
    /// Where volumes are mounted.
    pub mount_points: Vec<MountPoint>,
    /// What it waits for.
    pub depends_on: Vec<Dependency>,
    /// How its health is found out.
    pub health_check: Option<HealthCheck>,
    /// Whether its root file system is read-only.
    pub readonly_root_filesystem: Option<bool>,
    /// Seconds between the stop signal and the end.
    pub stop_timeout: Option<u32>,
    /// Seconds that it may take to start.
    pub start_timeout: Option<u32>,
    /// User, or the image's.
    pub user: Option<String>,
    /// Where its output goes.
    pub log_configuration: Option<LogConfiguration>,
    /// Names of containers it is linked to; not with `awsvpc`.
    pub links: Vec<String>,
    /// Kernel parameters of the task's namespace.
    pub system_controls: Vec<SystemControl>,
    /// Further host capabilities and the init process.
    pub linux_parameters: Option<Value>,
    /// Not on Fargate.
    pub privileged: Option<bool>,
    /// Resource limits.
    pub ulimits: Vec<Value>,
}

impl ContainerDefinition {
    /// Whether its end is the task's.
    pub fn is_essential(&self) -> bool {
        self.essential.unwrap_or(true)
    }

    /// The plain variable of that name.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str())
    }
}

/// A plain variable.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A variable whose value is somewhere else.
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
    /// In the container.
    pub container_port: Option<u16>,
    /// With `awsvpc` the same, or absent.
    pub host_port: Option<u16>,
    /// `tcp` if absent.
    pub protocol: Option<String>,
    /// A name, for Service Connect.
    pub name: Option<String>,
}

/// Where a volume is mounted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MountPoint {
    /// The volume.
    pub source_volume: Option<String>,
    /// The path in the container.
    pub container_path: Option<String>,
    /// Whether the container may not write there.
    pub read_only: Option<bool>,
}

/// What a container waits for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dependency {
    /// The other container.
    pub container_name: String,
    /// `START`, `COMPLETE`, `SUCCESS`, `HEALTHY`.
    pub condition: String,
}

/// How a container's health is found out.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheck {
    /// `["CMD", …]` or `["CMD-SHELL", "…"]`.
    pub command: Vec<String>,
    /// Seconds; 30 if absent.
    pub interval: Option<u32>,
    /// Seconds; 5 if absent.
    pub timeout: Option<u32>,
    /// Failures in a row; 3 if absent.
    pub retries: Option<u32>,
    /// Seconds in which failures do not count; 0 if absent.
    pub start_period: Option<u32>,
}

/// Where a container's output goes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogConfiguration {
    /// `awslogs`.
    pub log_driver: String,
    /// The driver's.
    pub options: BTreeMap<String, String>,
}

/// A kernel parameter of the task's namespace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct SystemControl {
    /// Such as `net.core.somaxconn`.
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
    /// An EFS file system; without one, the volume is the task's own and goes with it.
    pub efs_volume_configuration: Option<Value>,
}

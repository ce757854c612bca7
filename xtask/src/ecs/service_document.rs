//! The service: a whole document in AWS's form, and a typed view of the evaluated members.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::observed::{LoadBalancer, tags};
use super::shapes::{Root, Shapes};

/// A service as input of `CreateService`, without its task definition. Members that are not in the view are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDocument {
    document: Map<String, Value>,
    view: ServiceView,
}

impl ServiceDocument {
    /// Creates the value from a document whose members have AWS's types.
    ///
    /// # Errors
    /// The first member that has another type than AWS gives it.
    pub fn from_document(document: Map<String, Value>) -> Result<ServiceDocument, serde_json::Error> {
        let view = ServiceView::deserialize(Value::Object(document.clone()))?;
        Ok(ServiceDocument { document, view })
    }

    /// Returns the whole document.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// Returns the typed view.
    pub fn view(&self) -> &ServiceView {
        &self.view
    }

    /// Returns the input of `CreateService` for a revision.
    pub fn create(&self, revision: &str) -> Map<String, Value> {
        let mut input = self.document.clone();
        input.insert("taskDefinition".to_owned(), json!(revision));
        input
    }

    /// Returns the input of `UpdateService`: its members only, with the service's name under its key there. The caller
    /// adds the task definition where a new revision is deployed.
    pub fn update(&self) -> Map<String, Value> {
        let shapes = Shapes::of_ecs();
        let mut input = Map::new();
        for (member, value) in &self.document {
            if member == "serviceName" {
                input.insert("service".to_owned(), value.clone());
            } else if shapes.has(Root::ServiceUpdate, member) {
                input.insert(member.clone(), value.clone());
            }
        }
        input
    }
}

/// The evaluated members of a service.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceView {
    /// Its cluster.
    pub cluster: Option<String>,
    /// Its name.
    pub service_name: String,
    /// Desired number of tasks.
    pub desired_count: Option<u32>,
    /// `FARGATE`, or nothing with capacity providers.
    pub launch_type: Option<String>,
    /// `LATEST` if absent.
    pub platform_version: Option<String>,
    /// Capacity providers, instead of a launch type.
    pub capacity_provider_strategy: Vec<CapacityProvider>,
    /// Target groups in which its tasks are registered.
    pub load_balancers: Vec<LoadBalancer>,
    /// Subnets and security groups of its tasks.
    pub network_configuration: Option<NetworkConfiguration>,
    /// Replacement of tasks in a deployment.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Seconds in which a failing health check of the load balancer does not stop a task.
    pub health_check_grace_period_seconds: Option<u32>,
    /// Whether ECS Exec is on.
    pub enable_execute_command: Option<bool>,
    /// Its tags.
    #[serde(deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
}

/// A capacity provider and its share of the tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityProvider {
    /// `FARGATE` or `FARGATE_SPOT`.
    pub capacity_provider: String,
    /// Relative share of the tasks beyond `base`.
    pub weight: Option<u32>,
    /// Minimum number of tasks.
    pub base: Option<u32>,
}

/// Network configuration of tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkConfiguration {
    /// The only network configuration, for `awsvpc`.
    pub awsvpc_configuration: AwsvpcConfiguration,
}

/// Subnets and security groups of tasks with their own network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AwsvpcConfiguration {
    /// Ids of subnets.
    pub subnets: Vec<String>,
    /// Ids of security groups.
    pub security_groups: Vec<String>,
    /// `ENABLED`, or `DISABLED`, also if absent.
    pub assign_public_ip: Option<String>,
}

/// Replacement of tasks in a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentConfiguration {
    /// `ROLLING` if absent.
    pub strategy: Option<String>,
    /// Percent of the desired count that must stay healthy.
    pub minimum_healthy_percent: Option<u32>,
    /// Percent of the desired count that may exist at once.
    pub maximum_percent: Option<u32>,
    /// Circuit breaker for failing deployments.
    pub deployment_circuit_breaker: Option<BreakerConfiguration>,
}

/// Circuit breaker for failing deployments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BreakerConfiguration {
    /// Whether it is on.
    pub enable: bool,
    /// Whether the previous revision is restored.
    pub rollback: bool,
}

//! The service: a whole document in AWS's own form, and a typed view of what is concluded from.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::observed::{LoadBalancer, tags};
use super::shapes::{Root, Shapes};

/// A service in the form that `CreateService` takes, but for its task definition. Members that the view does not know
/// are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceDocument {
    document: Map<String, Value>,
    view: ServiceView,
}

impl ServiceDocument {
    /// From a document whose members have their types.
    ///
    /// # Errors
    /// The first member that has another type than AWS gives it.
    pub fn from_document(document: Map<String, Value>) -> Result<ServiceDocument, serde_json::Error> {
        let view = ServiceView::deserialize(Value::Object(document.clone()))?;
        Ok(ServiceDocument { document, view })
    }

    /// Everything.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// What is concluded from.
    pub fn view(&self) -> &ServiceView {
        &self.view
    }

    /// What `CreateService` takes, for a revision.
    pub fn create(&self, revision: &str) -> Map<String, Value> {
        let mut input = self.document.clone();
        input.insert("taskDefinition".to_owned(), json!(revision));
        input
    }

    /// What `UpdateService` takes: the members that it knows, and the service's name under the key that it has there.
    /// The task definition is the caller's to add, where a new revision is to serve.
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

/// The members of a service that something is concluded from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceView {
    /// Its cluster.
    pub cluster: Option<String>,
    /// Its name.
    pub service_name: String,
    /// How many tasks it wants.
    pub desired_count: Option<u32>,
    /// `FARGATE`, or nothing with capacity providers.
    pub launch_type: Option<String>,
    /// `LATEST` if absent.
    pub platform_version: Option<String>,
    /// What runs its tasks, instead of a launch type.
    pub capacity_provider_strategy: Vec<CapacityProvider>,
    /// Where its tasks are registered.
    pub load_balancers: Vec<LoadBalancer>,
    /// Where its tasks are.
    pub network_configuration: Option<NetworkConfiguration>,
    /// How its tasks are replaced.
    pub deployment_configuration: Option<DeploymentConfiguration>,
    /// Seconds in which a failing health check of the load balancer does not end a task.
    pub health_check_grace_period_seconds: Option<u32>,
    /// Whether somebody may run commands in its containers.
    pub enable_execute_command: Option<bool>,
    /// Its tags.
    #[serde(deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
}

/// What runs a share of the tasks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityProvider {
    /// `FARGATE` or `FARGATE_SPOT`.
    pub capacity_provider: String,
    /// Share of the tasks beyond `base`.
    pub weight: Option<u32>,
    /// How many tasks it has at least.
    pub base: Option<u32>,
}

/// Where tasks are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkConfiguration {
    /// The one kind there is with `awsvpc`.
    pub awsvpc_configuration: AwsvpcConfiguration,
}

/// Where tasks with a network interface of their own are.
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

/// How tasks are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeploymentConfiguration {
    /// `ROLLING` if absent.
    pub strategy: Option<String>,
    /// Percent of the desired count that must stay healthy.
    pub minimum_healthy_percent: Option<u32>,
    /// Percent of the desired count that may exist at once.
    pub maximum_percent: Option<u32>,
    /// What ends a failing deployment.
    pub deployment_circuit_breaker: Option<BreakerConfiguration>,
}

/// What ends a failing deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BreakerConfiguration {
    /// Whether it is on.
    pub enable: bool,
    /// Whether the revision before is put back.
    pub rollback: bool,
}

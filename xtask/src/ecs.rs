//! ECS: rendering, checking and comparing documents, observations of a service, and conclusions from them. The module
//! is pure. Every document keeps the form of AWS's JSON, so that no member is lost. Not here: calls (`effects::ecs`).

mod balancing;
pub mod diagnosis;
pub mod diff;
pub mod findings;
#[cfg(test)]
pub(crate) mod fixtures;
mod observed;
pub mod one_off;
pub mod places;
pub mod record;
mod release_id;
pub mod render;
pub mod rollout;
mod service_document;
pub mod shapes;
mod task_definition;

pub use balancing::{Balancer, TargetGroup};
pub use diff::Change;
pub use observed::{
    CircuitBreaker, Container, Deployment, DeploymentBrief, Event, LoadBalancer, LogLine, Revision, RevisionCounts,
    Rollback, RolloutState, Service, ServiceDeployment, ServiceDeploymentStatus, TargetHealth, Task, Timestamp,
};
pub use release_id::{InvalidReleaseId, ReleaseId};
pub use service_document::{
    AwsvpcConfiguration, BreakerConfiguration, CapacityProvider, DeploymentConfiguration, NetworkConfiguration,
    ServiceDocument, ServiceView,
};
pub use task_definition::{
    ContainerDefinition, Dependency, HealthCheck, LogConfiguration, MountPoint, PortMapping, RuntimePlatform, Secret,
    SystemControl, TaskDefinition, Variable, View, Volume,
};

//! ECS as Slipway knows it: documents of ours that are rendered, checked and compared; what was observed of a service; what
//! follows from it. Pure. AWS's JSON is the form of every document: nothing is translated, so nothing is lost on the way.
//! Not here: calls (`effects::ecs`).

mod balancing;
mod observed;
mod task_definition;

pub use balancing::{Balancer, Listener, TargetGroup};
pub use observed::{
    CircuitBreaker, Container, Deployment, DeploymentBrief, Event, LoadBalancer, LogLine, Revision, RevisionCounts,
    Rollback, RolloutState, Service, ServiceDeployment, ServiceDeploymentStatus, TargetHealth, Task, Timestamp,
};
pub use task_definition::{
    ContainerDefinition, Dependency, HealthCheck, LogConfiguration, MountPoint, PortMapping, RuntimePlatform, Secret,
    SystemControl, TaskDefinition, Variable, View, Volume,
};

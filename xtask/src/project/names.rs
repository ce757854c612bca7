//! Names of things on AWS that follow from the project's: the same in the substitute, in `infra up` and in a deploy.

use serde::Serialize;

use super::{Environment, Project};
use crate::error::Failure;

/// Names that follow from the project's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Names {
    /// ECS cluster.
    pub cluster: String,
    /// One ECR repository an image: `<project>/<image>`.
    pub repositories: Vec<String>,
    /// The load balancer and its target group.
    pub balancer: String,
    /// What all revisions of the task definition are called. Environments that share an account do not share revisions.
    pub family: String,
    /// CloudWatch log group.
    pub log_group: String,
    /// What ECS may do for a task.
    pub execution_role: String,
    /// What the app may do.
    pub task_role: String,
    /// The parameter with Django's key.
    pub secret_key: String,
}

/// Longest name of a load balancer or target group (Elastic Load Balancing API, CreateLoadBalancer and CreateTargetGroup).
const LOAD_BALANCING_NAME: usize = 32;

/// Checks the length of the name that load balancer and target group of a project with services have.
///
/// # Errors
/// Usage (2).
pub fn check_length(project: &Project, environment: &Environment) -> Result<(), Failure> {
    let name = format!("{}-{}", project.name, environment.name);
    if project.services.is_empty() || name.len() <= LOAD_BALANCING_NAME {
        return Ok(());
    }
    let length = name.len();
    let text = format!(
        "`{name}` has {length} characters: it is the name of load balancer and target group, at most \
         {LOAD_BALANCING_NAME} characters"
    );
    Err(Failure::usage(text)
        .hint("choose a shorter name for the environment, or for the project in infra/slipway.toml"))
}

/// The names of an environment's resources, and of those that its selected service has for itself.
pub fn names(project: &Project, environment: &Environment) -> Names {
    let Environment { name, cluster, .. } = environment;
    let project_name = &project.name;
    // The main service has the names of a project with one service, so that adding a second renames nothing.
    let other = project.selected(environment).filter(|service| !service.is_main);
    let suffix = other.map(|service| format!("-{}", service.name)).unwrap_or_default();
    Names {
        cluster: cluster.clone(),
        repositories: project.images.iter().map(|image| format!("{project_name}/{}", image.name)).collect(),
        balancer: format!("{project_name}-{name}{suffix}"),
        family: format!("{project_name}-{name}{suffix}"),
        log_group: format!("/{project_name}/{name}"),
        execution_role: format!("{project_name}-execution"),
        task_role: format!("{project_name}-task"),
        secret_key: format!("/{project_name}/{name}/SECRET_KEY"),
    }
}

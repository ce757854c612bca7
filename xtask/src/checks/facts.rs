//! The input of the rules. Each fact is either known or carries the reason why it is unknown. Not here: gathering facts
//! (`verification`), evaluating them (`rules`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::judgement::Unknown;
use super::nginx::NginxFacts;
use super::uwsgi::UwsgiFacts;
use crate::ecs::{ContainerDefinition, DeploymentBrief, Revision, Service, TargetHealth, Task, TaskDefinition};
use crate::image::dockerfile::Copied;
use crate::image::layout::Config;
use crate::image::proof::Finding;
use crate::image::{Digest, ImageName};
use crate::project::{Environment, Project};
use crate::release::{Built, Release};

/// A fact, or the reason why it is unknown.
pub type Fact<T> = Result<T, Unknown>;

/// The input of all rules.
#[derive(Debug)]
pub struct Facts<'a> {
    /// `infra/slipway.toml`.
    pub project: &'a Project,
    /// `infra/environments/<name>.toml`.
    pub environment: &'a Environment,
    /// `release.json`.
    pub release: Fact<&'a Release>,
    /// Facts of the images in `release.json`, read from their layouts.
    pub images: BTreeMap<ImageName, Fact<ImageFacts>>,
    /// The rendered task definition.
    pub task_definition: Fact<&'a TaskDefinition>,
    /// The rendered input of `CreateService`.
    pub service: Fact<&'a Map<String, Value>>,
    /// nginx's configuration.
    pub front: Fact<Front>,
    /// uWSGI's configuration.
    pub server: Fact<Server>,
    /// The path of the static files from Django to nginx's image.
    pub static_files: Fact<StaticFiles>,
    /// Whether the target group of the service exists.
    pub has_target_group: Fact<bool>,
    /// The load balancer and its target group.
    pub balancer: Fact<Balancer>,
    /// The database's connection limit.
    pub max_connections: Fact<u32>,
    /// The caller's account.
    pub caller_account: Fact<String>,
    /// The cluster's status; `None` if the cluster does not exist.
    pub cluster: Fact<Option<String>>,
    /// Referenced parameters that do not exist.
    pub missing_parameters: Fact<Vec<String>>,
    /// Project files that cannot be parsed, each with file and line.
    pub unreadable: Fact<Vec<String>>,
    /// The running service.
    pub observed: Fact<Observed>,
}

/// An image: its entry in `release.json`, its layout and the result of the architecture check.
#[derive(Clone, Debug)]
pub struct ImageFacts {
    /// Its entry in `release.json`.
    pub built: Built,
    /// Its configuration.
    pub config: Config,
    /// Digest of the manifest in the layout.
    pub manifest: Option<Digest>,
    /// Findings of the architecture check.
    pub findings: Vec<Finding>,
}

/// nginx's configuration and the image that contains it.
#[derive(Clone, Debug)]
pub struct Front {
    /// The image.
    pub image: ImageName,
    /// The parsed configuration.
    pub nginx: NginxFacts,
}

/// uWSGI's configuration and the image that contains it.
#[derive(Clone, Debug)]
pub struct Server {
    /// The image.
    pub image: ImageName,
    /// The parsed configuration.
    pub uwsgi: UwsgiFacts,
}

/// The path of the static files between the images.
#[derive(Clone, Debug, Default)]
pub struct StaticFiles {
    /// `STATIC_ROOT` in the Dockerfile: the directory of `collectstatic`.
    pub collected: Option<String>,
    /// `COPY` instructions of nginx's image that read from that directory.
    pub copied: Vec<Copied>,
    /// `STATIC_URL` of Django's settings.
    pub url: Option<String>,
}

/// The load balancer and its target group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancer {
    /// The target group's name.
    pub name: String,
    /// The target type; `ip` with `awsvpc`.
    pub target_type: String,
    /// The path of its health check.
    pub health_path: String,
    /// Status codes that count as healthy, such as `200` or `200-299`.
    pub matcher: String,
    /// Seconds between two health checks.
    pub interval: u32,
    /// Seconds until a health check times out.
    pub timeout: u32,
    /// Seconds without traffic after which a connection is closed.
    pub idle_timeout: Option<u32>,
    /// Seconds that a deregistering target may take to finish its requests.
    pub deregistration_delay: Option<u32>,
}

/// The observed state of the running service.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The service.
    pub service: Service,
    /// The expected release.
    pub release: Fact<String>,
    /// The revision of the service.
    pub revision: Fact<Revision>,
    /// ARN of the newest active revision of the family.
    pub newest: Fact<String>,
    /// The running tasks.
    pub tasks: Fact<Vec<Task>>,
    /// Health of the targets, from the load balancer.
    pub targets: Fact<Vec<TargetHealth>>,
    /// The record of the newest deployment.
    pub last: Fact<DeploymentBrief>,
    /// The page at the service's URL.
    pub page: Fact<Answer>,
    /// The first stylesheet that the page links.
    pub stylesheet: Fact<Answer>,
    /// The response of the health check, which contains the release.
    pub health: Fact<Answer>,
}

/// An HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The requested URL.
    pub url: String,
    /// The reason why no response arrived.
    pub silence: Option<String>,
    /// The status code.
    pub status: u16,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body, truncated.
    pub body: String,
}

impl Facts<'_> {
    /// Returns the command line of a verb for this environment.
    pub(super) fn command(&self, verb: &str) -> String {
        format!("cargo xtask {verb}{}", self.environment.name.flags())
    }

    /// Returns the containers of the task definition.
    pub(super) fn containers(&self) -> Fact<&[ContainerDefinition]> {
        Ok(&self.task()?.view().container_definitions)
    }

    pub(super) fn task(&self) -> Fact<&TaskDefinition> {
        self.task_definition.clone()
    }

    pub(super) fn front(&self) -> Fact<&Front> {
        self.front.as_ref().map_err(Clone::clone)
    }

    pub(super) fn server(&self) -> Fact<&Server> {
        self.server.as_ref().map_err(Clone::clone)
    }

    pub(super) fn balancer(&self) -> Fact<&Balancer> {
        self.balancer.as_ref().map_err(Clone::clone)
    }

    pub(super) fn observed(&self) -> Fact<&Observed> {
        self.observed.as_ref().map_err(Clone::clone)
    }

    pub(super) fn static_files(&self) -> Fact<&StaticFiles> {
        self.static_files.as_ref().map_err(Clone::clone)
    }

    /// Returns the facts of an image.
    pub(super) fn image(&self, name: &ImageName) -> Fact<&ImageFacts> {
        let missing = || Unknown::new(format!("image `{name}` is not built: cargo xtask build"));
        self.images.get(name).ok_or_else(missing)?.as_ref().map_err(Clone::clone)
    }

    /// Returns the project's image that a container runs, matched by the repository in its reference.
    pub(super) fn image_name(&self, container: &ContainerDefinition) -> Option<&ImageName> {
        let repository = repository(&container.image);
        let name = repository.strip_prefix(&format!("{}/", self.project.name))?;
        self.project.images.iter().map(|image| &image.name).find(|image| image.as_str() == name)
    }

    /// Returns the container that runs an image.
    pub(super) fn container_of(&self, image: &ImageName) -> Fact<&ContainerDefinition> {
        let found = self.containers()?.iter().find(|container| self.image_name(container) == Some(image));
        found.ok_or_else(|| Unknown::new(format!("no container runs the image `{image}`")))
    }

    /// Returns the container that the load balancer forwards to, and its configuration.
    pub(super) fn front_container(&self) -> Fact<(&ContainerDefinition, &NginxFacts)> {
        let front = self.front()?;
        Ok((self.container_of(&front.image)?, &front.nginx))
    }

    /// Returns the container that runs Django, and its configuration.
    pub(super) fn app_container(&self) -> Fact<(&ContainerDefinition, &UwsgiFacts)> {
        let server = self.server()?;
        Ok((self.container_of(&server.image)?, &server.uwsgi))
    }

    /// Returns a member of the service's document.
    pub(super) fn service_member(&self, pointer: &str) -> Fact<Option<&Value>> {
        let document = self.service.clone()?;
        let mut parts = pointer.split('/');
        let first = parts.next().and_then(|name| document.get(name));
        Ok(parts.fold(first, |value, part| value.and_then(|value| value.get(part))))
    }

    /// Returns the container and port of each load balancer of the service's document.
    pub(super) fn registrations(&self) -> Fact<Vec<(String, Option<u16>)>> {
        let listed = self.service_member("loadBalancers")?.and_then(Value::as_array);
        let read = |one: &Value| {
            let port = one.get("containerPort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            (one.get("containerName").and_then(Value::as_str).unwrap_or_default().to_owned(), port)
        };
        Ok(listed.into_iter().flatten().map(read).collect())
    }

    /// Returns the desired number of tasks, and the maximum during a deployment.
    pub(super) fn task_counts(&self) -> Fact<(u32, u32)> {
        let number = |pointer: &str, default: u32| -> Fact<u32> {
            let value = self.service_member(pointer)?.and_then(Value::as_u64);
            Ok(value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default))
        };
        let wanted = number("desiredCount", self.environment.count)?;
        let percent = number("deploymentConfiguration/maximumPercent", 200)?;
        Ok((wanted, (wanted.saturating_mul(percent)) / 100))
    }
}

/// Returns the release that a revision passes to its containers.
pub fn release_of(definition: &TaskDefinition) -> Option<&str> {
    let containers = &definition.view().container_definitions;
    containers.iter().find_map(|container| container.variable("SLIPWAY_RELEASE")).filter(|release| !release.is_empty())
}

/// Returns the repository of an image reference, without registry, tag and digest.
pub(super) fn repository(reference: &str) -> &str {
    let without_digest = reference.split('@').next().unwrap_or_default();
    let path = match without_digest.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => path,
        _ => without_digest,
    };
    path.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn the_repository_of_a_reference() {
        for (reference, expected) in [
            ("1.dkr.ecr.eu-central-1.amazonaws.com/shop/app@sha256:00", "shop/app"),
            ("127.0.0.1:4510/shop/app:v1", "shop/app"),
            ("localhost/shop/app", "shop/app"),
            ("shop/app:latest", "shop/app"),
            ("nginx", "nginx"),
        ] {
            assert_eq!(repository(reference), expected);
        }
    }
}

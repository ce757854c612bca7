//! Values of the templates' placeholders: settings of the environment, and names and ARNs derived from it.
//! docs/guide/task-definition.md lists them.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Map, Value, json};

use crate::ecs::ReleaseId;
use crate::image::{ImageName, Platform};
use crate::project::names::names;
use crate::project::{Environment, Project, ProjectService, Volume, partition_of};

/// Variable with the release that a container's health check returns.
const RELEASE_VARIABLE: &str = "SLIPWAY_RELEASE";

/// Values by placeholder.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    known: Map<String, Value>,
    absent: BTreeMap<&'static str, String>,
    files: Files,
}

/// Paths of the templates, for messages.
#[derive(Clone, Debug, PartialEq)]
struct Files {
    task_definition: Utf8PathBuf,
    service: Utf8PathBuf,
}

impl Values {
    /// Returns the values of an environment in an account. `images` are references by digest; `target_group` is an ARN.
    /// The release is empty until `with_release`.
    pub fn new(
        project: &Project,
        environment: &Environment,
        account: &str,
        images: &BTreeMap<ImageName, String>,
        target_group: Option<&str>,
    ) -> Values {
        let partition = partition_of(&environment.region).name;
        let Environment { name, region, cluster, service, strategy, .. } = environment;
        let names = names(project, environment);
        let role = |name: &str| format!("arn:{partition}:iam::{account}:role/{name}");
        let known = json!({
            "account": account,
            "architecture": architecture(project.platform),
            "cluster": cluster,
            "count": environment.count,
            "environment": name.as_str(),
            "family": names.family,
            "images": images.iter().map(|(name, reference)| (name.to_string(), json!(reference))).collect::<Map<_, _>>(),
            "log_group": names.log_group,
            "mounts": mounts(project, environment),
            "partition": partition,
            "project": project.name,
            "region": region,
            "release": "",
            "roles": { "execution": role(&names.execution_role), "task": role(&names.task_role) },
            "secrets": secrets(environment, account),
            "service": service,
            "service_name": project.selected(environment).map_or("web", |service| &service.name),
            "strategy": {
                "circuit_breaker": strategy.circuit_breaker,
                "maximum_percent": strategy.maximum_percent,
                "minimum_healthy_percent": strategy.minimum_healthy_percent,
            },
            "task": { "cpu": environment.cpu, "memory": environment.memory },
            "variables": variables(environment),
            "volumes": environment.volumes.iter().map(|(name, given)| volume(name, given)).collect::<Vec<_>>(),
        });
        let Value::Object(known) = known else { return Values::nothing() };
        let files = match project.selected(environment) {
            Some(ProjectService { task_definition, service, .. }) => {
                Files { task_definition: task_definition.clone(), service: service.clone() }
            }
            None => usual_files(),
        };
        let mut values = Values { known, absent: BTreeMap::new(), files };
        let file = crate::project::parse::environment_file(*name);
        values.insert("domain", environment.domain.as_ref().map(|domain| json!(domain)), || {
            format!("add `domain` to `{file}`")
        });
        let network = environment.network.as_ref().map(|network| {
            json!({
                "subnets": network.subnets,
                "security_groups": network.security_groups,
                "assign_public_ip": if network.assign_public_ip { "ENABLED" } else { "DISABLED" },
            })
        });
        values.insert("network", network, || format!("add a `[network]` table to `{file}`"));
        values.insert("target_group", target_group.map(|arn| json!(arn)), || {
            format!("there is no target group `{}` in this environment", names.balancer)
        });
        values
    }

    /// Returns the values with the release, which is set in `release` and in the variables.
    #[must_use]
    pub fn with_release(&self, release: &ReleaseId) -> Values {
        let mut values = self.clone();
        values.known.insert("release".to_owned(), json!(release.as_str()));
        if let Some(Value::Array(variables)) = values.known.get_mut("variables") {
            for variable in variables.iter_mut().filter(|variable| variable["name"] == RELEASE_VARIABLE) {
                *variable = pair(RELEASE_VARIABLE, release.as_str());
            }
        }
        values
    }

    /// Returns all values by placeholder name.
    pub(super) fn known(&self) -> &Map<String, Value> {
        &self.known
    }

    /// Returns the known names without a value here, each with the setting that provides one.
    pub(super) fn absent(&self) -> &BTreeMap<&'static str, String> {
        &self.absent
    }

    /// Returns the path of the task definition's template.
    pub fn task_definition_file(&self) -> &Utf8Path {
        &self.files.task_definition
    }

    /// Returns the path of the service's template.
    pub fn service_file(&self) -> &Utf8Path {
        &self.files.service
    }

    /// Returns all dotted names: those of single values, and of groups that are lists.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.absent.keys().map(|name| (*name).to_owned()).collect();
        for (name, value) in &self.known {
            match value {
                Value::Object(group) => names.extend(group.keys().map(|key| format!("{name}.{key}"))),
                _ => names.push(name.clone()),
            }
        }
        names
    }

    fn insert(&mut self, name: &'static str, value: Option<Value>, remedy: impl FnOnce() -> String) {
        match value {
            Some(value) => drop(self.known.insert(name.to_owned(), value)),
            None => drop(self.absent.insert(name, remedy())),
        }
    }

    fn nothing() -> Values {
        Values { known: Map::new(), absent: BTreeMap::new(), files: usual_files() }
    }
}

fn usual_files() -> Files {
    Files {
        task_definition: Utf8PathBuf::from("infra/task-definition.json"),
        service: Utf8PathBuf::from("infra/service.json"),
    }
}

/// Returns ECS's name of the architecture that OCI calls `amd64` or `arm64`.
fn architecture(platform: Platform) -> &'static str {
    match platform {
        Platform::LinuxAmd64 => "X86_64",
        Platform::LinuxArm64 => "ARM64",
    }
}

fn pair(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// Returns the environment's variables and the two of the deploy, by name.
fn variables(environment: &Environment) -> Vec<Value> {
    let mut all: BTreeMap<&str, &str> =
        environment.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    all.insert("SLIPWAY_ENVIRONMENT", environment.name.as_str());
    all.insert(RELEASE_VARIABLE, "");
    all.into_iter().map(|(name, value)| pair(name, value)).collect()
}

/// Returns the secrets. `ssm:` becomes the ARN of the parameter, so that a reference does not depend on the region.
fn secrets(environment: &Environment, account: &str) -> Vec<Value> {
    let region = &environment.region;
    let partition = partition_of(region).name;
    let from = |reference: &str| match reference.strip_prefix("ssm:") {
        Some(name) => {
            format!("arn:{partition}:ssm:{region}:{account}:parameter/{}", name.strip_prefix('/').unwrap_or(name))
        }
        None => reference.to_owned(),
    };
    let secret = |(name, reference): (&String, &String)| json!({ "name": name, "valueFrom": from(reference) });
    environment.secrets.iter().map(secret).collect()
}

fn volume(name: &str, volume: &Volume) -> Value {
    let mut configuration = json!({ "fileSystemId": volume.file_system });
    if let Some(access_point) = &volume.access_point {
        // EFS requires both for a mount through an access point with the task role.
        configuration["transitEncryption"] = json!("ENABLED");
        configuration["authorizationConfig"] = json!({ "accessPointId": access_point, "iam": "ENABLED" });
    }
    json!({ "name": name, "efsVolumeConfiguration": configuration })
}

/// Returns mount points by container, empty for those without: a template uses `mounts.app` in every environment.
fn mounts(project: &Project, environment: &Environment) -> Map<String, Value> {
    let of = |container: &ImageName| {
        let volumes =
            environment.volumes.iter().filter_map(|(name, volume)| Some((name, volume.mounts.get(container)?)));
        volumes.map(|(name, path)| json!({ "sourceVolume": name, "containerPath": path })).collect::<Vec<_>>()
    };
    project.images.iter().map(|image| (image.name.to_string(), json!(of(&image.name)))).collect()
}

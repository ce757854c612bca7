//! The checked configuration: what `infra/slipway.toml` and `infra/environments/*.toml` say, after every rule held.
//! Raw structs are private to `project/`; nothing else ever sees them. Pure: file texts arrive as arguments.

pub mod environment;
pub mod names;
pub mod parse;
mod partition;

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

pub use environment::{
    Bases, BuildSettings, Environment, EnvironmentName, Local, Network, ServiceOverrides, Strategy, Volume,
};
pub use partition::{Partition, partition_of};

use crate::image::{ImageName, Platform};

/// `infra/slipway.toml`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Short name; first part of every derived AWS name.
    pub name: String,
    /// What every image of the project must run on.
    pub platform: Platform,
    /// In an order in which each image comes after those it takes files from.
    pub images: Vec<Image>,
    /// In the order of a rollout: each after those that it names. Empty in projects that do not deploy.
    pub services: Vec<ProjectService>,
    /// What is requested of a release once it serves.
    pub verify: Verify,
}

/// One `[images.<name>]` table. All paths are relative to the repository root, with `/`, without `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The table's name.
    pub name: ImageName,
    /// The build context: a directory.
    pub context: Utf8PathBuf,
    /// The Dockerfile; `<context>/Dockerfile` where the table does not say.
    pub dockerfile: Utf8PathBuf,
    /// The stage to build; the last one where the table does not say.
    pub target: Option<String>,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Named contexts: `COPY --from=<key>` takes files from there.
    pub contexts: BTreeMap<String, ContextSource>,
    /// Build secrets by id. References only, never values.
    pub secrets: BTreeMap<String, SecretSource>,
    /// TCP ports that the image's configuration must declare, no more and no fewer.
    pub ports: BTreeSet<u16>,
}

/// Where a named context comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    /// A directory of the repository.
    Directory(Utf8PathBuf),
    /// Another image of the project, or one stage of its Dockerfile. Built in the same bake run.
    Image {
        /// The other image.
        image: ImageName,
        /// The stage; that image's own target where none is given.
        target: Option<String>,
    },
}

/// Where a build secret comes from at build time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The host's CA bundle, for builds behind a TLS-inspecting proxy. Empty where the host has none.
    HostCertificates,
    /// An environment variable of the caller.
    Variable(String),
    /// A file of the repository that git ignores, or an absolute path.
    File(Utf8PathBuf),
}

/// `[services.<name>]`: one ECS service. Its documents are templates in AWS's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectService {
    /// The table's name.
    pub name: String,
    /// Whether it has the project's name on AWS.
    pub is_main: bool,
    /// The task definition, such as `infra/task-definition.json`.
    pub task_definition: Utf8PathBuf,
    /// The service, such as `infra/service.json`.
    pub service: Utf8PathBuf,
    /// Services that are moved before this one.
    pub after: BTreeSet<String>,
    /// What happens to services that were moved before this one failed.
    pub on_failure: OnFailure,
    /// What runs once before a new revision serves; `None` where the table is absent.
    pub release: Option<ReleasePhase>,
}

/// What happens to the services that have moved when a later one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They go back to their previous revisions.
    RollBackAll,
    /// They keep the new revisions.
    KeepOthers,
}

impl OnFailure {
    /// Both policies.
    pub const ALL: [OnFailure; 2] = [OnFailure::RollBackAll, OnFailure::KeepOthers];

    /// The policy as it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            OnFailure::RollBackAll => "roll-back-all",
            OnFailure::KeepOthers => "keep-others",
        }
    }
}

/// `[services.<name>.release]`: a command that runs once, in a task of its own, from the very revision that is about to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleasePhase {
    /// The container whose command is replaced; its name is its image's.
    pub container: ImageName,
    /// The command, one element a word.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout_seconds: u32,
}

/// `[verify]`: what is requested of a release through the load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// A page that answers 200, and whose stylesheet is served.
    pub page: String,
    /// What answers the release id; nothing is requested where the key is absent.
    pub health: Option<String>,
}

impl Default for Verify {
    /// The values without the table.
    fn default() -> Verify {
        Verify { page: "/".to_owned(), health: None }
    }
}

impl Project {
    /// The project as the environment builds it: with the environment's platform and build settings.
    #[must_use]
    pub fn in_environment(mut self, environment: &Environment) -> Project {
        self.platform = environment.platform.unwrap_or(self.platform);
        for image in &mut self.images {
            let Some(settings) = environment.images.get(&image.name) else { continue };
            image.dockerfile = settings.dockerfile.clone().unwrap_or_else(|| image.dockerfile.clone());
            image.target = settings.target.clone().or_else(|| image.target.take());
            image.args.extend(settings.args.clone());
            image.secrets.extend(settings.secrets.clone());
        }
        self
    }

    /// The image of that name, if the project has it.
    pub fn image(&self, name: &ImageName) -> Option<&Image> {
        self.images.iter().find(|image| image.name == *name)
    }

    /// Returns the service that has the project's name on AWS.
    pub fn main_service(&self) -> Option<&ProjectService> {
        self.services.iter().find(|service| service.is_main)
    }

    /// Returns the service whose values an environment has; the main one where none is selected.
    pub fn selected(&self, environment: &Environment) -> Option<&ProjectService> {
        match &environment.selected {
            Some(name) => self.services.iter().find(|service| service.name == *name),
            None => self.main_service(),
        }
    }
}

//! The original recipe of `bench/original/`, built on the base images of this repository's own images.

use std::collections::BTreeMap;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::measure;
use super::stage::Stage;
use crate::effects::bases::{self, Wanted};
use crate::effects::engine::Engine;
use crate::effects::{files, host, project_files};
use crate::image::Platform;
use crate::image::base::ResolvedBase;
use crate::project::EnvironmentName;
use crate::report::Report;

/// Recipe of one image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    /// Name of the image.
    pub(super) name: &'static str,
    base: &'static str,
    dockerfile: &'static str,
    context: &'static str,
}

/// The app with uWSGI.
pub(super) const APP: Recipe =
    Recipe { name: "app", base: "python:3.13-slim", dockerfile: "bench/original/Dockerfile", context: "app" };

/// nginx in front of the app.
pub(super) const NGINX: Recipe = Recipe {
    name: "nginx",
    base: "nginxinc/nginx-unprivileged:stable-alpine-slim",
    dockerfile: "bench/original/nginx/Dockerfile",
    context: "bench/original/nginx",
};

/// Inputs of a build that both recipes share.
#[derive(Debug)]
pub(super) struct Originals {
    root: Utf8PathBuf,
    engine: Engine,
    platform: Platform,
    bases: BTreeMap<String, ResolvedBase>,
    certificates: Utf8PathBuf,
}

impl Originals {
    /// Resolves the base images.
    pub(super) fn of(stage: &Stage, engine: &Engine, report: &Report) -> anyhow::Result<Originals> {
        let project = project_files::load(&stage.root)?;
        let environment = project_files::load_environment(&stage.root, EnvironmentName::LOCAL, &project)?;
        let names = [APP.base, NGINX.base].map(str::to_owned).into();
        let wanted = Wanted {
            root: &stage.root,
            names: &names,
            platform: project.platform,
            environment: &environment,
            may_record: true,
        };
        let bases = bases::resolve(engine, &wanted, report)?;
        let empty = stage.root.join("empty");
        files::write_atomically(&empty, b"")?;
        Ok(Originals {
            root: stage.root.clone(),
            engine: engine.clone(),
            platform: project.platform,
            bases,
            certificates: host::certificates().unwrap_or(empty),
        })
    }

    /// Builds an image into an OCI layout.
    pub(super) fn layout(&self, recipe: &Recipe, destination: &Utf8Path) -> anyhow::Result<()> {
        let Recipe { base, dockerfile, context, .. } = recipe;
        let resolved = self.bases.get(*base).with_context(|| format!("failed to resolve `{base}`"))?;
        let mut docker = self.engine.docker();
        docker
            .args(["buildx", "build", "--quiet", "--provenance=false", "--platform", &self.platform.to_string()])
            .args(["--build-context", &format!("{base}={}", resolved.reference)])
            .args(["--build-context", "recipe=bench/original"])
            .args(["--secret", &format!("id=ca-certificates,src={}", self.certificates)])
            .args(self.engine.step_network().is_host().then_some("--network=host"))
            .args(["--output", &format!("type=oci,dest={destination},tar=false,compression=zstd")])
            .args(["--file", dockerfile, context])
            .current_dir(&self.root);
        measure::run(docker).map(|_| ())
    }
}

//! The observations of `push`: the local release and its layouts, and the digests behind their tags in the registry.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use camino::Utf8Path;

use super::Request;
use crate::effects::aws::Aws;
use crate::effects::bases::{self, Wanted, facts};
use crate::effects::context::Base;
use crate::effects::ecr::{Ecr, Repositories};
use crate::effects::layouts::Layout;
use crate::effects::registry::{Document, Registry};
use crate::effects::{context, files, project_files};
use crate::error::Failure;
use crate::image::layout::Manifest;
use crate::image::{Digest, ImageName};
use crate::operations::reach::{self, Missing, guard};
use crate::plan::push::{Observed, Tags, admit};
use crate::project::{Environment, Project};
use crate::release::{Built, Release};
use crate::report::Report;

/// Cache of file digests, relative to the repository root; `build` fills it.
const CACHE: &str = "target/slipway/cache/files";

/// The local images to push.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) project: Project,
    pub(super) environment: Environment,
    pub(super) images: Vec<Ready>,
}

/// One image, read from its layout.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) name: ImageName,
    pub(super) built: Built,
    pub(super) tags: Tags,
    pub(super) layout: Layout,
    pub(super) manifest: Document,
    /// Configuration and layers with their sizes in bytes, without duplicates.
    pub(super) blobs: BTreeMap<Digest, u64>,
}

/// The destination registry.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) registry: Registry,
    ecr: Option<Ecr>,
    /// Number of ECR API calls that belong to no image.
    pub(super) calls: u64,
}

impl Here {
    /// Returns `<project>/<image>`.
    pub(super) fn repository(&self, image: &ImageName) -> String {
        format!("{}/{image}", self.project.name)
    }
}

/// Reads and checks the local state. No request is sent before the checks pass.
pub(super) fn here(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Here> {
    let project = project_files::load(root)?;
    let environment = project_files::load_environment(root, request.environment, &project)?;
    let project = project.in_environment(&environment);
    let build = || format!("cargo xtask build{}", request.environment.flags());
    let release = files::read_release(root)?;
    let release =
        release.ok_or_else(|| Failure::failed("nothing is built yet, so there is nothing to send").hint(build()))?;
    let names = select(&project, &request.images)?;
    admit(&release, &names, &environment)?;
    let stale = stale(root, &project, &environment, &release, &names)?;
    if stale.is_none() {
        report
            .detail("whether the inputs have changed since the build is not known here: a base image is not on record");
    }
    let stale = stale.unwrap_or_default();
    if let (false, Some(_)) = (request.as_built, stale.first()) {
        let names = stale.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Failure::refused(format!("the inputs of {names} have changed since the last build"))
            .hint(build())
            .hint("to send what was built all the same: cargo xtask push --as-built")
            .into());
    }
    let mut images = Vec::new();
    for name in names {
        let missing = || Failure::failed(format!("image `{name}` is not built yet")).hint(build());
        let built = release.images.get(&name).ok_or_else(missing)?.clone();
        let tags = Tags::new(&release, &built, request.environment)?;
        images.push(ready(root, name, built, tags)?);
    }
    Ok(Here { project, environment, images })
}

fn ready(root: &Utf8Path, name: ImageName, built: Built, tags: Tags) -> anyhow::Result<Ready> {
    let layout = Layout::open(&root.join(&built.layout))?;
    let lost = |digest: &Digest, error: &dyn std::fmt::Display| {
        let text = format!("the layout of `{name}` has lost blob {}: {error}", digest.short());
        Failure::refused(text).hint("cargo xtask build")
    };
    let bytes = layout.document(&built.digest).map_err(|error| lost(&built.digest, &error))?;
    if Digest::of(&bytes) != built.digest {
        return Err(Failure::refused(format!("the manifest of `{name}` has changed since the image was proven"))
            .hint("cargo xtask build --no-cache")
            .into());
    }
    let manifest = Manifest::parse(&bytes)?;
    let media_type = serde_json::from_slice::<serde_json::Value>(&bytes)?["mediaType"].as_str().map(str::to_owned);
    let media_type = media_type.unwrap_or_else(|| "application/vnd.oci.image.manifest.v1+json".to_owned());
    let blobs = manifest.layers.iter().chain([&manifest.config]).map(|blob| (blob.digest, blob.size)).collect();
    for digest in BTreeMap::keys(&blobs) {
        layout.size(digest).map_err(|error| lost(digest, &error))?;
    }
    let manifest = Document { digest: built.digest, media_type, bytes };
    Ok(Ready { name, built, tags, layout, manifest, blobs })
}

/// Returns the requested images, in the project's order.
fn select(project: &Project, asked: &[ImageName]) -> Result<Vec<ImageName>, Failure> {
    if let Some(unknown) = asked.iter().find(|name| project.image(name).is_none()) {
        let known = project.images.iter().map(|image| format!("`{}`", image.name)).collect::<Vec<_>>().join(", ");
        let failure = Failure::usage(format!("no image `{unknown}` in infra/slipway.toml"));
        return Err(failure.hint(format!("the project has {known}")));
    }
    let wanted = project.images.iter().filter(|image| asked.is_empty() || asked.contains(&image.name));
    Ok(wanted.map(|image| image.name.clone()).collect())
}

/// Returns images whose inputs have changed since their build; `None` where only an engine can determine that.
fn stale(
    root: &Utf8Path,
    project: &Project,
    environment: &Environment,
    release: &Release,
    names: &[ImageName],
) -> anyhow::Result<Option<Vec<ImageName>>> {
    let mut for_inputs: BTreeMap<String, Base> = BTreeMap::new();
    // A base image may have triggers that name further bases, so this repeats until no new ones are found.
    loop {
        let bases: BTreeSet<_> = context::bases_of(root, project, &for_inputs)?;
        let wanted = Wanted { root, names: &bases, platform: project.platform, environment, may_record: false };
        let recorded = bases::recorded(&wanted)?;
        let known = recorded.as_ref().and_then(|bases| facts::known(root, bases));
        let Some((resolved, facts)) = recorded.zip(known) else { return Ok(None) };
        let before = for_inputs.len();
        let base = |(name, base): (&String, &crate::image::base::ResolvedBase)| {
            (name.clone(), Base { digest: base.digest, facts: facts.get(name).cloned() })
        };
        for_inputs = resolved.iter().map(base).collect();
        if for_inputs.len() == before {
            break;
        }
    }
    let inputs = context::observe_all(root, project, &for_inputs, &root.join(CACHE))?;
    let is_stale = |name: &&ImageName| {
        let built = release.images.get(*name);
        built.zip(inputs.get(*name)).is_some_and(|(built, inputs)| built.fingerprint != inputs.fingerprint())
    };
    Ok(Some(names.iter().filter(is_stale).cloned().collect()))
}

/// Connects to the environment's registry. Checks the account and that all repositories exist.
pub(super) fn connect(root: &Utf8Path, request: &Request, here: &Here, report: &Report) -> anyhow::Result<Place> {
    let Here { project, environment, images } = here;
    if let Some(host) = &environment.registry {
        return Ok(Place { host: host.clone(), registry: Registry::at(host)?, ecr: None, calls: 0 });
    }
    let missing = if request.dry_run { Missing::Refuse } else { Missing::Start };
    let aws = match &request.aws {
        Some(aws) => aws.clone(),
        None => {
            let reach = reach::reach(root, project, environment, missing, report)?;
            Aws::connect(&environment.region, reach.endpoint.as_deref(), reach.caller)?
        }
    };
    let is_local = environment.name.is_local();
    let ecr = Ecr::of(&aws);
    let names = images.iter().map(|image| here.repository(&image.name)).collect::<Vec<_>>();
    let found = match ecr.repositories(&names)? {
        Repositories::Found(found) => found,
        Repositories::Missing(words) => {
            // In the wrong account, every repository would be reported as missing.
            guard(environment, ecr.account()?.as_deref())?;
            let mut failure = Failure::failed(format!("ECR: {words}"));
            if is_local {
                failure = failure.hint("cargo xtask local stop, then cargo xtask local start");
            }
            for name in &names {
                let region = &environment.region;
                failure = failure.hint(format!("aws ecr create-repository --region {region} --repository-name {name}"));
            }
            return Err(failure.into());
        }
    };
    found.iter().try_for_each(|repository| guard(environment, Some(&repository.account)))?;
    let host = found.first().context("ECR describes no repository")?.host.clone();
    Ok(Place { registry: Registry::of_ecr(&ecr, &host)?, host, ecr: Some(ecr), calls: 1 })
}

/// Returns the digests behind each image's tags in the registry: one ECR call per image, or one request per tag.
pub(super) fn there(here: &Here, place: &Place) -> anyhow::Result<Vec<Observed>> {
    let mut observed = Vec::new();
    for image in &here.images {
        let repository = here.repository(&image.name);
        let mut found = BTreeMap::new();
        if let Some(ecr) = &place.ecr {
            found = ecr.digests_of_tags(&repository, &image.tags.all())?;
        } else {
            for tag in image.tags.decisive() {
                if let Some(digest) = place.registry.digest_of_tag(&repository, &tag)? {
                    found.insert(tag, digest);
                }
            }
            // The commit's tag is applied to new images only, so it is not queried for others.
            let commit = image.tags.commit.clone().filter(|_| !found.contains_key(&image.tags.inputs));
            if let Some(tag) = commit
                && let Some(digest) = place.registry.digest_of_tag(&repository, &tag)?
            {
                found.insert(tag, digest);
            }
        }
        let (digest, bytes, tags) = (image.built.digest, image.built.bytes, image.tags.clone());
        observed.push(Observed { name: image.name.clone(), repository, digest, bytes, tags, found });
    }
    Ok(observed)
}

impl Place {
    /// Returns the number of requests made for one image: those of the registry, and the query through ECR's API.
    pub(super) fn requests(&self, repository: &str) -> u64 {
        let of_registry = self.registry.requests().get(repository).copied().unwrap_or_default();
        of_registry + u64::from(self.ecr.is_some())
    }
}

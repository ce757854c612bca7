//! What `build` looks at before it decides: configuration, base images, inputs, the last release. Starts no docker
//! process as long as every base image is known.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Request, image_of_file};
use crate::effects::bases::{self, Wanted, facts};
use crate::effects::context::Base;
use crate::effects::engine::{self, Engine};
use crate::effects::{context, files, git, layout_store, project_files};
use crate::error::Failure;
use crate::image::ImageName;
use crate::image::base::ResolvedBase;
use crate::image::fingerprint::{ContextInputs, Inputs};
use crate::image::proof::Proven;
use crate::plan::build::{BuildPlan, Decision, Observed, layout_of};
use crate::project::{ContextSource, Environment, Image, Project};
use crate::release::{Built, Release, VERSION};
use crate::report::Report;

/// Where digests of unchanged files are remembered, from the repository root.
const CACHE: &str = "target/slipway/cache/files";

/// Past this many files an image is dated by its folders: git compares each commit with each path.
const MOST_DATING_PATHS: usize = 2000;

/// Everything that was observed.
#[derive(Debug)]
pub(super) struct Seen {
    /// The checked project, with `--file` applied.
    pub project: Project,
    /// The requested environment.
    pub environment: Environment,
    /// One entry per selected image; taken by the plan.
    pub images: Vec<Observed>,
    /// What each image of the project is built from.
    pub inputs: BTreeMap<ImageName, Inputs>,
    /// Base images by their name in Dockerfiles.
    pub bases: BTreeMap<String, ResolvedBase>,
    /// The release on disk.
    pub last: Option<Release>,
    /// The commit.
    pub head: Option<git::Head>,
    /// The engine, where it was needed already.
    pub engine: Option<Engine>,
}

pub(super) fn observe(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Seen> {
    let mut project = project_files::load(root)?;
    let environment = project_files::load_environment(root, request.environment, &project)?;
    project = project.in_environment(&environment);
    if let Some((name, file)) = image_of_file(request)? {
        use_dockerfile(root, &mut project, name, file)?;
    }
    for tag in &request.tags {
        tag.parse::<crate::image::Tag>().map_err(|error| Failure::usage(format!("--tag: {error}")))?;
    }
    let selected = select(&project, &request.images)?;
    let last = files::read_release(root)?;
    let head = git::head(root)?;

    let (bases, found_engine) = find_bases(root, request, &project, &environment, report)?;
    let inputs = context::observe_all(root, &project, &bases.for_inputs, &root.join(CACHE))?;
    let mut images = Vec::new();
    for name in &selected {
        let Some(inputs) = inputs.get(name) else { continue };
        let recorded = last.as_ref().and_then(|release| release.images.get(name));
        let whole = recorded.filter(|built| layout_store::is_whole(&root.join(&built.layout), &built.digest));
        images.push(Observed {
            name: name.clone(),
            fingerprint: inputs.fingerprint(),
            built: whole.cloned(),
            layout_lost: recorded.is_some() && whole.is_none(),
        });
    }
    Ok(Seen { project, environment, images, inputs, bases: bases.resolved, last, head, engine: found_engine })
}

struct FoundBases {
    resolved: BTreeMap<String, ResolvedBase>,
    for_inputs: BTreeMap<String, Base>,
}

/// Resolves every base image that the Dockerfiles reach. The engine is called only for what is not on record. A base with
/// `ONBUILD` triggers may reach further bases, so the question is put until nothing new comes of it.
fn find_bases(
    root: &Utf8Path,
    request: &Request,
    project: &Project,
    environment: &Environment,
    report: &Report,
) -> anyhow::Result<(FoundBases, Option<Engine>)> {
    let mut engine = None;
    let mut for_inputs = BTreeMap::new();
    loop {
        let names = context::bases_of(root, project, &for_inputs)?;
        let wanted =
            Wanted { root, names: &names, platform: project.platform, environment, may_record: !request.dry_run };
        let recorded = bases::recorded(&wanted)?;
        let known = recorded.as_ref().and_then(|bases| facts::known(root, bases));
        let (resolved, facts) = match recorded.zip(known) {
            Some(found) => found,
            None => {
                let engine = match &engine {
                    Some(engine) => engine,
                    None => engine.insert(engine_for(root, request, report)?),
                };
                let resolved = bases::resolve(engine, &wanted, report)?;
                let facts = facts::learn(root, engine, project.platform, &resolved)?;
                (resolved, facts)
            }
        };
        let before = for_inputs.len();
        for_inputs = resolved
            .iter()
            .map(|(name, base)| (name.clone(), Base { digest: base.digest, facts: facts.get(name).cloned() }))
            .collect();
        if for_inputs.len() == before {
            return Ok((FoundBases { resolved, for_inputs }, engine));
        }
    }
}

/// The engine to ask for base images. A dry run sets nothing up.
fn engine_for(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Engine> {
    if !request.dry_run {
        return engine::ensure(root, report);
    }
    let found = engine::find(root)?;
    let missing = || {
        Failure::failed("the plan needs the digests of the base images, and there is no engine to ask for them yet")
            .hint("cargo xtask setup")
    };
    Ok(found.ok_or_else(missing)?)
}

/// Bases by the Dockerfile that names them, those of the stages that an image copies from included.
fn bases_by_dockerfile(inputs: &Inputs, found: &mut BTreeMap<Utf8PathBuf, BTreeSet<String>>) {
    found.entry(inputs.dockerfile.clone()).or_default().extend(inputs.bases.keys().cloned());
    for context in inputs.contexts.values() {
        if let ContextInputs::Image(inner) = context {
            bases_by_dockerfile(inner, found);
        }
    }
}

impl Seen {
    /// Bases that the image's own Dockerfile names, in whichever stage any image of the project needs.
    pub(super) fn bases_of(&self, image: &Image) -> impl Iterator<Item = &ResolvedBase> {
        let mut found = BTreeMap::new();
        for inputs in self.inputs.values() {
            bases_by_dockerfile(inputs, &mut found);
        }
        let names = found.remove(&image.dockerfile).unwrap_or_default();
        self.bases.values().filter(move |base| names.contains(&base.name))
    }

    /// The release after this run, as far as nothing is built: images that the project no longer has are dropped, and
    /// the commit and the tags are those of now.
    pub(super) fn release(&self, root: &Utf8Path, plan: &BuildPlan, request: &Request) -> anyhow::Result<Release> {
        let mut images = self.last.as_ref().map(|release| release.images.clone()).unwrap_or_default();
        images.retain(|name, built| {
            self.project.image(name).is_some() && layout_store::is_whole(&root.join(&built.layout), &built.digest)
        });
        for step in &plan.steps {
            if let (Decision::Keep { .. }, Some(built)) = (&step.decision, images.get_mut(&step.name)) {
                built.tags.clone_from(&request.tags);
            }
        }
        Ok(Release {
            version: VERSION,
            project: self.project.name.clone(),
            environment: self.environment.name.to_string(),
            commit: self.head.as_ref().map(|head| head.commit.clone()),
            dirty: self.head.as_ref().is_some_and(|head| head.dirty),
            images,
        })
    }

    /// What a new build of an image is recorded as.
    pub(super) fn built(&self, name: &ImageName, proven: &Proven, epoch: u64, tags: &[String]) -> Option<Built> {
        let inputs = self.inputs.get(name)?;
        let mut found = BTreeMap::new();
        bases_by_dockerfile(inputs, &mut found);
        let names = found.into_values().flatten().collect::<BTreeSet<_>>();
        let substitutes = self.bases.values().filter(|base| base.substitute && names.contains(&base.name));
        Some(Built {
            digest: proven.manifest_digest,
            fingerprint: inputs.fingerprint(),
            bytes: proven.bytes,
            platform: proven.platform,
            layout: layout_of(name),
            source_date_epoch: epoch,
            substitutes: substitutes.map(|base| base.name.clone()).collect(),
            tags: tags.to_vec(),
        })
    }

    /// Seconds since 1970 of the last commit that touched what the image is built from.
    pub(super) fn last_commit_time(&self, root: &Utf8Path, image: &Image) -> anyhow::Result<Option<u64>> {
        let Some(inputs) = self.inputs.get(&image.name) else { return Ok(None) };
        let paths = inputs.repository_paths();
        if paths.len() <= MOST_DATING_PATHS {
            return git::last_commit_time(root, paths.iter().map(Utf8PathBuf::as_path));
        }
        let folders = folders_of(&self.project, image);
        git::last_commit_time(root, folders.iter().map(Utf8PathBuf::as_path))
    }
}

/// The requested images, in the project's order.
fn select(project: &Project, asked: &[ImageName]) -> Result<Vec<ImageName>, Failure> {
    for name in asked {
        if project.image(name).is_none() {
            let known = project.images.iter().map(|image| format!("`{}`", image.name)).collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!("no image `{name}` in infra/slipway.toml"))
                .hint(format!("the project has {known}")));
        }
    }
    let wanted = project.images.iter().filter(|image| asked.is_empty() || asked.contains(&image.name));
    Ok(wanted.map(|image| image.name.clone()).collect())
}

fn use_dockerfile(root: &Utf8Path, project: &mut Project, name: &ImageName, file: &Utf8Path) -> Result<(), Failure> {
    if file.is_absolute() || file.components().any(|part| part.as_str() == "..") {
        return Err(Failure::usage(format!("--file {file} leaves the repository"))
            .hint("name it from the repository root, such as `--file app/Dockerfile.debug`"));
    }
    if !root.join(file).is_file() {
        return Err(Failure::usage(format!("--file {file}: there is no such file"))
            .hint("the path is taken from the repository root"));
    }
    if let Some(image) = project.images.iter_mut().find(|image| image.name == *name) {
        image.dockerfile = file.to_owned();
    }
    Ok(())
}

/// The context and Dockerfile of an image, and those of what it takes files from.
fn folders_of(project: &Project, image: &Image) -> Vec<Utf8PathBuf> {
    let mut paths = vec![image.context.clone(), image.dockerfile.clone()];
    for source in image.contexts.values() {
        match source {
            ContextSource::Directory(path) => paths.push(path.clone()),
            ContextSource::Image { image, .. } => {
                if let Some(other) = project.image(image) {
                    paths.extend(folders_of(project, other));
                }
            }
        }
    }
    paths
}

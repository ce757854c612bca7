//! The building itself: seed, bake, prune, prove, put in place. A layout moves to its place whole and verified or not
//! at all; until then it lies in the run's own build directory.

use std::collections::BTreeMap;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::Request;
use super::observe::Seen;
use crate::effects::bases::facts;
use crate::effects::build_directory::{self, BuildDirectory};
use crate::effects::docker::bake::{Outcome, bake};
use crate::effects::docker::save;
use crate::effects::engine::{self, Engine, Export};
use crate::effects::normalize::normalize;
use crate::effects::{bases, files, git, host, inputs_record, interrupt, layout_store, layouts};
use crate::error::Failure;
use crate::image::ImageName;
use crate::image::proof::{Expectation, Proof, prove};
use crate::plan::bake::network::UNDERLAY;
use crate::plan::bake::transcript;
use crate::plan::bake::{BakePlan, Destination, Ingredients};
use crate::plan::build::{BuildPlan, Step, layout_of};
use crate::project::{ContextSource, Image, Project, SecretSource};
use crate::release::Release;
use crate::report::Report;
use crate::report::progress::BuildProgress;
use crate::report::timing::Timing;

/// What each layer became when it was rewritten, from the repository root.
const MEMORY: &str = "target/slipway/cache/layers";

/// An empty file: what a build secret without a value on this host is mounted from.
const EMPTY: &str = "target/slipway/empty";

/// The time of files in images whose inputs no commit has touched yet: 1980-01-01, the oldest time that zip archives
/// (Python wheels among them) can express.
const EPOCH_WITHOUT_COMMIT: u64 = 315_532_800;

pub(super) fn apply(
    root: &Utf8Path,
    request: &Request,
    plan: &BuildPlan,
    seen: &mut Seen,
    report: &Report,
    timing: &mut Timing,
) -> anyhow::Result<Release> {
    for image in plan.to_build().filter_map(|step| seen.project.image(&step.name)) {
        require_secrets(root, &seen.project, image)?;
    }
    if let Some(doubt) = git::doubt(root)? {
        report.warn(doubt);
    }
    let engine = match seen.engine.take() {
        Some(engine) => engine,
        None => engine::ensure(root, report)?,
    };
    report.detail(engine.describe());
    seen.bases = bases::for_engine(&engine, root, std::mem::take(&mut seen.bases))?;
    timing.mark("engine");

    let epochs = epochs(root, seen)?;
    let export = engine.export();
    let document = bake_plan(plan, seen, &epochs, &export)?.with_network(engine.step_network());
    let build_directory = BuildDirectory::open(root)?;
    files::write_atomically(&root.join(EMPTY), b"")?;
    put_underlay(root, &document)?;
    for step in plan.to_build() {
        // Blobs that the builder sent last time need not be sent again: most of an image is its base.
        layout_store::seed(&root.join(seeds(&step.name)), &root.join(building(&step.name)))?;
    }
    interrupt::check()?;
    let mut progress = BuildProgress::new(*report);
    let outcome = bake(engine.docker(), &build_directory, &document, request.no_cache, |event| progress.show(event))?;
    progress.finish();
    timing.mark("build");
    match outcome {
        Outcome::Built => {}
        Outcome::Interrupted => {
            return Err(Failure::interrupted(
                "interrupted while building; the images of the last build are as they were",
            )
            .into());
        }
        // A step that failed has a line, and then the engine had an answer.
        Outcome::Failed(failure) if failure.line.is_none() && !engine.answers() => {
            let text = format!("the Docker engine stopped answering while it built: {}", failure.cause);
            return Err(Failure::failed(text)
                .hint("cargo xtask doctor")
                .hint("the same command starts it again")
                .into());
        }
        Outcome::Failed(failure) => {
            return Err(explain(&failure, seen, &engine).into());
        }
    }
    if export == Export::Save {
        for step in plan.to_build() {
            save::to_layout(|| engine.docker(), &store_name(step), &root.join(building(&step.name)))?;
        }
        timing.mark("export");
    }
    settle(root, request, plan, seen, &epochs, report, timing)
}

/// Proves each new layout and puts those that pass in place.
fn settle(
    root: &Utf8Path,
    request: &Request,
    plan: &BuildPlan,
    seen: &Seen,
    epochs: &BTreeMap<ImageName, u64>,
    report: &Report,
    timing: &mut Timing,
) -> anyhow::Result<Release> {
    let mut release = seen.release(root, plan, request)?;
    let mut refused = Vec::new();
    let mut unusable = Vec::new();
    for step in plan.to_build() {
        let Some(image) = seen.project.image(&step.name) else { continue };
        let directory = root.join(building(&step.name));
        let proof = match rewrite_and_prove(root, &directory, image, seen, epochs) {
            Ok(proof) => proof,
            Err(error) => {
                unusable.push(error);
                continue;
            }
        };
        super::report::proof(report, &step.name, &proof);
        let findings = proof.findings.clone();
        let proven = match proof.into_result(&step.name) {
            Ok(proven) => proven,
            Err(failure) => {
                refused.push((step.name.clone(), findings, failure));
                continue;
            }
        };
        let settled = layout_store::prune(&directory)
            .and_then(|()| files::replace_directory(&directory, &root.join(layout_of(&step.name))));
        if let Err(error) = settled {
            unusable.push(error);
            continue;
        }
        let epoch = epochs.get(&step.name).copied().unwrap_or(EPOCH_WITHOUT_COMMIT);
        if let Some(built) = seen.built(&step.name, &proven, epoch, &request.tags) {
            release.images.insert(step.name.clone(), built);
        }
        if let Some(inputs) = seen.inputs.get(&step.name) {
            inputs_record::write(root, &step.name, inputs)?;
        }
    }
    timing.mark("prove");
    let failure = match refused.as_slice() {
        [] => unusable.pop(),
        refused => Some(super::report::refused(report, refused).into()),
    };
    let Some(failure) = failure else { return Ok(release) };
    // One error ends the command; the others are reported before it.
    unusable.iter().for_each(|error| report.warn(format!("{error:#}")));
    // What passed is kept: a refused image must not cost the others their build.
    files::write_release(root, &release)?;
    Err(failure)
}

/// Makes of what the builder exported the layout that the same inputs give everywhere, and proves that one. The builder's
/// own blobs are kept for the next build to begin with.
fn rewrite_and_prove(
    root: &Utf8Path,
    directory: &Utf8Path,
    image: &Image,
    seen: &Seen,
    epochs: &BTreeMap<ImageName, u64>,
) -> anyhow::Result<Proof> {
    let layout = layouts::Layout::open(directory).map_err(|error| {
        let what = format!("`docker buildx bake` succeeded, but wrote no image `{}`: {error:#}", image.name);
        Failure::failed(what).hint("see whether the builder exports OCI layouts: cargo xtask doctor")
    })?;
    let kept = Utf8PathBuf::from(format!("{directory}.seeds"));
    if layout_store::keep(&layout, &kept).is_ok() {
        files::replace_directory(&kept, &root.join(seeds(&image.name)))?;
    }
    let epoch = epochs.get(&image.name).copied().unwrap_or(EPOCH_WITHOUT_COMMIT);
    let memory_file = root.join(MEMORY).join(format!("{}.json", image.name));
    let memory = files::read_json(&memory_file).unwrap_or_default();
    let last = root.join(layout_of(&image.name));
    let memory = normalize(&layout, &facts::layers(root, &seen.bases), epoch, &last, &memory)
        .with_context(|| format!("failed to rewrite the layers of image `{}`", image.name))?;
    files::write_atomically(&memory_file, serde_json::to_string(&memory)?.as_bytes())?;
    prove(&layout, &Expectation { platform: seen.project.platform, ports: image.ports.clone() })
}

/// The bake document for `--dry-run`.
pub(super) fn document(root: &Utf8Path, plan: &BuildPlan, seen: &Seen) -> anyhow::Result<BakePlan> {
    let export = seen.engine.as_ref().map_or(Export::OciLayout, Engine::export);
    let network = seen.engine.as_ref().map(Engine::step_network).unwrap_or_default();
    let document = bake_plan(plan, seen, &epochs(root, seen)?, &export)?.with_network(network);
    // The command is printed for people to run, who have what it names then.
    if !plan.is_empty() {
        put_underlay(root, &document)?;
    }
    Ok(document)
}

fn put_underlay(root: &Utf8Path, document: &BakePlan) -> anyhow::Result<()> {
    document.underlay().map_or(Ok(()), |text| files::write_atomically(&root.join(UNDERLAY), text.as_bytes()))
}

fn bake_plan(
    plan: &BuildPlan,
    seen: &Seen,
    epochs: &BTreeMap<ImageName, u64>,
    export: &Export,
) -> anyhow::Result<BakePlan> {
    let certificates = host::certificates();
    let mut ingredients = BTreeMap::new();
    for image in &seen.project.images {
        let bases = seen.bases_of(image);
        let secrets = image.secrets.iter().map(|(id, source)| {
            let source = match source {
                SecretSource::HostCertificates => {
                    format!("src={}", certificates.as_deref().unwrap_or(Utf8Path::new(EMPTY)))
                }
                SecretSource::Variable(name) => format!("env={name}"),
                SecretSource::File(path) => format!("src={path}"),
            };
            (id.clone(), source)
        });
        ingredients.insert(
            image.name.clone(),
            Ingredients {
                bases: bases.map(|base| (base.name.clone(), base.reference.clone())).collect(),
                secrets: secrets.collect(),
                source_date_epoch: epochs.get(&image.name).copied().unwrap_or(EPOCH_WITHOUT_COMMIT),
            },
        );
    }
    let images = plan.to_build().filter_map(|step| {
        let destination = match export {
            Export::OciLayout => Destination::Layout(building(&step.name)),
            Export::Save => Destination::Store(store_name(step)),
        };
        Some((seen.project.image(&step.name)?, destination))
    });
    let images = images.collect::<Vec<_>>();
    Ok(BakePlan::new(&seen.project.images, &images, seen.project.platform, &ingredients))
}

/// The secrets of an image, and of those that it takes files from, have their sources: a build step would otherwise fail
/// with words that do not say so, or go on without the secret.
fn require_secrets(root: &Utf8Path, project: &Project, image: &Image) -> Result<(), Failure> {
    for (id, source) in &image.secrets {
        if let Some(obstacle) = host::secret_obstacle(root, source) {
            return Err(Failure::usage(format!("secret `{id}` of image `{}`: {obstacle}", image.name))
                .hint("provide it, or change [images.<name>.secrets] in infra/slipway.toml"));
        }
    }
    for source in image.contexts.values() {
        if let ContextSource::Image { image, .. } = source
            && let Some(other) = project.image(image)
        {
            require_secrets(root, project, other)?;
        }
    }
    Ok(())
}

/// `SOURCE_DATE_EPOCH` of every image of the project.
fn epochs(root: &Utf8Path, seen: &Seen) -> anyhow::Result<BTreeMap<ImageName, u64>> {
    let mut epochs = BTreeMap::new();
    for image in &seen.project.images {
        let time = seen.last_commit_time(root, image)?;
        epochs.insert(image.name.clone(), time.unwrap_or(EPOCH_WITHOUT_COMMIT));
    }
    Ok(epochs)
}

/// Where this run makes the layout of an image, from the repository root.
fn building(image: &ImageName) -> Utf8PathBuf {
    build_directory::folder().join(image.as_str())
}

/// The builder's blobs of the last build of an image, from the repository root.
fn seeds(image: &ImageName) -> Utf8PathBuf {
    Utf8Path::new("target/slipway/cache/seeds").join(image.as_str())
}

/// The name under which an image passes through the engine's classic store. Other repositories may build images of the
/// same name on the same engine at the same time, on other machines with processes of the same number too.
fn store_name(step: &Step) -> String {
    let run = build_directory::folder().file_name().unwrap_or_default().to_owned();
    format!("slipway-build/{}:in-{}-{run}", step.name, step.fingerprint.short())
}

/// BuildKit's failure, with the Dockerfile's path and line first.
fn explain(failure: &transcript::Failure, seen: &Seen, engine: &Engine) -> Failure {
    let target = failure.target.as_deref().unwrap_or_default();
    let image = seen.project.images.iter().find(|image| {
        target == image.name.as_str()
            || target.strip_prefix(image.name.as_str()).is_some_and(|rest| rest.starts_with('_'))
    });
    let place = match (image, failure.line) {
        (Some(image), Some(line)) => format!("image `{}` failed to build at {}:{line}", image.name, image.dockerfile),
        (Some(image), None) => format!("image `{}` failed to build ({})", image.name, image.dockerfile),
        (None, _) => "the build failed".to_owned(),
    };
    let mut message = format!("{place}: {}", failure.cause);
    for line in failure.excerpt.iter() {
        message.push_str(&format!("\n  {line}"));
    }
    if !failure.log.is_empty() {
        message.push_str("\n  the step's last lines:");
        for line in &failure.log {
            message.push_str(&format!("\n    {line}"));
        }
    }
    let explained = Failure::failed(message);
    match (failure.resolved_no_name(), engine.step_network().is_host()) {
        (false, _) => explained,
        (true, true) => explained.hint("this machine resolves no names: see whether it has a network"),
        (true, false) => explained.hint(
            "the step resolved no names; where this machine does, steps can have its network: docs/guide/build.md",
        ),
    }
}

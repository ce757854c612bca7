//! `cargo xtask build`: fingerprints, one bake run for changed images, architecture verification, `release.json`.
//! Observe and apply have files of their own; this file holds the sequence of steps.

mod apply;
mod observe;
mod report;

use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::build_directory;
use crate::effects::files;
use crate::effects::lock::{self, Lock};
use crate::error::Failure;
use crate::image::ImageName;
use crate::plan::build::{BuildPlan, layout_of};
use crate::project::EnvironmentName;
use crate::release::Release;
use crate::report::Report;
use crate::report::timing::Timing;

/// The request of `build`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment whose mirrors and substitute base images are used.
    pub environment: EnvironmentName,
    /// Images to build; an empty list selects all images.
    pub images: Vec<ImageName>,
    /// Whether to build regardless of the fingerprints.
    pub no_cache: bool,
    /// Replacement Dockerfile for the only image of the request.
    pub file: Option<Utf8PathBuf>,
    /// Additional tags that `push` applies.
    pub tags: Vec<String>,
    /// Whether to report which input changed each fingerprint.
    pub explain: bool,
    /// Whether to stop after the plan is shown.
    pub dry_run: bool,
}

impl Request {
    /// Returns the request of a deploy: all images of the project, built only where their inputs changed.
    pub fn all(environment: EnvironmentName, dry_run: bool) -> Request {
        let (images, tags) = (Vec::new(), Vec::new());
        Request { environment, images, no_cache: false, file: None, tags, explain: false, dry_run }
    }
}

/// Builds the changed images and verifies them.
///
/// # Errors
/// Usage (2) for a broken configuration or Dockerfile reference; refused (3) where an image fails verification; failed
/// (1) where BuildKit fails; interrupted (130). In JSON mode the closing event is printed in every case.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Release> {
    let mut timing = Timing::start();
    let result = build(root, request, report, &mut timing);
    if let Err(error) = &result {
        report::failed(report, error, &timing);
    }
    result
}

fn build(root: &Utf8Path, request: &Request, report: &Report, timing: &mut Timing) -> anyhow::Result<Release> {
    let waiting = || report.step("another build is running in this repository, waiting for it");
    let _lock = Lock::acquire(&root.join(lock::BUILD), waiting)?;
    build_directory::clear(root)?;
    let mut seen = observe::observe(root, request, report)?;
    timing.mark("observe");

    let plan = BuildPlan::new(std::mem::take(&mut seen.images), request.no_cache);
    report::plan(report, root, request, &plan, &seen)?;
    if request.dry_run {
        report::dry_run(report, &plan, &apply::document(root, &plan, &seen)?, request.no_cache);
        let mut release = seen.release(root, &plan, request)?;
        // Images that are about to be rebuilt are not part of the release yet.
        plan.to_build().for_each(|step| drop(release.images.remove(&step.name)));
        return Ok(release);
    }

    let release = if plan.is_empty() {
        seen.release(root, &plan, request)?
    } else {
        apply::apply(root, request, &plan, &mut seen, report, timing)?
    };
    if seen.last.as_ref() != Some(&release) {
        files::write_release(root, &release)?;
    }
    let dropped = |name: &&ImageName| seen.project.image(name).is_none();
    for name in seen.last.iter().flat_map(|last| last.images.keys()).filter(dropped) {
        files::remove_directory(&root.join(layout_of(name)))?;
    }
    report::finished(report, &plan, &release, timing);
    Ok(release)
}

/// Returns the image that `--file` applies to, with the Dockerfile.
fn image_of_file(request: &Request) -> Result<Option<(&ImageName, &Utf8PathBuf)>, Failure> {
    match (&request.file, request.images.as_slice()) {
        (None, _) => Ok(None),
        (Some(file), [image]) => Ok(Some((image, file))),
        (Some(file), _) => {
            Err(Failure::usage(format!("--file {file} needs exactly one --image to say whose Dockerfile it is"))
                .hint(format!("cargo xtask build --image NAME --file {file}")))
        }
    }
}

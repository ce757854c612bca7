//! `cargo xtask build`: fingerprints, one bake run for what changed, the proof of architecture, `release.json`.
//! Observe and apply have files of their own; this one is the verb as it reads.

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
    /// Whose base images and mirrors are used.
    pub environment: EnvironmentName,
    /// Only these images; all where the list is empty.
    pub images: Vec<ImageName>,
    /// Builds whatever the fingerprints say.
    pub no_cache: bool,
    /// Another Dockerfile for the one image named.
    pub file: Option<Utf8PathBuf>,
    /// Further tags for `push` to give.
    pub tags: Vec<String>,
    /// Reports which input changed each fingerprint.
    pub explain: bool,
    /// Stops after the plan is shown.
    pub dry_run: bool,
}

impl Request {
    /// All images of the project, those that changed: what a deploy needs.
    pub fn all(environment: EnvironmentName, dry_run: bool) -> Request {
        let (images, tags) = (Vec::new(), Vec::new());
        Request { environment, images, no_cache: false, file: None, tags, explain: false, dry_run }
    }
}

/// Builds what changed and verifies it.
///
/// # Errors
/// Usage (2) for a broken configuration or Dockerfile reference; refused (3) where an image fails the proof; failed (1)
/// where BuildKit fails; interrupted (130). In JSON mode the closing event is printed in every case.
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
        // What is to be built anew is not there yet.
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

/// The one image that `--file` speaks of.
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

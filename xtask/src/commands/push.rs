//! `cargo xtask push`: uploads the verified layouts that `release.json` names, skips existing blobs, and sets tags.
//! Observe and apply have files of their own; this file holds the sequence of steps.

mod apply;
mod observe;
mod report;

use std::time::Instant;

use camino::Utf8Path;

use crate::effects::aws::Aws;
use crate::effects::lock::{self, Lock};
use crate::image::ImageName;
use crate::plan::push::{PushPlan, Pushed};
use crate::project::EnvironmentName;
use crate::report::Report;

/// The request of `push`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment whose registry is used.
    pub environment: EnvironmentName,
    /// Images to push; an empty list selects all images.
    pub images: Vec<ImageName>,
    /// Whether to push the last build even if its inputs have changed since.
    pub as_built: bool,
    /// AWS client of the caller; a new one is created, if absent.
    pub aws: Option<Aws>,
    /// Whether to stop after the plan is shown.
    pub dry_run: bool,
}

impl Request {
    /// Returns the request of a deploy: all images of the project, with the AWS client of the caller.
    pub fn all(environment: EnvironmentName, aws: Aws, dry_run: bool) -> Request {
        Request { environment, images: Vec::new(), as_built: false, aws: Some(aws), dry_run }
    }
}

/// Uploads the blobs and tags that the registry does not have.
///
/// # Errors
/// Usage (2); refused (3) for substitutes, stale images, a dirty tree in production, another account, another image
/// under the fingerprint's tag; failed (1) where the registry or the network is the cause; interrupted (130).
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Pushed> {
    let begun = Instant::now();
    // A concurrent build could replace a layout during the upload, and an unverified image would be pushed.
    let waiting = || report.step("a build is running in this repository, waiting for it");
    let _lock = Lock::acquire(&root.join(lock::BUILD), waiting)?;
    let here = observe::here(root, request, report)?;
    let place = observe::connect(root, request, &here, report)?;
    let observed = observe::there(&here, &place)?;

    let plan = PushPlan::new(observed)?;
    report::plan(report, request, &plan, &place);
    if request.dry_run {
        report::dry_run(report, &plan, &place);
        return Ok(pushed(&plan, &place));
    }
    let sent = apply::apply(&plan, &here, &place, report)?;
    report::finished(report, &plan, &here, &place, &sent, begun.elapsed());
    Ok(pushed(&plan, &place))
}

fn pushed(plan: &PushPlan, place: &observe::Place) -> Pushed {
    let references = plan.steps.iter().map(|step| {
        let reference = format!("{}/{}@{}", place.host, step.repository, step.digest);
        (step.name.clone(), reference)
    });
    Pushed { references: references.collect() }
}

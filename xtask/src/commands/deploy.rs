//! `cargo xtask deploy`: rolls out the built release; on failure the previous release keeps serving. Observe, apply
//! and report have files of their own; this file holds the sequence of steps. The entry point passes the functions
//! that build and push, because commands do not import each other.

mod apply;
mod observe;
mod report;

use std::time::Duration;

use camino::Utf8Path;

use self::observe::Part;
use crate::effects::aws::Aws;
use crate::effects::interrupt;
use crate::effects::project_files;
use crate::operations::closing::{self, Known, Outcome};
use crate::operations::lease::{self, Lease};
use crate::operations::presence;
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::plan::push::Pushed;
use crate::project::EnvironmentName;
use crate::release::Release;
use crate::report::Report;

/// The arguments of `deploy`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment to deploy to.
    pub environment: EnvironmentName,
    /// The only service to deploy; all services, if absent.
    pub service: Option<String>,
    /// Whether to skip the confirmation for a protected environment.
    pub yes: bool,
    /// Whether to stop after the plan is shown.
    pub dry_run: bool,
    /// Time limit of a rollout.
    pub limit: Duration,
}

/// The steps that other commands implement.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Builds the changed images.
    pub build: &'a dyn Fn(&Report) -> anyhow::Result<Release>,
    /// Uploads the blobs and tags that the registry does not have.
    pub push: &'a dyn Fn(Aws, &Report) -> anyhow::Result<Pushed>,
}

/// Deploys a release.
///
/// # Errors
/// Usage (2), refused (3), rolled back (4), locked (5), superseded (6), timed out (7), interrupted (130), failed (1).
pub fn run(root: &Utf8Path, request: &Request, parts: Parts<'_>, report: &Report) -> anyhow::Result<()> {
    let mut known = Known::start();
    let result = deploy(root, request, parts, report, &mut known);
    match &result {
        Ok(outcome) => closing::finished(report, *outcome, &known),
        Err(error) => closing::failed(report, error, &known),
    }
    result.map(|_| ())
}

fn deploy(
    root: &Utf8Path,
    request: &Request,
    parts: Parts<'_>,
    report: &Report,
    known: &mut Known,
) -> anyhow::Result<Outcome> {
    let settings = Settings::load(root, request.environment)?;
    let chosen = settings.services(request.service.as_deref())?;
    let templates = chosen.iter().map(|one| project_files::load_templates(root, one.service()));
    let templates = templates.collect::<anyhow::Result<Vec<_>>>()?;
    let missing = if request.dry_run { Missing::Refuse } else { Missing::Start };
    let target = Target::connect(root, settings, missing, report)?;
    known.timing.mark("connect");
    let result = on_target(root, request, parts, report, known, &templates, &target);
    known.calls = target.aws.calls();
    result
}

fn on_target(
    root: &Utf8Path,
    request: &Request,
    parts: Parts<'_>,
    report: &Report,
    known: &mut Known,
    templates: &[(String, String)],
    target: &Target,
) -> anyhow::Result<Outcome> {
    let release = (parts.build)(&report.part("build"))?;
    known.timing.mark("build");
    if request.dry_run && !observe::is_whole(&target.settings.project, &release) {
        report.result("what the new images change is seen once they are built: cargo xtask build");
        return Ok(Outcome::Planned);
    }
    interrupt::check()?;
    let pushed = (parts.push)(target.aws.clone(), &report.part("push"))?;
    known.timing.mark("push");

    let services = target.services(request.service.as_deref())?;
    let parts = services.into_iter().zip(templates).map(|(target, templates)| Part::new(target, templates, &pushed));
    let parts = parts.collect::<anyhow::Result<Vec<Part>>>()?;
    let mut seen = observe::observe(target, &parts)?;
    let mut plan = observe::plan(&parts, &seen);
    report::know(known, &parts, &seen, &plan);
    known.timing.mark("plan");
    for (part, seen) in parts.iter().zip(&seen.services) {
        for member in seen.unknown() {
            let service = part.target.service();
            report.warn(format!("`{service}` has `{member}`, which this version does not know and does not compare"));
        }
    }
    report::plan(report, request, target, &plan);
    if plan.is_empty() {
        if !request.dry_run {
            for (part, seen) in parts.iter().zip(&seen.services) {
                presence::wait(&part.target, seen.service.as_ref(), part.group.as_ref(), request.limit, report)?;
            }
        }
        return Ok(Outcome::Unchanged);
    }
    for (part, seen) in parts.iter().zip(&seen.services) {
        seen.admit(&part.target)?;
    }
    observe::preflight(root, &parts, &release, report)?;
    if request.dry_run {
        return Ok(Outcome::Planned);
    }
    observe::confirm(request, &target.settings.environment)?;
    interrupt::check()?;

    let name = lease::name(&target.settings.project.name, request.environment.as_str());
    let mut lease = Lease::acquire(&target.aws, name, &target.caller, plan.release.as_str())?;
    // Another process may have deployed between the observation and the lease.
    seen = observe::observe(target, &parts)?;
    plan = observe::plan(&parts, &seen);
    known.timing.mark("lease");
    if plan.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let run = apply::Run { parts: &parts, seen: &seen, plan: &plan, release: &release, report, limit: request.limit };
    apply::apply(&run, &mut lease, known)?;
    Ok(Outcome::Deployed)
}

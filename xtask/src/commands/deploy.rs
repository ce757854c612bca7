//! `cargo xtask deploy`: what is built runs, or the release before goes on serving. Observe, apply and report have files of
//! their own; this one is the verb as it reads. Building and pushing are parts that the entry point hands in, because verbs
//! do not import each other.

mod apply;
mod observe;
mod report;

use std::time::Duration;

use camino::Utf8Path;

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

/// What `deploy` was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where to.
    pub environment: EnvironmentName,
    /// Does not ask before production.
    pub yes: bool,
    /// Stops after the plan is shown.
    pub dry_run: bool,
    /// How long a rollout may take.
    pub limit: Duration,
}

/// The parts that other verbs carry out.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Builds what changed.
    pub build: &'a dyn Fn(&Report) -> anyhow::Result<Release>,
    /// Sends what the registry does not have.
    pub push: &'a dyn Fn(Aws, &Report) -> anyhow::Result<Pushed>,
}

/// Deploys.
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
    let templates = project_files::load_templates(root, settings.service())?;
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
    templates: &(String, String),
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

    let group = if observe::is_balanced(templates) { Some(target.target_group()?) } else { None };
    known.url = group.as_ref().map(|group| target.url(group)).transpose()?.flatten();
    let desired = observe::render(templates, target, &pushed, group.as_ref())?;
    known.release = Some(desired.release.to_string());
    let mut seen = observe::observe(target, &desired)?;
    let mut plan = seen.plan(&desired, target);
    known.task_definition = seen.running.as_ref().map(|revision| revision.arn.clone());
    known.timing.mark("plan");
    for member in seen.unknown() {
        report.warn(format!("what runs has `{member}`, which this version does not know and does not compare"));
    }
    report::plan(report, request, target, &plan);
    if plan.is_empty() {
        if !request.dry_run {
            presence::wait(target, seen.service.as_ref(), group.as_ref(), request.limit, report)?;
        }
        return Ok(Outcome::Unchanged);
    }
    seen.admit(target)?;
    observe::preflight(root, target, &release, &desired, report)?;
    if request.dry_run {
        return Ok(Outcome::Planned);
    }
    observe::confirm(request)?;
    interrupt::check()?;

    let name = lease::name(&target.settings.project.name, request.environment.as_str());
    let mut lease = Lease::acquire(&target.aws, name, &target.caller, &desired.release.to_string())?;
    // Somebody may have deployed between the look and the lease.
    seen = observe::observe(target, &desired)?;
    plan = seen.plan(&desired, target);
    known.timing.mark("lease");
    if plan.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let mut run = apply::Run {
        target,
        desired: &desired,
        seen: &seen,
        release: &release,
        group: group.as_ref(),
        report,
        limit: request.limit,
    };
    apply::apply(&mut run, &plan, &mut lease, known)?;
    Ok(Outcome::Deployed)
}

//! `cargo xtask rollback`: returns to the last verified release, or to a named one. No image is built or pushed.
//! Effects of the release phase (`migrate`) are kept: the database is not rolled back.

mod choose;

use std::time::Duration;

use camino::Utf8Path;
use serde_json::json;

use crate::ecs::TaskDefinition;
use crate::operations::closing::{self, Known, Outcome, ServiceEnd};
use crate::operations::lease::{self, Lease};
use crate::operations::reach::Missing;
use crate::operations::revert::Revert;
use crate::operations::settle;
use crate::operations::target::{Settings, Target};
use crate::plan::deploy::short;
use crate::project::EnvironmentName;
use crate::report::Report;

/// The arguments of `rollback`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment of the services.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; all, if absent.
    pub service: Option<String>,
    /// Release id or `<family>:<number>`; the last verified release before the current one, if absent.
    pub to: Option<String>,
    /// Whether to stop after the plan is shown.
    pub dry_run: bool,
    /// Time limit of the rollout.
    pub limit: Duration,
}

/// Rolls back to an earlier release.
///
/// # Errors
/// The same as those of a deploy.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let mut known = Known::start();
    let result = rollback(root, request, report, &mut known);
    match &result {
        Ok(outcome) => closing::finished(report, *outcome, &known),
        Err(error) => closing::failed(report, error, &known),
    }
    result.map(|_| ())
}

fn rollback(root: &Utf8Path, request: &Request, report: &Report, known: &mut Known) -> anyhow::Result<Outcome> {
    let target = Target::connect(root, Settings::load(root, request.environment)?, Missing::Refuse, report)?;
    let result = on_target(&target, request, report, known);
    known.calls = target.aws.calls();
    result
}

fn on_target(target: &Target, request: &Request, report: &Report, known: &mut Known) -> anyhow::Result<Outcome> {
    let steps = choose::steps(target, request)?;
    let mut ready = Vec::new();
    for step in &steps {
        let group = if step.service.load_balancers.is_empty() { None } else { Some(step.target.target_group()?) };
        let url = group.as_ref().map(|group| step.target.url(group)).transpose()?.flatten();
        let definition = TaskDefinition::from_document(step.to.document.clone())?;
        ready.push((group, url, definition));
    }
    let reverts = steps.iter().zip(&ready).map(|(step, (group, url, definition))| Revert {
        target: &step.target,
        service: &step.service,
        revision: &step.to,
        definition,
        release: &step.release,
        group: group.as_ref(),
        url: url.as_deref(),
        limit: request.limit,
        report,
    });
    let reverts: Vec<Revert<'_>> = reverts.collect();
    let release = choose::release(&steps);
    known.release = Some(release.clone());
    for revert in &reverts {
        let outcome = if revert.is_done() { "unchanged" } else { "not-moved" };
        let end = ServiceEnd {
            outcome: outcome.to_owned(),
            release: Some(revert.release.to_owned()),
            task_definition: Some(revert.revision.arn.clone()),
            url: revert.url.map(str::to_owned),
        };
        known.services.insert(revert.target.service_name().to_owned(), end);
        if reverts.len() == 1 || revert.target.settings.service().is_some_and(|service| service.is_main) {
            known.url = revert.url.map(str::to_owned);
            known.task_definition = Some(revert.revision.arn.clone());
        }
    }
    known.timing.mark("plan");
    let moving: Vec<&Revert<'_>> = reverts.iter().filter(|revert| !revert.is_done()).collect();
    if moving.is_empty() {
        return Ok(Outcome::Unchanged);
    }
    let line = |revert: &&Revert<'_>| {
        format!(
            "from {} to {}, release {}",
            short(&revert.service.task_definition),
            revert.revision.short(),
            revert.release
        )
    };
    let lines: Vec<String> = moving.iter().map(line).collect();
    let steps = vec![["update", "verify"]; moving.len()].concat();
    report.event(&json!({"event": "planned", "release": release, "changes": lines, "steps": steps}));
    if request.dry_run {
        lines.iter().for_each(|line| report.result(line));
        return Ok(Outcome::Planned);
    }
    lines.iter().for_each(|line| report.step(line));
    report.detail("the database stays as it is: what `migrate` did since is not taken back");
    let name = lease::name(&target.settings.project.name, request.environment.as_str());
    let mut lease = Lease::acquire(&target.aws, name, &target.caller, &release)?;
    for revert in &moving {
        revert.apply(&mut lease, known)?;
        known.timing.mark("rollout");
        settle::verify_and_record(&revert.moved(), None, known)?;
        known.service_is(revert.target.service_name(), "deployed");
    }
    Ok(Outcome::Deployed)
}

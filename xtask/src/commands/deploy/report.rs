//! Output of `deploy` about its plan. The closing event: `operations::closing`.

use serde_json::{Map, Value, json};

use super::Request;
use super::observe::{Part, SeenAll};
use crate::operations::closing::{Known, ServiceEnd};
use crate::operations::target::Target;
use crate::plan::deploy::ReleasePlan;
use crate::report::Report;

/// Records the state before any change, for the closing event.
pub(super) fn know(known: &mut Known, parts: &[Part], seen: &SeenAll, plan: &ReleasePlan) {
    known.release = Some(plan.release.to_string());
    for ((part, seen), (name, plan)) in parts.iter().zip(&seen.services).zip(&plan.services) {
        let running = seen.running.as_ref().map(|revision| revision.arn.clone());
        let end = ServiceEnd {
            outcome: if plan.is_empty() { "unchanged" } else { "planned" }.to_owned(),
            release: Some(part.desired.release.to_string()),
            task_definition: running.clone(),
            url: part.url.clone(),
        };
        known.services.insert(name.clone(), end);
        if is_leading(parts, part) {
            known.url.clone_from(&part.url);
            known.task_definition = running;
        }
    }
}

/// Returns whether the closing event's top-level members describe this service: the main service, or the only one.
pub(super) fn is_leading(parts: &[Part], part: &Part) -> bool {
    parts.len() == 1 || part.target.settings.service().is_some_and(|service| service.is_main)
}

/// Shows the plan where it contains changes, or where only the plan was requested.
pub(super) fn plan(report: &Report, request: &Request, target: &Target, plan: &ReleasePlan) {
    let services = plan.services.iter().map(|(name, one)| {
        (name.clone(), json!({"release": one.release.to_string(), "changes": one.changes, "steps": one.steps()}))
    });
    report.event(&json!({"event": "planned", "release": plan.release.to_string(), "changes": plan.changes(),
        "steps": plan.steps(), "services": services.collect::<Map<String, Value>>()}));
    if request.dry_run {
        let nothing = plan.is_empty();
        report.result(if nothing { "nothing to deploy".to_owned() } else { plan.to_string().trim_end().to_owned() });
    } else if !plan.is_empty() {
        let what = match plan.services.as_slice() {
            [_] => format!("`{}`", target.service()),
            all => format!("{} services of `{}`", all.len(), target.settings.project.name),
        };
        report.step(format!("plan for {what} in `{}`", target.environment()));
        plan.to_string().lines().for_each(|line| report.detail(line));
    }
}

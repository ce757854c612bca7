//! Output of `push`: the plan, the result, the closing event.

use std::time::Duration;

use serde_json::{Value, json};

use super::Request;
use super::observe::{Here, Place};
use crate::effects::registry::{How, Sent};
use crate::plan::push::{PushPlan, Step};
use crate::report::Report;

/// Shows the plan where it contains changes, or where only the plan was requested.
pub(super) fn plan(report: &Report, request: &Request, plan: &PushPlan, place: &Place) {
    for step in &plan.steps {
        for (tag, other) in &step.kept {
            report.warn(format!("`{}:{tag}` names {} already and is left alone", step.repository, other.short()));
        }
        report.event(
            &json!({"event": "planned", "image": step.name, "decision": decision(step), "repository": step.repository,
            "tags": tags(step)}),
        );
    }
    if !plan.is_empty() || request.dry_run {
        report.step(format!("plan for the registry {}", place.host));
        plan.to_string().lines().for_each(|line| report.detail(line));
    }
}

/// Reports the plan as the result.
pub(super) fn dry_run(report: &Report, plan: &PushPlan, place: &Place) {
    let text = if plan.is_empty() { "nothing to push".to_owned() } else { plan.to_string().trim_end().to_owned() };
    report.result(text);
    report.closing(json!({"outcome": "planned", "registry": place.host}));
}

/// Prints a line per image for people, and the closing event for scripts.
pub(super) fn finished(report: &Report, plan: &PushPlan, here: &Here, place: &Place, sent: &[Sent], took: Duration) {
    let mut images = serde_json::Map::new();
    for step in &plan.steps {
        let Some(image) = here.images.iter().find(|image| image.name == step.name) else { continue };
        let mine = sent.iter().filter(|sent| sent.repository == step.repository);
        let mut uploaded: u64 = mine.filter(|sent| sent.how == How::Uploaded).map(|sent| sent.size).sum();
        if step.sends {
            uploaded += image.manifest.bytes.len() as u64;
        }
        let skipped = step.bytes.saturating_sub(uploaded);
        let state = if step.is_empty() { "unchanged" } else { "pushed" };
        let reference = format!("{}/{}@{}", place.host, step.repository, step.digest);
        report.result(format!(
            "{:<12} {state:<9} {reference}  in-{}  {:.1} MB sent, {:.1} MB were there",
            step.name,
            image.built.fingerprint.short(),
            uploaded as f64 / 1e6,
            skipped as f64 / 1e6
        ));
        images.insert(
            step.name.to_string(),
            json!({"digest": step.digest, "fingerprint": image.built.fingerprint, "repository": step.repository,
                "reference": reference, "tags": tags(step), "uploaded_bytes": uploaded, "skipped_bytes": skipped,
                "requests": place.requests(&step.repository), "outcome": state}),
        );
    }
    let outcome = if plan.is_empty() { "unchanged" } else { "pushed" };
    let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
    report.closing(json!({"outcome": outcome, "registry": place.host, "images": images,
        "shared_requests": place.calls, "seconds": {"total": seconds}}));
}

fn decision(step: &Step) -> &'static str {
    match step {
        _ if step.is_empty() => "keep",
        _ if step.sends => "send",
        _ => "tag",
    }
}

/// Returns the tags that are applied, in order.
fn tags(step: &Step) -> Value {
    step.fixed.iter().chain(&step.moving).map(ToString::to_string).collect()
}

//! What `build` says: the plan, the proofs, the closing event.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Value, json};

use super::Request;
use super::observe::Seen;
use crate::effects::bases::facts;
use crate::effects::inputs_record;
use crate::error::{Exit, Failure, exit_of, hints_of};
use crate::image::ImageName;
use crate::image::proof::{Finding, Proof};
use crate::plan::bake::BakePlan;
use crate::plan::build::{BuildPlan, Decision};
use crate::release::Release;
use crate::report::Report;
use crate::report::timing::Timing;

/// Shows the plan, and with `--explain` what changed each fingerprint.
pub(super) fn plan(
    report: &Report,
    root: &Utf8Path,
    request: &Request,
    plan: &BuildPlan,
    seen: &Seen,
) -> anyhow::Result<()> {
    let describe = !plan.is_empty() || request.explain || request.dry_run;
    if describe {
        report.step(format!("plan for `{}` on {}", seen.project.name, seen.project.platform));
        for line in plan.to_string().lines() {
            report.detail(line);
        }
    }
    for step in &plan.steps {
        let (keep, reason) = match &step.decision {
            Decision::Keep { .. } => ("keep", "unchanged".to_owned()),
            Decision::Build(reason) => ("build", reason.to_string()),
        };
        report.event(&json!({"event": "planned", "image": step.name, "decision": keep, "reason": reason, "fingerprint": step.fingerprint}));
        if !request.explain {
            continue;
        }
        let Some(inputs) = seen.inputs.get(&step.name) else { continue };
        let lines = match inputs_record::read(root, &step.name)? {
            Some(before) => inputs.changes_since(&before).iter().map(ToString::to_string).collect(),
            None => vec!["no earlier build to compare with".to_owned()],
        };
        for line in &lines {
            report.detail(format!("{}: {line}", step.name));
        }
        report.event(&json!({"event": "explained", "image": step.name, "changes": lines}));
    }
    let substitutes = seen.bases.values().filter(|base| base.substitute).map(|base| format!("`{}`", base.name));
    let substitutes = substitutes.collect::<Vec<_>>();
    if plan.is_empty() {
        return Ok(());
    }
    if !substitutes.is_empty() {
        report.warn(format!("substitutes made of Debian packages, good for `local` only: {}", substitutes.join(", ")));
    }
    let expected = seen.project.platform.to_string();
    for base in seen.bases.values() {
        // A stage may stand on another platform on purpose (`FROM --platform`): the proof decides, by what is in the image.
        if let Some(claimed) = facts::claimed_platform(root, base).filter(|claimed| *claimed != expected) {
            report.warn(format!("the base image `{}` is {claimed}, not {expected}", base.name));
        }
    }
    Ok(())
}

/// The exact document and command, on stdout.
pub(super) fn dry_run(report: &Report, plan: &BuildPlan, document: &BakePlan, no_cache: bool) {
    let command = format!("docker {}", document.arguments(no_cache).join(" "));
    if plan.is_empty() {
        report.result("nothing to build");
    } else if !report.is_part() {
        report.result(format!("{} <<'PLAN'\n{}\nPLAN", with_variables(&command), document.to_json()));
    }
    let document =
        if plan.is_empty() { Value::Null } else { serde_json::from_str(&document.to_json()).unwrap_or(Value::Null) };
    let command = (!plan.is_empty()).then(|| with_variables(&command));
    report.closing(json!({"outcome": "planned", "command": command, "bake": document}));
}

fn with_variables(command: &str) -> String {
    let variables = crate::plan::bake::BUILDX_VARIABLES.map(|(name, value)| format!("{name}={value} "));
    format!("{}{command}", variables.concat())
}

/// One line per proof.
pub(super) fn proof(report: &Report, name: &ImageName, proof: &Proof) {
    let verdict = if proof.findings.is_empty() { "OK  " } else { "FAIL" };
    report.detail(format!(
        "{verdict} proof {name:<12} {} programs and libraries among {} files in {} layers, {:.1} MB",
        proof.elf_files,
        proof.files,
        proof.layers,
        proof.bytes as f64 / 1e6
    ));
    report.event(&json!({"event": "proved", "image": name, "digest": proof.manifest_digest, "elf_files": proof.elf_files,
        "files": proof.files, "layers": proof.layers, "bytes": proof.bytes, "findings": findings_json(&proof.findings)}));
}

/// The failure of images that did not pass, with every finding and every hint once.
pub(super) fn refused(report: &Report, refused: &[(ImageName, Vec<Finding>, Failure)]) -> Failure {
    let images = refused.iter().map(|(name, findings, _)| (name, findings_json(findings))).collect::<BTreeMap<_, _>>();
    report.event(&json!({"event": "refused", "images": images}));
    let message = refused.iter().map(|(_, _, failure)| failure.to_string()).collect::<Vec<_>>().join("\n");
    let mut hints = Vec::new();
    for hint in refused.iter().flat_map(|(_, _, failure)| failure.hints()) {
        if !hints.contains(hint) {
            hints.push(hint.clone());
        }
    }
    hints.into_iter().fold(Failure::refused(message), Failure::hint)
}

fn findings_json(findings: &[Finding]) -> Vec<Value> {
    let one = |finding: &Finding| json!({"id": finding.id, "message": finding.message, "hint": finding.hint});
    findings.iter().map(one).collect()
}

/// The result: a line per image for people, the closing event for scripts.
pub(super) fn finished(report: &Report, plan: &BuildPlan, release: &Release, timing: &Timing) {
    let outcome = if plan.is_empty() { "unchanged" } else { "built" };
    let mut images = serde_json::Map::new();
    for step in &plan.steps {
        let Some(built) = release.images.get(&step.name) else { continue };
        let state = if matches!(step.decision, Decision::Keep { .. }) { "unchanged" } else { "built" };
        report.result(format!(
            "{:<12} {state:<9} {}  in-{}  {:.1} MB",
            step.name,
            built.digest,
            built.fingerprint.short(),
            built.bytes as f64 / 1e6
        ));
        images.insert(
            step.name.to_string(),
            json!({"digest": built.digest, "fingerprint": built.fingerprint, "bytes": built.bytes, "platform": built.platform, "outcome": state}),
        );
    }
    report.closing(json!({"outcome": outcome, "images": images, "seconds": timing.seconds()}));
}

/// The closing event of a build that did not succeed. The words for people are printed by the entry point.
pub(super) fn failed(report: &Report, error: &anyhow::Error, timing: &Timing) {
    let outcome = match exit_of(error) {
        Exit::Refused => "refused",
        _ => "failed",
    };
    report.closing(json!({"outcome": outcome, "error": format!("{error:#}"), "hints": hints_of(error),
        "exit_code": exit_of(error) as u8, "images": {}, "seconds": timing.seconds()}));
}

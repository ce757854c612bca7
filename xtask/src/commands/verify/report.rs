//! Output of `verify`: the findings, for people and for scripts.

use serde_json::json;

use super::Outcome;
use crate::checks::{Check, Scope, Status};
use crate::report::Report;

/// Prints one line per finding, one per hint, and the counts.
pub(super) fn show(checks: &[Check], unjudged: &[Scope], report: &Report) {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in checks {
        report.result(format!("{:<4}  {:<width$}  {}", check.status, check.id, check.message));
        if let Some(hint) = &check.hint {
            report.result(format!("      {:width$}  hint: {hint}", ""));
        }
    }
    for scope in unjudged {
        report.warn(format!("no rule of `{scope}` could be judged, and it was named"));
    }
    let count = |status: Status| checks.iter().filter(|check| check.status == status).count();
    report.result(format!(
        "{} findings: {} ok, {} skipped, {} warnings, {} failed",
        checks.len(),
        count(Status::Ok),
        count(Status::Skip),
        count(Status::Warn),
        count(Status::Fail)
    ));
}

/// Prints the closing event.
pub(super) fn finished(outcome: Outcome, checks: &[Check], report: &Report) {
    let word = match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
    };
    report.closing(json!({ "outcome": word, "checks": checks }));
}

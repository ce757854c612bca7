//! `cargo xtask doctor`: every prerequisite with its version and, where it is not met, the fix. Changes nothing.

mod engine_checks;
mod host_checks;
mod local_checks;

use camino::Utf8Path;
use serde::Serialize;
use serde_json::json;

use crate::report::Report;

/// State of a prerequisite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The prerequisite is met.
    Ok,
    /// Not met, but only some commands need it, or another command provides it.
    Warn,
    /// Not met; no image can be built without it.
    Fail,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Stable name, for scripts.
    pub id: &'static str,
    /// State of the prerequisite.
    pub status: Status,
    /// Version, if known.
    pub version: Option<String>,
    /// Description of the finding.
    pub message: String,
    /// Suggested fix.
    pub hint: Option<String>,
}

impl Check {
    fn ok(id: &'static str, message: impl Into<String>) -> Check {
        Check { id, status: Status::Ok, version: None, message: message.into(), hint: None }
    }

    fn warn(id: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { status: Status::Warn, hint: Some(hint.into()), ..Check::ok(id, message) }
    }

    fn fail(id: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { status: Status::Fail, hint: Some(hint.into()), ..Check::ok(id, message) }
    }

    fn version(self, version: impl Into<String>) -> Check {
        Check { version: Some(version.into()), ..self }
    }
}

/// Overall result of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No check failed; warnings do not count.
    Passed,
    /// At least one check failed: the exit code is 1.
    Failed,
}

/// Runs every check and shows all results.
pub fn run(root: &Utf8Path, report: &Report) -> anyhow::Result<Outcome> {
    let mut checks = host_checks::all(root);
    checks.extend(engine_checks::all(root)?);
    checks.push(local_checks::daemon(root));
    show(&checks, report);
    let outcome = outcome_of(&checks);
    let word = match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
    };
    report.closing(json!({"outcome": word, "checks": checks }));
    Ok(outcome)
}

fn outcome_of(checks: &[Check]) -> Outcome {
    let has_failed = checks.iter().any(|check| check.status == Status::Fail);
    if has_failed { Outcome::Failed } else { Outcome::Passed }
}

fn show(checks: &[Check], report: &Report) {
    let width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    for check in checks {
        report.result(line(check, width));
        if let Some(hint) = &check.hint {
            report.result(format!("      {:width$}  hint: {hint}", ""));
        }
    }
    let count = |status: Status| checks.iter().filter(|check| check.status == status).count();
    report.result(format!(
        "{} checks: {} ok, {} warnings, {} failed",
        checks.len(),
        count(Status::Ok),
        count(Status::Warn),
        count(Status::Fail)
    ));
}

fn line(check: &Check, width: usize) -> String {
    let status = match check.status {
        Status::Ok => "OK",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
    };
    let version = check.version.as_ref().map(|version| format!("{version}: ")).unwrap_or_default();
    format!("{status:<4}  {:<width$}  {version}{}", check.id, check.message)
}

#[cfg(test)]
mod tests {
    use super::{Check, Outcome, line, outcome_of};

    #[test]
    fn warnings_do_not_fail_and_failures_do() {
        let warned = Check::warn("a", "m", "h");
        assert_eq!(outcome_of(&[Check::ok("b", "m"), warned.clone()]), Outcome::Passed);
        assert_eq!(outcome_of(&[warned, Check::fail("c", "m", "h")]), Outcome::Failed);
        assert_eq!(line(&Check::ok("git", "found").version("2.39"), 5), "OK    git    2.39: found");
    }

    #[test]
    fn the_json_of_a_check_is_what_scripts_expect() {
        let text = serde_json::to_string(&Check::warn("ca", "none", "set it")).unwrap();
        assert_eq!(text, r#"{"id":"ca","status":"warn","version":null,"message":"none","hint":"set it"}"#);
    }
}

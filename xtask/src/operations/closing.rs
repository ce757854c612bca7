//! The final output of verbs that deploy a service: the result on success or failure, for people and for scripts. Also
//! prints causes and checks.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::checks::{Check, Status};
use crate::ecs::diagnosis::Cause;
use crate::effects::aws::Calls;
use crate::error::{Exit, exit_of, hints_of};
use crate::plan::deploy::short;
use crate::report::Report;
use crate::report::timing::Timing;

/// Results so far, for the closing event of a success or a failure.
#[derive(Debug)]
pub struct Known {
    /// Durations of the phases.
    pub timing: Timing,
    /// Id of the release.
    pub release: Option<String>,
    /// URL of the main service.
    pub url: Option<String>,
    /// Result of each service, by name.
    pub services: BTreeMap<String, ServiceEnd>,
    /// ARN of the revision of the main service, current or in deployment.
    pub task_definition: Option<String>,
    /// Counts of calls to AWS's API.
    pub calls: Calls,
    /// Number of calls that followed the rollout.
    pub following: Option<u64>,
    /// Cause of the failure.
    pub cause: Option<Cause>,
    /// Seconds from the last change of the rollout state to the verdict here.
    pub lag: Option<f64>,
}

impl Known {
    /// Sets the outcome of one service.
    pub fn service_is(&mut self, name: &str, outcome: &str) {
        self.services.entry(name.to_owned()).or_default().outcome = outcome.to_owned();
    }

    /// Returns an empty result.
    pub fn start() -> Known {
        Known {
            timing: Timing::start(),
            release: None,
            url: None,
            services: BTreeMap::new(),
            task_definition: None,
            calls: Calls::default(),
            following: None,
            cause: None,
            lag: None,
        }
    }
}

/// Result of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceEnd {
    /// `deployed`, `unchanged`, `planned`, `rolled-back`, `failed` or `not-moved`.
    pub outcome: String,
    /// Release id of this service.
    pub release: Option<String>,
    /// ARN of the revision that it runs or was to run.
    pub task_definition: Option<String>,
    /// URL of its load balancer, if any.
    pub url: Option<String>,
}

/// Outcome of a successful verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The release serves and is verified.
    Deployed,
    /// The release served already.
    Unchanged,
    /// Only the plan was requested.
    Planned,
}

/// Prints the evidence of a cause, in the order in which it was gathered. The error that follows is the conclusion.
pub fn cause(report: &Report, cause: &Cause) {
    report.step("evidence");
    cause.evidence.iter().flat_map(|text| text.lines()).for_each(|line| report.detail(line));
    report.event(&json!({"event": "diagnosed", "cause": cause_json(cause)}));
}

/// Prints a check of the service.
pub fn check(report: &Report, check: &Check) {
    report.detail(check.to_string());
    if let Some(hint) = check.hint.as_ref().filter(|_| check.status == Status::Fail) {
        report.detail(format!("     hint: {hint}"));
    }
}

/// Prints the result, for people and for scripts.
pub fn finished(report: &Report, outcome: Outcome, known: &Known) {
    let words = match outcome {
        Outcome::Deployed => "deployed",
        Outcome::Unchanged => "unchanged",
        Outcome::Planned => "planned",
    };
    if outcome != Outcome::Planned {
        let release = known.release.as_deref().unwrap_or("-");
        let revision = known.task_definition.as_deref().map_or("-", short);
        let verified = if outcome == Outcome::Deployed { ", verified" } else { "" };
        let total = known.timing.total();
        report.result(format!("{words}{verified}: release {release}, {revision}, {total:.1} s"));
        if outcome == Outcome::Deployed {
            report.detail(known.timing.to_string());
        }
        if known.services.len() > 1 {
            for (name, end) in &known.services {
                report.result(format!(
                    "  {name}: {}, {}",
                    end.outcome,
                    end.task_definition.as_deref().map_or("-", short)
                ));
            }
        }
        if let Some(url) = &known.url {
            report.result(url);
        }
    }
    report.closing(closing(words, known));
}

/// Emits the closing event of a failed deploy. The entry point prints the error message.
pub fn failed(report: &Report, error: &anyhow::Error, known: &Known) {
    let mut members = closing(outcome_of(exit_of(error)), known);
    if let Value::Object(members) = &mut members {
        members.insert("error".to_owned(), format!("{error:#}").into());
        members.insert("hints".to_owned(), hints_of(error).into());
        members.insert("exit_code".to_owned(), (exit_of(error) as u8).into());
        members.extend(known.cause.as_ref().map(|cause| ("cause".to_owned(), cause_json(cause))));
    }
    report.closing(members);
}

fn outcome_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Failed | Exit::Usage => "failed",
        Exit::Refused => "refused",
        Exit::RolledBack => "rolled-back",
        Exit::Locked => "locked",
        Exit::Superseded => "superseded",
        Exit::TimedOut => "timed-out",
        Exit::Interrupted => "interrupted",
    }
}

fn closing(outcome: &str, known: &Known) -> Value {
    let calls = &known.calls;
    json!({"outcome": outcome, "release": known.release, "url": known.url, "task_definition": known.task_definition,
        "services": known.services,
        "api_calls": {"total": calls.total, "mutating": calls.mutating, "following": known.following},
        "verdict_lag": known.lag,
        "seconds": known.timing.seconds()})
}

fn cause_json(cause: &Cause) -> Value {
    json!({"id": cause.id.id(), "message": cause.message, "evidence": cause.evidence, "next": cause.next,
        "container": cause.failing_container})
}

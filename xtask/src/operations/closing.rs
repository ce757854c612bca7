//! How verbs that move a service close: what is known when they end, however they end, for people and for scripts. Causes
//! and checks are shown here, too.

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

/// What is known so far, for the closing event however it ends.
#[derive(Debug)]
pub struct Known {
    /// How long the phases took.
    pub timing: Timing,
    /// The release.
    pub release: Option<String>,
    /// Where the load balancer of the main service answers.
    pub url: Option<String>,
    /// Each service by name.
    pub services: BTreeMap<String, ServiceEnd>,
    /// ARN of the revision that the main service runs, or is moving to.
    pub task_definition: Option<String>,
    /// Calls of AWS's API.
    pub calls: Calls,
    /// Those of them that followed the rollout.
    pub following: Option<u64>,
    /// Why it failed.
    pub cause: Option<Cause>,
    /// Seconds from the last change of the rollout state to our verdict.
    pub lag: Option<f64>,
}

impl Known {
    /// Sets what became of one service.
    pub fn service_is(&mut self, name: &str, outcome: &str) {
        self.services.entry(name.to_owned()).or_default().outcome = outcome.to_owned();
    }

    /// Nothing yet.
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

/// What became of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServiceEnd {
    /// `deployed`, `unchanged`, `planned`, `rolled-back`, `failed` or `not-moved`.
    pub outcome: String,
    /// The id of its own part of the release.
    pub release: Option<String>,
    /// ARN of the revision that it runs, or was to run.
    pub task_definition: Option<String>,
    /// Where its load balancer answers, if it has one.
    pub url: Option<String>,
}

/// How such a verb ends well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The release serves, verified.
    Deployed,
    /// It did already.
    Unchanged,
    /// Only the plan was requested.
    Planned,
}

/// Evidence first, in the order in which it was gathered; the conclusion is the error that follows.
pub fn cause(report: &Report, cause: &Cause) {
    report.step("evidence");
    cause.evidence.iter().flat_map(|text| text.lines()).for_each(|line| report.detail(line));
    report.event(&json!({"event": "diagnosed", "cause": cause_json(cause)}));
}

/// One check of what serves.
pub fn check(report: &Report, check: &Check) {
    report.detail(check.to_string());
    if let Some(hint) = check.hint.as_ref().filter(|_| check.status == Status::Fail) {
        report.detail(format!("     hint: {hint}"));
    }
}

/// The result, for people and for scripts.
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

/// The closing event of a deploy that did not succeed. The words for people are printed by the entry point.
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

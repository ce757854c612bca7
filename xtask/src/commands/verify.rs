//! `cargo xtask verify`: checks every rule about images, environment and service, and reports all findings. Changes and
//! starts nothing. The exit code is the result. Observe and report have files of their own; this file holds the steps.

mod observe;
mod report;

use camino::Utf8Path;

use crate::checks::{Check, Scope, Status};
use crate::effects::interrupt;
use crate::operations::verification;
use crate::project::EnvironmentName;
use crate::report::Report;

/// The arguments of `verify`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment whose rules are checked.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; all, if absent.
    pub service: Option<String>,
    /// Scopes of the rules to check; an empty list selects all scopes.
    pub scopes: Vec<Scope>,
}

/// Overall result of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No rule failed; warnings do not count.
    Passed,
    /// A rule failed, or no rule of a requested scope could be judged: the exit code is 1.
    Failed,
}

/// Checks the rules and shows all findings.
///
/// # Errors
/// Usage (2) for an invalid file or template; interrupted (130). Failed rules are no error: see the outcome.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<Outcome> {
    let scopes: Vec<Scope> =
        Scope::ALL.into_iter().filter(|scope| request.scopes.is_empty() || request.scopes.contains(scope)).collect();
    let here = observe::here(root, request, &scopes)?;
    let there = observe::there(root, &here, &scopes, report);
    interrupt::check()?;

    let names = scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
    report.step(format!("verifying {names} of `{}`", request.environment));
    let release = here.release.as_ref();
    // Hashing and network requests run in parallel.
    let checks: Vec<Check> = std::thread::scope(|threads| {
        let begun: Vec<_> = scopes
            .iter()
            .map(|scope| {
                let (here, there) = (&here, &there);
                threads.spawn(move || match scope {
                    Scope::Images => verification::images(root, &here.settings, release),
                    Scope::Environment => here.of_each_service(|settings, documents| {
                        let account = there.account(settings, documents);
                        verification::before(root, settings, release, documents, account)
                    }),
                    Scope::Service => here.of_each_service(|settings, _| match there.target(settings) {
                        Ok(target) => verification::running(settings, release, &target),
                        Err(why) => verification::unseen(settings, &why),
                    }),
                })
            })
            .collect();
        begun.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    })
    .map_err(|_| anyhow::anyhow!("a thread that judged rules panicked"))?
    .into_iter()
    .flatten()
    .collect();
    interrupt::check()?;

    let unjudged = unjudged(&request.scopes, &checks);
    let has_failed = checks.iter().any(|check| check.status == Status::Fail) || !unjudged.is_empty();
    let outcome = if has_failed { Outcome::Failed } else { Outcome::Passed };
    report::show(&checks, &unjudged, report);
    report::finished(outcome, &checks, report);
    Ok(outcome)
}

/// Returns the requested scopes of which no rule could be judged: `passed` would be wrong.
fn unjudged(asked: &[Scope], checks: &[Check]) -> Vec<Scope> {
    let is_judged = |scope: &Scope| checks.iter().any(|check| check.scope == *scope && check.status != Status::Skip);
    asked.iter().filter(|scope| !is_judged(scope)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::unjudged;
    use crate::checks::{Check, Scope, Status};

    #[test]
    fn a_scope_that_was_asked_for_and_not_judged_is_no_success() {
        let check = |scope, status| Check { id: "x", scope, status, message: String::new(), hint: None };
        let checks =
            [check(Scope::Images, Status::Ok), check(Scope::Images, Status::Skip), check(Scope::Service, Status::Skip)];
        assert_eq!(unjudged(&[], &checks), []);
        assert_eq!(unjudged(&[Scope::Images], &checks), []);
        assert_eq!(unjudged(&[Scope::Images, Scope::Service], &checks), [Scope::Service]);
    }
}

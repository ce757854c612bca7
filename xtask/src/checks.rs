//! Rules of `verify`: conditions on the documents, files and observations of a deploy. Most rules relate two inputs
//! that no single linter reads. The module is pure: facts and findings are values. Not here: gathering facts
//! (`verification`).

pub mod django;
pub mod entrypoint;
pub mod facts;
mod judgement;
pub mod nginx;
pub mod page;
mod rules;
pub mod stack;
pub mod uwsgi;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

pub use facts::{Fact, Facts};
use judgement::Judgement;
pub use judgement::Unknown;

/// The input of a rule, which decides when the rule can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The built images. Needs no network.
    Images,
    /// The input of a deploy: documents, files, variables and the resources of the account.
    Environment,
    /// The running service.
    Service,
}

impl Scope {
    /// All scopes, in the order in which a deploy runs them.
    pub const ALL: [Scope; 3] = [Scope::Images, Scope::Environment, Scope::Service];

    /// Returns the value of `--scope`.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Images => "images",
            Scope::Environment => "environment",
            Scope::Service => "service",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Scope, String> {
        let known = Scope::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| format!("unknown scope `{text}`: there are `images`, `environment` and `service`"))
    }
}

/// The result of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The rule holds.
    Ok,
    /// The rule was not evaluated: a fact is unknown, or the rule does not apply.
    Skip,
    /// The deploy works, but has a problem worth knowing.
    Warn,
    /// The deploy fails, or is not safe.
    Fail,
}

/// One finding: one line of `verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule's stable kebab-case name. A rule with several problems has several findings.
    pub id: &'static str,
    /// The input of the rule.
    pub scope: Scope,
    /// The result.
    pub status: Status,
    /// The compared values, the problem, or the reason why a fact is unknown.
    pub message: String,
    /// The fix.
    pub hint: Option<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Ok => "OK",
            Status::Skip => "SKIP",
            Status::Warn => "WARN",
            Status::Fail => "FAIL",
        })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<4}  {}  {}", self.status, self.id, self.message)
    }
}

/// A rule of `verify`.
pub struct Rule {
    /// Its stable kebab-case name.
    pub id: &'static str,
    /// The input of the rule.
    pub scope: Scope,
    /// The condition, in one sentence.
    pub title: &'static str,
    judge: fn(&Facts<'_>) -> Judgement,
}

impl Rule {
    const fn new(scope: Scope, id: &'static str, title: &'static str, judge: fn(&Facts<'_>) -> Judgement) -> Rule {
        Rule { id, scope, title, judge }
    }

    /// Evaluates the rule: one finding where it holds or is skipped, otherwise one finding for each problem.
    pub fn check(&self, facts: &Facts<'_>) -> Vec<Check> {
        let check = |status, message, hint| Check { id: self.id, scope: self.scope, status, message, hint };
        match (self.judge)(facts) {
            // A running service must be proven: a failed request is a failure, not a skip.
            Err(Unknown { why, has_failed: true }) if self.scope == Scope::Service => {
                vec![check(Status::Fail, why, Some(facts.command("status")))]
            }
            Err(Unknown { why, .. }) => vec![check(Status::Skip, why, None)],
            Ok(verdict) if verdict.problems.is_empty() => vec![check(Status::Ok, verdict.holds, None)],
            Ok(verdict) => {
                verdict.problems.into_iter().map(|found| check(found.status, found.message, Some(found.hint))).collect()
            }
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.scope)
    }
}

/// Returns every rule, in display order.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules::GROUPS.iter().flat_map(|group| group.iter())
}

/// Runs every rule of the scope. A finding does not stop the run.
pub fn run(scope: Scope, facts: &Facts<'_>) -> Vec<Check> {
    rules().filter(|rule| rule.scope == scope).flat_map(|rule| rule.check(facts)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Scope, rules};

    #[test]
    fn every_rule_has_a_name_of_its_own_that_scripts_can_rely_on() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(seen.insert(rule.id), "two rules are named `{}`", rule.id);
            let is_kebab = rule.id.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            assert!(is_kebab && !rule.id.starts_with('-') && !rule.id.ends_with('-'), "{}", rule.id);
            assert!(rule.title.len() > 20 && !rule.title.ends_with('.'), "{}: {}", rule.id, rule.title);
        }
        for scope in Scope::ALL {
            assert_eq!(scope.as_str().parse(), Ok(scope));
            assert!(rules().any(|rule| rule.scope == scope), "{scope}");
        }
        assert!("service ".parse::<Scope>().is_err());
    }
}

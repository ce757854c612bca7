//! `verify`'s rules: what must hold between the documents, files and observations of a deploy, so that it works. Most tie
//! two things that no linter sees together. Pure: facts arrive as values, findings leave as values. Not here: where the facts
//! come from and who waits for them (`verification`).

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

/// What a rule looks at, and so when it can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The images as they were built. Needs no network.
    Images,
    /// What a deploy is about to use: documents, files, variables, and what the account has.
    Environment,
    /// What runs.
    Service,
}

impl Scope {
    /// All of them, in the order in which a deploy meets them.
    pub const ALL: [Scope; 3] = [Scope::Images, Scope::Environment, Scope::Service];

    /// The name as typed after `--scope`.
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

/// How a rule came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Ok,
    /// It could not be judged: a fact is not known, or it does not apply.
    Skip,
    /// It will work, and somebody should know.
    Warn,
    /// It will not work, or not safely.
    Fail,
}

/// One finding: one line of `verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule's stable kebab-case name. A rule with several problems has several findings.
    pub id: &'static str,
    /// What the rule looks at.
    pub scope: Scope,
    /// How it came out.
    pub status: Status,
    /// What was compared, what is wrong, or why it is not known.
    pub message: String,
    /// What to do about it.
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

/// One rule.
pub struct Rule {
    /// Its stable kebab-case name.
    pub id: &'static str,
    /// What it looks at.
    pub scope: Scope,
    /// What it holds together, in one sentence.
    pub title: &'static str,
    judge: fn(&Facts<'_>) -> Judgement,
}

impl Rule {
    const fn new(scope: Scope, id: &'static str, title: &'static str, judge: fn(&Facts<'_>) -> Judgement) -> Rule {
        Rule { id, scope, title, judge }
    }

    /// Judges the facts: one finding where the rule holds or cannot be judged, else one a problem.
    pub fn check(&self, facts: &Facts<'_>) -> Vec<Check> {
        let check = |status, message, hint| Check { id: self.id, scope: self.scope, status, message, hint };
        match (self.judge)(facts) {
            // What runs is proven or it is not: an answer that did not come proves nothing.
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

/// Every rule, in the order in which they are shown.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    rules::GROUPS.iter().flat_map(|group| group.iter())
}

/// Runs every rule of the scope. Nothing stops at the first finding.
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

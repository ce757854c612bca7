//! The result of a rule: it holds, has problems, or was not evaluated. A missing fact never counts as success.

use super::Status;

/// The reason why a fact is unknown or a rule does not apply. One clause, shown after `SKIP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The reason.
    pub why: String,
    /// Whether a request failed. For a running service that is a failure.
    pub has_failed: bool,
}

impl Unknown {
    /// Creates a reason without a failed request.
    pub fn new(why: impl Into<String>) -> Unknown {
        Unknown { why: why.into(), has_failed: false }
    }

    /// Creates the reason of a failed request.
    pub fn failed(why: impl Into<String>) -> Unknown {
        Unknown { why: why.into(), has_failed: true }
    }
}

/// The result of evaluating a rule.
pub(super) type Judgement = Result<Verdict, Unknown>;

/// The result of a rule that was evaluated.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The compared values, shown where nothing is wrong.
    pub(super) holds: String,
    /// The problems.
    pub(super) problems: Vec<Problem>,
}

/// One problem.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: Status,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Collects problems, so that all of them are shown at once.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds a problem that makes a deploy fail or unsafe.
    pub(super) fn fail(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem { status: Status::Fail, message: message.into(), hint: hint.into() });
    }

    /// Adds a problem that does not make a deploy fail.
    pub(super) fn warn(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem { status: Status::Warn, message: message.into(), hint: hint.into() });
    }

    /// Returns the verdict; `holds` is the message where there is no problem.
    pub(super) fn or(self, holds: impl Into<String>) -> Judgement {
        Ok(Verdict { holds: holds.into(), problems: self.0 })
    }
}

/// Returns the error of a rule that does not apply or lacks a fact.
pub(super) fn unknown<T>(why: impl Into<String>) -> Result<T, Unknown> {
    Err(Unknown::new(why))
}

/// Returns the names in backticks, separated by commas.
pub(super) fn quoted<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Returns the number with its noun, such as `1 task` or `2 tasks`.
pub(super) fn counted(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns the abbreviated digest: long enough to distinguish two digests.
pub(super) fn short_digest(digest: &str) -> String {
    // As many digits as `Digest::short` shows.
    const SHOWN: usize = "sha256:".len() + 12;
    match digest.get(..SHOWN) {
        Some(beginning) if digest.len() > SHOWN => format!("{beginning}…"),
        _ => digest.to_owned(),
    }
}

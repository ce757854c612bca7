//! What a rule answers: it holds, it has problems, or it cannot be judged. A fact that is missing never counts as good.

use super::Status;

/// Why something is not known, or why a rule does not apply. One clause, shown after `SKIP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Why.
    pub why: String,
    /// Whether a request had no answer. Of what runs, that is no reason to continue.
    pub has_failed: bool,
}

impl Unknown {
    /// No request was made, or the rule does not apply.
    pub fn new(why: impl Into<String>) -> Unknown {
        Unknown { why: why.into(), has_failed: false }
    }

    /// A request had no answer.
    pub fn failed(why: impl Into<String>) -> Unknown {
        Unknown { why: why.into(), has_failed: true }
    }
}

/// What a rule answers.
pub(super) type Judgement = Result<Verdict, Unknown>;

/// What a rule that could be judged found.
#[derive(Debug)]
pub(super) struct Verdict {
    /// What was compared, for the case that nothing is wrong.
    pub(super) holds: String,
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: Status,
    pub(super) message: String,
    pub(super) hint: String,
}

/// Gathers what is wrong, so that all of it is shown at once.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Something that will not work, or not safely.
    pub(super) fn fail(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem { status: Status::Fail, message: message.into(), hint: hint.into() });
    }

    /// Something that works and that somebody should know.
    pub(super) fn warn(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(Problem { status: Status::Warn, message: message.into(), hint: hint.into() });
    }

    /// The verdict; the text is the message of a rule that holds.
    pub(super) fn or(self, holds: impl Into<String>) -> Judgement {
        Ok(Verdict { holds: holds.into(), problems: self.0 })
    }
}

/// The rule does not apply, or a fact is missing.
pub(super) fn unknown<T>(why: impl Into<String>) -> Result<T, Unknown> {
    Err(Unknown::new(why))
}

/// Names in backticks, for messages.
pub(super) fn quoted<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// `1 task`, `2 tasks`.
pub(super) fn counted(number: impl Into<u64>, noun: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A digest as people compare it: enough of it to tell two apart.
pub(super) fn short_digest(digest: &str) -> String {
    // As many digits as `Digest::short` shows.
    const SHOWN: usize = "sha256:".len() + 12;
    match digest.get(..SHOWN) {
        Some(beginning) if digest.len() > SHOWN => format!("{beginning}…"),
        _ => digest.to_owned(),
    }
}

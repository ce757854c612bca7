//! The output of commands: data on stdout, progress and errors on stderr. Makes no decisions.

pub mod progress;
pub mod rollout;
pub mod timing;
pub mod trace;
pub mod transfer;

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{exit_of, hints_of};

/// The format of the output, selected by `--output`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// Text for people.
    Human,
    /// One JSON object per line on stdout; the last one is `{"event":"finished",…}`.
    Json,
}

/// The writer of a command's output. Cheap to copy: it holds settings only.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    output: Output,
    live: bool,
    /// The verb, if it runs as a part of another one: `build` within `deploy`.
    part: Option<&'static str>,
}

impl Report {
    /// Creates a report that redraws lines only if stderr is a terminal and the caller is not CI.
    pub fn new(output: Output, in_ci: bool) -> Report {
        Report { output, live: std::io::stderr().is_terminal() && !in_ci, part: None }
    }

    /// Creates a report that never redraws, for CI and for tests.
    pub fn plain(output: Output) -> Report {
        Report { output, live: false, part: None }
    }

    /// Returns the report of a verb within another one: results become details, the closing event a `part` event.
    #[must_use]
    pub fn part(&self, verb: &'static str) -> Report {
        Report { part: Some(verb), ..*self }
    }

    /// Returns whether this is the report of a part.
    pub fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// Returns whether lines may be redrawn in place.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// Prints the start of a step on stderr: `==> text`.
    pub fn step(&self, text: impl AsRef<str>) {
        self.stderr(&format!("==> {}", text.as_ref()));
    }

    /// Prints a fact about the current step on stderr, indented.
    pub fn detail(&self, text: impl AsRef<str>) {
        self.stderr(&format!("    {}", text.as_ref()));
    }

    /// Prints a warning on stderr. The command continues.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.stderr(&format!("warning: {}", text.as_ref()));
    }

    /// Prints a line of the result for people on stdout. JSON mode omits it: `event` has the same facts.
    pub fn result(&self, text: impl AsRef<str>) {
        match (self.part, self.output) {
            (Some(_), _) => self.detail(text),
            (None, Output::Human) => self.stdout(text.as_ref()),
            (None, Output::Json) => {}
        }
    }

    /// Prints the closing event: `{"event":"finished",…}`, or `{"event":"part","part":…,…}` for a part.
    pub fn closing(&self, members: Value) {
        let mut event = serde_json::Map::new();
        match self.part {
            Some(verb) => {
                event.insert("event".to_owned(), "part".into());
                event.insert("part".to_owned(), verb.into());
            }
            None => {
                event.insert("event".to_owned(), "finished".into());
            }
        }
        if let Value::Object(members) = members {
            event.extend(members);
        }
        self.event(&event);
    }

    /// Prints one JSON object on one line of stdout, in JSON mode only.
    pub fn event(&self, event: &impl Serialize) {
        if self.output == Output::Json {
            match serde_json::to_string(event) {
                Ok(line) => self.stdout(&line),
                Err(error) => self.warn(format!("an event could not be written as JSON: {error}")),
            }
        }
    }

    /// Prints the closing event of a verb that failed before it had results, in JSON mode only.
    pub fn failed(&self, error: &anyhow::Error) {
        self.closing(json!({"outcome": "failed", "error": format!("{error:#}"), "hints": hints_of(error),
            "exit_code": exit_of(error) as u8}));
    }

    /// Writes a whole line at a time, so that lines of parallel writers do not mix. A closed pipe is not a failure.
    fn stderr(&self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn stdout(&self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// Prints the error that stops a command on stderr, then a `hint:` line for each hint. A closed pipe is not a failure.
pub fn show_error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {error:#}");
    for hint in hints_of(error) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

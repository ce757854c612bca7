//! How commands speak: data on stdout, progress and errors on stderr. Nothing here decides anything.

pub mod progress;
pub mod rollout;
pub mod timing;
pub mod transfer;

use std::io::{IsTerminal, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{exit_of, hints_of};

/// What `--output` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    Human,
    /// One JSON object per line on stdout; the last one is `{"event":"finished",…}`.
    Json,
}

/// Where a command's words go. Cheap to share: it holds no state but the two choices.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    output: Output,
    live: bool,
    /// The verb whose part is spoken of, where a bigger one carries it out.
    part: Option<&'static str>,
}

impl Report {
    /// Live redraws only where stderr is a terminal and the caller is not CI.
    pub fn new(output: Output, in_ci: bool) -> Report {
        Report { output, live: std::io::stderr().is_terminal() && !in_ci, part: None }
    }

    /// A report that never redraws, for CI and for tests.
    pub fn plain(output: Output) -> Report {
        Report { output, live: false, part: None }
    }

    /// The report of a verb that a bigger one carries out: its results are details there, its closing event one of many.
    #[must_use]
    pub fn part(&self, verb: &'static str) -> Report {
        Report { part: Some(verb), ..*self }
    }

    /// Whether a bigger verb speaks.
    pub fn is_part(&self) -> bool {
        self.part.is_some()
    }

    /// Whether lines may be redrawn in place.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// A step that begins, on stderr: `==> text`.
    pub fn step(&self, text: impl AsRef<str>) {
        self.stderr(&format!("==> {}", text.as_ref()));
    }

    /// A fact about the current step, on stderr, indented.
    pub fn detail(&self, text: impl AsRef<str>) {
        self.stderr(&format!("    {}", text.as_ref()));
    }

    /// Something that does not stop the command but that the user should know, on stderr.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.stderr(&format!("warning: {}", text.as_ref()));
    }

    /// A line of the result for people, on stdout; nothing in JSON mode, where `event` says it.
    pub fn result(&self, text: impl AsRef<str>) {
        match (self.part, self.output) {
            (Some(_), _) => self.detail(text),
            (None, Output::Human) => self.stdout(text.as_ref()),
            (None, Output::Json) => {}
        }
    }

    /// The closing event: `{"event":"finished",…}`, or `{"event":"part","part":…,…}` for a part of a bigger verb.
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

    /// One JSON object on one line of stdout; nothing in human mode.
    pub fn event(&self, event: &impl Serialize) {
        if self.output == Output::Json {
            match serde_json::to_string(event) {
                Ok(line) => self.stdout(&line),
                Err(error) => self.warn(format!("an event could not be written as JSON: {error}")),
            }
        }
    }

    /// The closing event of a verb that failed before it had anything of its own to say; nothing in human mode.
    pub fn failed(&self, error: &anyhow::Error) {
        self.closing(json!({"outcome": "failed", "error": format!("{error:#}"), "hints": hints_of(error),
            "exit_code": exit_of(error) as u8}));
    }

    /// One whole line at a time, so that lines of parallel writers do not mix. A closed pipe is not our failure.
    fn stderr(&self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    fn stdout(&self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}

/// The words a command ends with when it fails, on stderr: the error, then one `hint:` line each. A closed pipe is not
/// our failure here either.
pub fn show_error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {error:#}");
    for hint in hints_of(error) {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}

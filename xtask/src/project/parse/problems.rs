//! Everything that is wrong with one file, each problem with its place, the quoted line and what to do instead.
//! Not here: what counts as wrong (the readers beside this module decide that).

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::Range;

use super::table::Entry;
use crate::error::Failure;

/// Most problems shown at once; a longer list scrolls the first ones, which are the causes, off the screen.
const SHOWN: usize = 20;

/// Most characters of a source line that are quoted.
const QUOTED_WIDTH: usize = 120;

/// Most characters of a name or value that a message repeats.
const QUOTED_VALUE: usize = 60;

/// What stands in a quoted line for text that may be a secret.
const CONCEALED: &str = "***";

/// One problem. The hint is not optional: the code that finds a problem also knows the correction.
#[derive(Debug)]
struct Problem {
    at: Range<usize>,
    message: String,
    hint: String,
}

/// The text of one file and what is wrong with it. Readers share it, so lists grow behind a shared reference.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    text: String,
    /// Further files, by the byte of `text` at which each begins.
    appended: Vec<(usize, String)>,
    list: RefCell<Vec<Problem>>,
    concealed: RefCell<Vec<Range<usize>>>,
    top: RefCell<Vec<&'static str>>,
    misplaced: RefCell<Vec<Misplaced>>,
}

/// An unknown key, kept until the keys of the whole file are known: it may be known one table further up.
#[derive(Debug)]
struct Misplaced {
    key: String,
    at: Range<usize>,
    table: String,
    is_table: bool,
    hint: String,
}

impl Problems {
    /// No problems yet. `file` is the path to print, relative to the repository root. A byte order mark is no text.
    pub(super) fn new(file: &str, text: &str) -> Problems {
        Problems {
            file: file.to_owned(),
            text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
            appended: Vec::new(),
            list: RefCell::default(),
            concealed: RefCell::default(),
            top: RefCell::default(),
            misplaced: RefCell::default(),
        }
    }

    /// Appends the text of another file, and returns the byte at which it begins.
    pub(super) fn append(&mut self, file: &str, text: &str) -> usize {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.push_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        self.appended.push((start, file.to_owned()));
        start
    }

    /// The file that has the byte, and the byte at which its text begins.
    fn file_of(&self, byte: usize) -> (usize, &str) {
        let appended = self.appended.iter().rev().find(|(start, _)| *start <= byte);
        appended.map_or((0, self.file.as_str()), |(start, file)| (*start, file.as_str()))
    }

    /// The texts of all files.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Adds a problem with the bytes it is about.
    pub(super) fn add(&self, at: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.list.borrow_mut().push(Problem { at, message: message.into(), hint: hint.into() });
    }

    /// Keeps these bytes out of every quoted line: a value in the wrong place may be a secret. A comment behind them
    /// is kept out as well, since that is where the former value is noted down.
    pub(super) fn conceal(&self, bytes: Range<usize>) {
        let rest = self.text.get(bytes.end..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let end = if rest.trim_start().starts_with('#') { bytes.end + rest.len() } else { bytes.end };
        self.concealed.borrow_mut().push(bytes.start..end);
    }

    /// A key that the file may have above all tables.
    pub(super) fn know_at_top(&self, key: &'static str) {
        self.top.borrow_mut().push(key);
    }

    /// Adds a problem: a key that `table` does not have. `hint` is for one that the top of the file does not have either.
    pub(super) fn add_unknown(&self, entry: &Entry<'_>, table: &str, hint: String) {
        self.misplaced.borrow_mut().push(Misplaced {
            key: entry.key.to_owned(),
            at: entry.key_at.clone(),
            table: table.to_owned(),
            is_table: entry.is_table(),
            hint,
        });
    }

    /// Nothing wrong: `value`; else all problems as one failure (exit code 2), in the order of the file.
    pub(super) fn into_result<T>(self, value: Option<T>) -> Result<T, Failure> {
        for Misplaced { key, at, table, is_table, hint } in self.misplaced.take() {
            let hint = match self.top.borrow().contains(&key.as_str()) {
                true if is_table => format!("it is a table of its own, not a part of `{table}`: `[{key}]`"),
                true => format!("it belongs above the first table: here it is read as a part of `{table}`"),
                false => hint,
            };
            self.add(at, format!("unknown key {}", quoted(&key)), hint);
        }
        match value {
            Some(value) if self.list.borrow().is_empty() => Ok(value),
            _ => Err(self.into_failure()),
        }
    }

    fn into_failure(self) -> Failure {
        let mut list = self.list.take();
        list.sort_by_key(|problem| (problem.at.start, problem.at.end));
        if let [only] = list.as_slice() {
            return Failure::usage(self.render(only)).hint(visible(&only.hint));
        }
        let mut text = String::new();
        for problem in list.iter().take(SHOWN) {
            let _ = write!(text, "{}\nhint: {}\n\n", self.render(problem), visible(&problem.hint));
        }
        let _ = match list.len().saturating_sub(SHOWN) {
            0 => write!(text, "{} errors in `{}`", list.len(), self.file),
            more => write!(text, "and {more} more: {} errors in `{}`", list.len(), self.file),
        };
        Failure::usage(text)
    }

    /// `file:line:column: message`, then the line with the place underlined. Lines and columns count from 1, columns
    /// in characters.
    fn render(&self, problem: &Problem) -> String {
        let start = self.outside_secrets(floor(&self.text, problem.at.start));
        let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |newline| start + newline);
        let (file_start, file) = self.file_of(line_start);
        let number = self.text[file_start..line_start].matches('\n').count() + 1;
        let column = self.text[line_start..start].chars().count() + 1;
        let marked_end = floor(&self.text, problem.at.end).clamp(start, line_end);

        let before = self.shown(line_start, start).len();
        let marked = self.shown(start, marked_end).len().max(1);
        let skipped = if before + marked > QUOTED_WIDTH { before.saturating_sub(QUOTED_WIDTH / 2) } else { 0 };
        let line: String = self.shown(line_start, line_end).into_iter().skip(skipped).take(QUOTED_WIDTH).collect();
        let indent = before - skipped;
        let marked = marked.min(QUOTED_WIDTH.saturating_sub(indent).max(1));

        let gutter = " ".repeat(number.to_string().len());
        let message = visible(&problem.message);
        let quote = format!("{number} | {line}");
        let marks = format!("{}{}", " ".repeat(indent), "^".repeat(marked));
        format!("{file}:{number}:{column}: {message}\n{gutter} |\n{}\n{gutter} | {marks}", quote.trim_end())
    }

    /// The characters of a part of a line as they may be shown: one column each, no control characters. What is
    /// concealed is always as long, since a secret's length is part of it.
    fn shown(&self, start: usize, end: usize) -> Vec<char> {
        let mut shown = Vec::new();
        let mut hidden_until = 0;
        for (offset, character) in self.text[start..end].char_indices() {
            let byte = start + offset;
            if let Some(range) = self.concealed.borrow().iter().find(|range| range.contains(&byte)) {
                if byte >= hidden_until {
                    shown.extend(CONCEALED.chars());
                }
                hidden_until = hidden_until.max(range.end);
                continue;
            }
            shown.push(match character {
                '\t' | '\r' => ' ',
                character if is_unprintable(character) => '?',
                character => character,
            });
        }
        shown
    }

    /// A place inside concealed bytes moves to their beginning.
    fn outside_secrets(&self, byte: usize) -> usize {
        let concealed = self.concealed.borrow();
        let around = concealed.iter().filter(|range| range.contains(&byte) || range.end == byte);
        around.map(|range| floor(&self.text, range.start)).min().unwrap_or(byte)
    }
}

/// The nearest character boundary at or before `byte`: spans come from another crate and are not trusted to be inside.
fn floor(text: &str, byte: usize) -> usize {
    let byte = byte.min(text.len());
    (0..=byte).rev().find(|candidate| text.is_char_boundary(*candidate)).unwrap_or(0)
}

/// The text without control characters, so that no file can steer the terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Control characters, and those that change the direction in which a terminal writes.
fn is_unprintable(character: char) -> bool {
    let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || turns
}

/// A name or value between backticks, shortened where it is long.
pub(super) fn quoted(value: &str) -> String {
    match value.char_indices().nth(QUOTED_VALUE) {
        Some((end, _)) => format!("`{}...`", &value[..end]),
        None => format!("`{value}`"),
    }
}

/// The values between backticks, in one line: `a`, `b` and `c`.
pub(super) fn listed<T: AsRef<str>>(values: &[T]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| quoted(value.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

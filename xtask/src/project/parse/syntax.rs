//! TOML text → spanned tables. A syntax error is one problem, the first: what follows it is guesswork. A key given
//! twice is a problem of its own, and the rest of the file is still checked.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, Error};

use super::problems::{Problems, quoted};
use super::variables;

/// The document, where the text is TOML.
pub(super) fn parse(problems: &Problems) -> Option<Spanned<DeTable<'_>>> {
    parse_text(problems.text(), problems)
}

/// The document of a text whose places are those of `problems`.
pub(super) fn parse_text<'t>(text: &'t str, problems: &Problems) -> Option<Spanned<DeTable<'t>>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    match errors.iter().find(|error| !is_duplicate(error)) {
        Some(error) => {
            refuse(error, problems);
            None
        }
        None => {
            refuse_duplicates(&errors, problems);
            Some(document)
        }
    }
}

fn is_duplicate(error: &Error) -> bool {
    error.message().starts_with("duplicate key")
}

/// A header given twice makes duplicates of all that follows it up to the next header: the header is reported alone.
fn refuse_duplicates(errors: &[Error], problems: &Problems) {
    let mut header = None;
    for error in errors {
        let at = error.span().unwrap_or_default().start;
        let (line_at, line) = line_of(problems.text(), at);
        if line.trim_start().starts_with('[') {
            header = Some(line_at.end);
        } else if header.is_some_and(|header| problems.text().get(header..at).is_some_and(|text| !has_header(text))) {
            continue;
        }
        refuse(error, problems);
    }
}

fn has_header(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('['))
}

fn refuse(error: &Error, problems: &Problems) {
    let text = problems.text();
    let at = error.span().unwrap_or(text.len()..text.len());
    let (line_at, line) = line_of(text, at.start);
    if let Some(bytes) = may_be_secret(text, &line_at) {
        problems.conceal(bytes);
    }
    if is_duplicate(error) {
        let key = text.get(at.clone()).unwrap_or_default();
        let hint = if line.trim_start().starts_with('[') { "write one table" } else { "keep one of the two" };
        problems.add(at, format!("duplicate key {}", quoted(key)), hint);
    } else if let Some((key, digits)) = leading_zero(line) {
        let start = line_at.start + line.find(digits).unwrap_or_default();
        let hint = format!("quote it: leading zeros count: `{key} = \"{digits}\"`");
        problems.add(start..start + digits.len(), "not TOML: a number with leading zeros", hint);
    } else {
        let hint = "strings stand between quotes, tables begin with `[name]`, everything else reads `key = value`";
        problems.add(at, format!("not TOML: {}", error.message()), hint);
    }
}

/// The line around a byte, with its place.
fn line_of(text: &str, byte: usize) -> (Range<usize>, &str) {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if byte < start + line.len() {
            return (start..start + line.len(), line);
        }
        start += line.len();
    }
    let start = text.rfind('\n').map_or(0, |newline| newline + 1);
    (start..text.len(), text.get(start..).unwrap_or_default())
}

/// `account = 012345678901` is no TOML. What was meant is plain to see.
fn leading_zero(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split('#').next()?.split_once('=')?;
    let (key, digits) = (key.trim(), value.trim());
    let applies = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    applies.then_some((key, digits))
}

/// The part of a line that no message may show. There are no tables to ask, so the text must tell: a value whose key
/// looks like a secret's, and all that stands under a `secrets` header or in a string that goes on for lines.
fn may_be_secret(text: &str, line_at: &Range<usize>) -> Option<Range<usize>> {
    let line = text.get(line_at.clone())?;
    let before = text.get(..line_at.start)?;
    let is_header = line.trim_start().starts_with('[');
    let header = before.lines().rev().find(|line| line.trim_start().starts_with('[')).unwrap_or_default();
    let in_secrets = !is_header && header.contains("secrets");
    let in_long_string = before.matches("\"\"\"").count() % 2 == 1 || before.matches("'''").count() % 2 == 1;
    match line.split_once('=') {
        _ if in_long_string => Some(line_at.clone()),
        Some((key, value))
            if in_secrets
                || key.contains("secrets")
                || key.split('.').any(variables::looks_secret)
                || variables::carries_secret(value) =>
        {
            let space = value.len() - value.trim_start().len();
            Some(line_at.start + key.len() + 1 + space..line_at.end)
        }
        None if in_secrets => Some(line_at.clone()),
        _ => None,
    }
}

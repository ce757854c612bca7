//! What a container wrote last, and the one line of it that says what went wrong.

use serde_json::Value;

use super::Evidence;
use crate::ecs::{LogLine, Task};

/// Longest line that is quoted in a sentence, in characters.
const LONGEST: usize = 300;

/// Lines of a container of a task.
pub(super) fn of<'e>(evidence: &'e Evidence<'_>, task: &Task, container: &str) -> Option<&'e [LogLine]> {
    evidence.lines.get(&(task.id().to_owned(), container.to_owned())).map(Vec::as_slice)
}

/// The line that says what went wrong: the last one of a traceback, else the last that is not empty.
pub(super) fn telling(lines: &[LogLine]) -> Option<String> {
    let texts: Vec<String> = lines.iter().flat_map(|line| readable(&line.message)).collect();
    let of_traceback = texts.iter().rposition(|text| text.starts_with("Traceback (most recent call last)"));
    let telling = of_traceback.and_then(|at| texts.iter().skip(at + 1).find(|text| is_exception(text)));
    let last = || texts.iter().rev().find(|text| !text.trim().is_empty());
    let line = telling.or_else(last)?;
    Some(line.trim().chars().take(LONGEST).collect())
}

/// Whether any line has this in it.
pub(super) fn says(lines: &[LogLine], words: &str) -> bool {
    lines.iter().any(|line| line.message.contains(words))
}

/// `ModuleNotFoundError: No module named 'x'`: at the margin, a dotted name, then a colon or nothing.
fn is_exception(text: &str) -> bool {
    let name = text.split(':').next().unwrap_or_default();
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_');
    !text.starts_with(' ') && !name.is_empty() && name.chars().all(is_name) && name.starts_with(char::is_alphabetic)
}

/// A line for people: of one in JSON, its message and its exception.
fn readable(message: &str) -> Vec<String> {
    let parsed: Option<Value> = serde_json::from_str(message).ok();
    let Some(object) = parsed.as_ref().and_then(Value::as_object) else {
        return message.lines().map(str::to_owned).collect();
    };
    let texts = ["message", "exception", "exc_info"].iter().filter_map(|member| object.get(*member)?.as_str());
    texts.flat_map(str::lines).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{LogLine, telling};

    fn check(lines: &[&str], expected: Option<&str>) {
        let lines: Vec<_> =
            lines.iter().map(|line| LogLine { message: (*line).to_owned(), ..LogLine::default() }).collect();
        assert_eq!(telling(&lines).as_deref(), expected);
    }

    #[test]
    fn the_exception_of_a_traceback_wins_over_what_comes_after_it() {
        let traceback = [
            "Traceback (most recent call last):",
            "  File \"x.py\", line 1",
            "    import y",
            "ModuleNotFoundError: No module named 'y'",
        ];
        check(&traceback, Some("ModuleNotFoundError: No module named 'y'"));
        check(&[&traceback[..], &["goodbye"]].concat(), Some("ModuleNotFoundError: No module named 'y'"));
        check(&["one", "two", ""], Some("two"));
        check(&[], None);
    }

    #[test]
    fn lines_in_json_are_read() {
        let line = r#"{"level":"ERROR","message":"it failed","exception":"Traceback (most recent call last):\n  File\ndjango.db.utils.OperationalError: no such table"}"#;
        check(&[line], Some("django.db.utils.OperationalError: no such table"));
        check(&[r#"{"level":"INFO","message":"plain"}"#], Some("plain"));
    }
}

//! One pattern of a `.dockerignore` file or of a `COPY` source, compiled once and matched against slash-separated
//! paths. Behaves as BuildKit's matcher, including its differences from a shell. Not here: `!`, order and parents.

use std::fmt;

/// A compiled pattern. Matches whole paths; callers handle the paths below a matched directory.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Kind);

/// Kind of a pattern. BuildKit has fast paths for simple patterns, with semantics of their own (`foo**` matches every
/// path that starts with `foo`). They are therefore part of the rules, not only an optimization.
#[derive(Clone, Debug)]
enum Kind {
    Exact(String),
    Prefix(String),
    Suffix(String),
    /// `head`, `tail` and `needle` are literals that a matching path starts with, ends with and contains. Almost every
    /// path fails one of these checks before the steps are run.
    Program {
        head: String,
        tail: String,
        needle: String,
        steps: Vec<Step>,
    },
}

#[derive(Clone, Debug)]
enum Step {
    Char(char),
    /// `?`: one character except a slash.
    One,
    /// `*`: any number of characters except slashes.
    Star,
    /// `**/`: the empty text, or any text up to a slash. Always followed by `DeepLoop`.
    Deep,
    DeepLoop,
    /// `**` at the end.
    Rest,
    /// `[…]`. As in BuildKit, a class may match a slash.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// The reason why a pattern is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// BuildKit rejects it too.
    Syntax,
    /// BuildKit's documentation and its matcher disagree on the meaning.
    Ambiguous(char),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Syntax => f.write_str("syntax error in pattern (an unclosed `[`, an empty class or a last `\\`)"),
            Invalid::Ambiguous(c) => {
                write!(f, "`{c}` here has no single meaning in Docker: its documentation and its matcher differ")
            }
        }
    }
}

impl Pattern {
    /// Compiles a pattern that `clean` has normalized.
    pub(crate) fn compile(text: &str) -> Result<Pattern, Invalid> {
        #[derive(PartialEq)]
        enum Shape {
            Exact,
            Prefix,
            Suffix,
            Program,
        }
        let mut shape = Shape::Exact;
        let mut caret = false;
        let mut steps = Vec::new();
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.next_if_eq(&'*').is_some() => {
                    chars.next_if_eq(&'/');
                    if chars.peek().is_some() {
                        steps.extend([Step::Deep, Step::DeepLoop]);
                        shape = Shape::Program;
                    } else if shape == Shape::Exact {
                        shape = Shape::Prefix;
                    } else {
                        steps.push(Step::Rest);
                        shape = Shape::Program;
                    }
                    if first {
                        shape = Shape::Suffix;
                    }
                }
                '*' => {
                    steps.push(Step::Star);
                    shape = Shape::Program;
                }
                '?' => {
                    steps.push(Step::One);
                    shape = Shape::Program;
                }
                '\\' => {
                    steps.push(Step::Char(escaped(chars.next())?));
                    shape = Shape::Program;
                }
                '[' => {
                    steps.push(class(&mut chars)?);
                    shape = Shape::Program;
                }
                ']' => {
                    steps.push(Step::Char(c));
                    shape = Shape::Program;
                }
                _ => {
                    caret |= c == '^';
                    steps.push(Step::Char(c));
                }
            }
            first = false;
        }
        Ok(Pattern(match shape {
            Shape::Exact => Kind::Exact(text.to_owned()),
            Shape::Prefix => Kind::Prefix(text.trim_end_matches('/').strip_suffix("**").unwrap_or(text).to_owned()),
            Shape::Suffix => Kind::Suffix(text.strip_prefix("**").unwrap_or(text).to_owned()),
            // The matcher passes `^` to a regular expression, where it is not a literal.
            Shape::Program if caret => return Err(Invalid::Ambiguous('^')),
            Shape::Program => {
                let literal = |step: &Step| if let Step::Char(c) = step { Some(*c) } else { None };
                let head: String = steps.iter().map_while(literal).collect();
                let mut tail: Vec<char> = steps.iter().rev().map_while(literal).collect();
                tail.reverse();
                let runs = steps.split(|step| literal(step).is_none());
                let needle = runs.max_by_key(|run| run.len()).unwrap_or_default().iter().filter_map(literal).collect();
                Kind::Program { head, tail: tail.into_iter().collect(), needle, steps }
            }
        }))
    }

    /// Returns whether the whole path matches. The path is relative, slash-separated, without `.` and `..`.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match &self.0 {
            Kind::Exact(text) => path == text,
            Kind::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Kind::Suffix(suffix) => path.ends_with(suffix.as_str()) || suffix.strip_prefix('/') == Some(path),
            Kind::Program { head, tail, needle, steps } => {
                path.starts_with(head.as_str())
                    && path.ends_with(tail.as_str())
                    && path.contains(needle.as_str())
                    && run(steps, path).get(steps.len()).copied().unwrap_or(false)
            }
        }
    }

    /// Returns whether a path below the directory could match. A wrong `true` is possible, a wrong `false` is not.
    pub(crate) fn can_match_below(&self, directory: &str) -> bool {
        let below = |text: &str| text.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
        match &self.0 {
            Kind::Exact(text) => below(text),
            Kind::Prefix(prefix) => below(prefix) || format!("{directory}/").starts_with(prefix.as_str()),
            Kind::Suffix(_) => true,
            Kind::Program { steps, .. } => run(steps, &format!("{directory}/")).contains(&true),
        }
    }
}

/// Parses the character after a backslash. By Go's rules a letter or digit there is a literal; in the regular
/// expression that BuildKit builds from the pattern it is a character class.
fn escaped(c: Option<char>) -> Result<char, Invalid> {
    match c {
        None => Err(Invalid::Syntax),
        Some(c) if c.is_ascii_alphanumeric() => Err(Invalid::Ambiguous(c)),
        Some(c) => Ok(c),
    }
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Step, Invalid> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges: Vec<(char, char)> = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Step::Class { negated, ranges });
        }
        let low = class_char(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() { class_char(chars)? } else { low };
        if low > high {
            return Err(Invalid::Syntax);
        }
        ranges.push((low, high));
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, Invalid> {
    match chars.next() {
        None | Some('-' | ']') => Err(Invalid::Syntax),
        Some('\\') => escaped(chars.next()),
        // BuildKit translates these before it parses brackets.
        Some(c @ ('*' | '?')) => Err(Invalid::Ambiguous(c)),
        // In its regular expressions `[:` opens a named class.
        Some('[') if chars.peek() == Some(&':') => Err(Invalid::Ambiguous(':')),
        Some(c) => Ok(c),
    }
}

/// Returns the steps reached after the text: one flag for each step and one for the end.
fn run(steps: &[Step], text: &str) -> Vec<bool> {
    let mut now = vec![false; steps.len() + 1];
    let mut next = now.clone();
    reach(steps, &mut now, 0);
    for c in text.chars() {
        next.fill(false);
        for (at, step) in steps.iter().enumerate().filter(|(at, _)| now.get(*at) == Some(&true)) {
            match step {
                Step::Char(wanted) if *wanted == c => reach(steps, &mut next, at + 1),
                Step::One if c != '/' => reach(steps, &mut next, at + 1),
                Step::Star if c != '/' => reach(steps, &mut next, at),
                Step::DeepLoop if c != '\n' => {
                    reach(steps, &mut next, at);
                    if c == '/' {
                        reach(steps, &mut next, at + 1);
                    }
                }
                Step::Rest if c != '\n' => reach(steps, &mut next, at),
                Step::Class { negated, ranges }
                    if ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated =>
                {
                    reach(steps, &mut next, at + 1);
                }
                _ => {}
            }
        }
        std::mem::swap(&mut now, &mut next);
        if !now.contains(&true) {
            break;
        }
    }
    now
}

/// Marks a step and those that follow it without consuming a character.
fn reach(steps: &[Step], set: &mut [bool], at: usize) {
    let Some(flag) = set.get_mut(at) else { return };
    if std::mem::replace(flag, true) {
        return;
    }
    match steps.get(at) {
        Some(Step::Star | Step::Rest) => reach(steps, set, at + 1),
        Some(Step::Deep) => {
            reach(steps, set, at + 1);
            reach(steps, set, at + 2);
        }
        _ => {}
    }
}

/// Returns the shortest equal path by text alone: no empty part, no `.`, `..` resolved if possible. Empty becomes `.`.
pub(crate) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Invalid, Pattern, clean};

    #[test]
    fn matches_whole_paths() {
        for (pattern, path, expected) in [
            ("a", "a", true),
            ("a", "a/b", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("a*c", "abbc", true),
            ("a?c", "a/c", false),
            ("**", "a/b/c", true),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "ac", false),
            ("**c", "a/xc", true),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a**", "ab/c", true),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("a/**/c", "ac", false),
            ("**/*.py[co]", "a/b.pyc", true),
            ("**/*.py[co]", "a/b.py", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "aab", false),
            ("a.b", "axb", false),
            ("é?", "éé", true),
            ("[[]a]", "[a]", true),
        ] {
            let compiled = Pattern::compile(pattern).unwrap();
            assert_eq!(compiled.matches(path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn prunes_directories_without_matches() {
        for (pattern, directory, expected) in [
            ("a/b", "a", true),
            ("a/b", "b", false),
            ("a/*/c", "a", true),
            ("a/*/c", "a/x", true),
            ("a/*/c", "a/x/y", false),
            ("**/c", "x/y", true),
            ("a/**", "a/b/c", true),
            ("a*", "a", false),
            ("[ab]/c", "b", true),
            ("[ab]/c", "c", false),
        ] {
            assert_eq!(
                Pattern::compile(pattern).unwrap().can_match_below(directory),
                expected,
                "{pattern} {directory}"
            );
        }
    }

    #[test]
    fn rejects_invalid_and_ambiguous_patterns() {
        for bad in ["[", "[a", "[]a]", "[a-]", "[-a]", "a\\", "[z-a]"] {
            assert_eq!(Pattern::compile(bad).unwrap_err(), Invalid::Syntax, "{bad}");
        }
        for (bad, c) in [("\\d", 'd'), ("[*]", '*'), ("[[:x]", ':'), ("^a*", '^'), ("[\\w]", 'w')] {
            assert_eq!(Pattern::compile(bad).unwrap_err(), Invalid::Ambiguous(c), "{bad}");
        }
    }

    #[test]
    fn cleans_paths_by_text() {
        for (path, expected) in [
            ("", "."),
            (".", "."),
            ("./a/", "a"),
            ("a//b/./c", "a/b/c"),
            ("/../a", "/a"),
            ("a/../..", ".."),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}

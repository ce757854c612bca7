//! A Dockerfile's text as instructions: directives, comments, continued lines and here-documents, as BuildKit reads
//! them. The published parser supports a here-document only as the first word of `RUN`, and reads the body of
//! `RUN cat <<EOF >file` as instructions; hence this parser. Not here: the meaning of instructions.

use camino::Utf8Path;

use crate::error::Failure;

/// One instruction, with continued lines joined and here-documents removed.
#[derive(Clone, Debug)]
pub(crate) struct Instruction {
    /// In upper case.
    pub(crate) keyword: String,
    /// The text after the keyword, without surrounding space.
    pub(crate) rest: String,
    /// Line of the keyword, from 1.
    pub(crate) line: usize,
}

/// The directives and instructions of one file.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) escape: char,
    pub(crate) syntax: Option<String>,
    pub(crate) instructions: Vec<Instruction>,
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Splits a Dockerfile. Fails with file and line where BuildKit would fail too.
pub(crate) fn read(text: &str, path: &Utf8Path) -> Result<Lines, Failure> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (escape, syntax) = directives(text, path)?;
    let mut instructions = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let first = first.trim_start();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let mut joined = String::new();
        let mut current = first;
        loop {
            let Some(continued) = without_continuation(current, escape) else {
                joined.push_str(current);
                break;
            };
            joined.push_str(continued);
            // Comments and empty lines inside a continued instruction are skipped.
            let next = lines.by_ref().map(|(_, line)| line).find(|line| {
                let line = line.trim_start();
                !line.is_empty() && !line.starts_with('#')
            });
            let Some(next) = next else { break };
            current = next;
        }
        let joined = joined.trim();
        let (keyword, rest) = joined.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((joined, ""));
        let (keyword, rest, line) = (keyword.to_ascii_uppercase(), rest.trim().to_owned(), number + 1);
        if !KEYWORDS.contains(&keyword.as_str()) {
            return Err(Failure::usage(format!("{path}:{line}: unknown instruction `{keyword}`")));
        }
        for delimiter in here_documents(&keyword, &rest, escape) {
            let end = lines.by_ref().find(|(_, line)| delimiter.ends_at(line));
            if end.is_none() {
                return Err(Failure::usage(format!(
                    "{path}:{line}: the here-document `{}` does not end",
                    delimiter.name
                )));
            }
        }
        instructions.push(Instruction { keyword, rest, line });
    }
    Ok(Lines { escape, syntax, instructions })
}

/// Parses the `# key=value` lines at the start of the file. The first other line ends them.
fn directives(text: &str, path: &Utf8Path) -> Result<(char, Option<String>), Failure> {
    let (mut escape, mut syntax) = ('\\', None);
    for (number, line) in text.lines().enumerate() {
        let Some((key, value)) = line.trim_start().strip_prefix('#').and_then(|comment| comment.split_once('=')) else {
            break;
        };
        match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("escape", "\\") => escape = '\\',
            ("escape", "`") => escape = '`',
            ("escape", other) => {
                return Err(Failure::usage(format!("{path}:{}: `{other}` cannot be the escape character", number + 1)));
            }
            ("syntax", image) => syntax = Some(image.to_owned()),
            (key, _) if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric()) => {}
            _ => break,
        }
    }
    Ok((escape, syntax))
}

/// Returns the line without its last escape character if that continues the line, which it does unless it is escaped
/// itself.
fn without_continuation(line: &str, escape: char) -> Option<&str> {
    let line = line.trim_end_matches([' ', '\t', '\r']).strip_suffix(escape)?;
    if line.ends_with(escape) { None } else { Some(line) }
}

struct Delimiter {
    name: String,
    /// `<<-`: leading tabs are removed.
    tabs: bool,
}

impl Delimiter {
    fn ends_at(&self, line: &str) -> bool {
        let line = line.trim_end_matches('\r');
        if self.tabs { line.trim_start_matches('\t') == self.name } else { line == self.name }
    }
}

fn here_documents(keyword: &str, rest: &str, escape: char) -> Vec<Delimiter> {
    match keyword {
        "ADD" | "COPY" | "RUN" => words(rest, escape).iter().filter_map(|word| delimiter(word, escape)).collect(),
        "ONBUILD" => {
            let (inner, rest) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
            let inner = inner.to_ascii_uppercase();
            if inner == "ONBUILD" { Vec::new() } else { here_documents(&inner, rest, escape) }
        }
        _ => Vec::new(),
    }
}

/// Returns whether a word opens a here-document: digits, `<<`, an optional `-`, and a name without `<`.
pub(crate) fn is_here_document(word: &str, escape: char) -> bool {
    delimiter(word, escape).is_some()
}

fn delimiter(word: &str, escape: char) -> Option<Delimiter> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (tabs, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let mut name = String::new();
    let mut quote = None;
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(open) if c == open => quote = None,
            Some('\'') => name.push(c),
            _ if c == escape => name.extend(chars.next()),
            _ => name.push(c),
        }
    }
    (quote.is_none() && !name.is_empty()).then_some(Delimiter { name, tabs })
}

/// Splits at white space outside quotes and braces. Quotes and escapes stay in the words.
pub(crate) fn words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut depth) = (None, 0_usize);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match quote {
            None if depth == 0 && c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '$' && chars.peek() == Some(&'{') => depth += 1,
            None if c == '}' => depth = depth.saturating_sub(1),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        word.push(c);
        if c == escape && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::read;

    fn list(text: &str) -> Vec<String> {
        let lines = read(text, "Dockerfile".into()).unwrap();
        lines.instructions.iter().map(|i| format!("{}:{} {}", i.line, i.keyword, i.rest)).collect()
    }

    #[test]
    fn reads_comments_continuations_and_here_documents() {
        for (text, expected) in [
            ("from a\n\n# c\n  copy  x   y  \n", vec!["1:FROM a", "4:COPY x   y"]),
            ("RUN a \\\n  # c\n\n  b \\ \n c\nCMD x", vec!["1:RUN a   b  c", "6:CMD x"]),
            ("RUN a \\\\\nCMD x", vec!["1:RUN a \\\\", "2:CMD x"]),
            ("# escape=`\nRUN a `\n b\nRUN c \\\nCMD d", vec!["2:RUN a  b", "4:RUN c \\", "5:CMD d"]),
            ("RUN cat <<EOF >f && x\nCOPY a b\nEOF\nCMD x", vec!["1:RUN cat <<EOF >f && x", "4:CMD x"]),
            ("RUN <<-\"E F\"\nFROM a\n\tE F\nCMD x", vec!["1:RUN <<-\"E F\"", "4:CMD x"]),
            ("COPY <<a <<b /d/\nFROM\na\nFROM\nb\nCMD x", vec!["1:COPY <<a <<b /d/", "6:CMD x"]),
            ("RUN x '<<EOF' y<<Z <<<w\nCMD x", vec!["1:RUN x '<<EOF' y<<Z <<<w", "2:CMD x"]),
            ("ONBUILD RUN <<E\nFROM a\nE\nCMD x", vec!["1:ONBUILD RUN <<E", "4:CMD x"]),
            ("\u{feff}FROM a\r\nRUN b \\\r\n c\r\n", vec!["1:FROM a", "2:RUN b  c"]),
        ] {
            assert_eq!(list(text), expected, "{text:?}");
        }
    }

    #[test]
    fn rejects_unreadable_text_with_line() {
        for (text, expected) in [
            ("FROM a\nCOPPY x y", "Dockerfile:2: unknown instruction `COPPY`"),
            ("RUN <<EOF\nx\n", "Dockerfile:1: the here-document `EOF` does not end"),
            ("# escape=x\nFROM a", "Dockerfile:1: `x` cannot be the escape character"),
        ] {
            assert_eq!(read(text, "Dockerfile".into()).unwrap_err().to_string(), expected);
        }
    }
}

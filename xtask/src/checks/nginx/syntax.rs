//! nginx's grammar: words, quotes, comments, blocks, and `include` among the given texts. Directives are not
//! interpreted here.

use std::collections::BTreeMap;

/// Maximum depth of `include`. nginx has no limit; this one stops cyclic includes.
const DEEPEST: usize = 20;

/// A directive with its arguments and block.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    /// Its first word.
    pub(super) name: String,
    /// The words after it, without quotes.
    pub(super) arguments: Vec<String>,
    /// The directives in its block.
    pub(super) block: Vec<Directive>,
    /// File and line.
    pub(super) place: String,
}

impl Directive {
    /// Returns the first argument, or an empty string.
    pub(super) fn first(&self) -> &str {
        self.argument(0)
    }

    /// Returns an argument, or an empty string.
    pub(super) fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map(String::as_str).unwrap_or_default()
    }

    /// Returns an error message with the place of the directive.
    pub(super) fn wrong(&self, why: &str) -> String {
        format!("{}: `{} {}` {why}", self.place, self.name, self.arguments.join(" "))
    }
}

/// Reads a file of `texts` and replaces each `include` with the directives of its files.
pub(super) fn read(name: &str, texts: &BTreeMap<String, String>) -> Result<Vec<Directive>, String> {
    file(name, texts, 0)
}

fn file(name: &str, texts: &BTreeMap<String, String>, depth: usize) -> Result<Vec<Directive>, String> {
    if depth > DEEPEST {
        return Err(format!("{name}: files include each other without end"));
    }
    let text = texts.get(name).ok_or_else(|| format!("{name}: there is no such file"))?;
    let mut reader = Reader { name, tokens: tokens(name, text)?.into_iter(), texts, depth };
    let (directives, closed) = reader.block()?;
    match closed {
        Some(line) => Err(format!("{name}:{line}: `}}` closes nothing")),
        None => Ok(directives),
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

struct Reader<'a> {
    name: &'a str,
    tokens: std::vec::IntoIter<(usize, Token)>,
    texts: &'a BTreeMap<String, String>,
    depth: usize,
}

impl Reader<'_> {
    /// Reads directives up to the end, or up to the line of a closing brace.
    fn block(&mut self) -> Result<(Vec<Directive>, Option<usize>), String> {
        let mut found = Vec::new();
        let mut words: Vec<String> = Vec::new();
        let mut begun = 0;
        while let Some((line, token)) = self.tokens.next() {
            let place = format!("{}:{}", self.name, if words.is_empty() { line } else { begun });
            match token {
                Token::Word(word) => {
                    if words.is_empty() {
                        begun = line;
                    }
                    words.push(word);
                }
                Token::Close if words.is_empty() => return Ok((found, Some(line))),
                Token::Close => return Err(format!("{place}: `{}` has no `;`", words.join(" "))),
                Token::End | Token::Open => {
                    let mut rest = std::mem::take(&mut words).into_iter();
                    let Some(name) = rest.next() else { return Err(format!("{place}: a directive has no name")) };
                    let arguments: Vec<String> = rest.collect();
                    let block = match token {
                        Token::Open => self.inner(&place, &name)?,
                        _ => Vec::new(),
                    };
                    if name == "include" {
                        found.extend(self.included(arguments.first().map(String::as_str).unwrap_or_default())?);
                    } else {
                        found.push(Directive { name, arguments, block, place });
                    }
                }
            }
        }
        match words.first() {
            Some(word) => Err(format!("{}:{begun}: `{word}` does not end", self.name)),
            None => Ok((found, None)),
        }
    }

    fn inner(&mut self, place: &str, name: &str) -> Result<Vec<Directive>, String> {
        let (block, closed) = self.block()?;
        if closed.is_none() {
            return Err(format!("{place}: the block of `{name}` does not end"));
        }
        Ok(block)
    }

    /// Returns the directives of the included files. Files of the base image, such as `mime.types`, are skipped.
    fn included(&self, pattern: &str) -> Result<Vec<Directive>, String> {
        let pattern = pattern.trim_start_matches("/etc/nginx/");
        let fits = |name: &&String| match pattern.split_once('*') {
            Some((before, after)) => {
                name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
            }
            None => name.as_str() == pattern,
        };
        let mut found = Vec::new();
        for name in self.texts.keys().filter(fits) {
            found.extend(file(name, self.texts, self.depth + 1)?);
        }
        Ok(found)
    }
}

fn tokens(name: &str, text: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' => line += 1,
            c if c.is_whitespace() => {}
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            ';' => tokens.push((line, Token::End)),
            '{' => tokens.push((line, Token::Open)),
            '}' => tokens.push((line, Token::Close)),
            quote @ ('"' | '\'') => {
                let (begun, mut word, mut closed) = (line, String::new(), false);
                while let Some(c) = chars.next() {
                    match c {
                        c if c == quote => {
                            closed = true;
                            break;
                        }
                        '\\' => word.extend(escaped(chars.next())),
                        c => {
                            line += usize::from(c == '\n');
                            word.push(c);
                        }
                    }
                }
                if !closed {
                    return Err(format!("{name}:{begun}: a quotation mark is not closed"));
                }
                tokens.push((begun, Token::Word(word)));
            }
            first => {
                let mut word = String::new();
                let mut next = Some(first);
                while let Some(c) = next {
                    word.push(c);
                    // A brace belongs to the word in `${name}` and, escaped, in an expression.
                    if c == '\\' {
                        word.extend(chars.next());
                    }
                    let braced = c == '$' && chars.peek() == Some(&'{');
                    if braced {
                        for c in chars.by_ref() {
                            word.push(c);
                            if c == '}' {
                                break;
                            }
                        }
                    }
                    next = chars.next_if(|c| !c.is_whitespace() && !matches!(c, ';' | '{' | '}'));
                }
                tokens.push((line, Token::Word(word)));
            }
        }
    }
    Ok(tokens)
}

/// Returns the characters of an escape. A backslash before a quote or another backslash is removed, and kept otherwise.
fn escaped(next: Option<char>) -> impl Iterator<Item = char> {
    let kept = next.filter(|c| !matches!(c, '"' | '\'' | '\\')).map(|_| '\\');
    kept.into_iter().chain(next)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Directive, read};

    fn show(directives: &[Directive]) -> String {
        let one = |at: &Directive| {
            let inner = if at.block.is_empty() { String::new() } else { format!("{{{}}}", show(&at.block)) };
            format!("{}[{}]{inner}", at.name, at.arguments.join("|"))
        };
        directives.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn check(text: &str, expected: &str) {
        let texts = BTreeMap::from([
            ("f".to_owned(), text.to_owned()),
            ("snippets/a.conf".to_owned(), "a 1;".to_owned()),
            ("snippets/b.conf".to_owned(), "b {\n include snippets/a.conf; }".to_owned()),
            ("circle".to_owned(), "include circle;".to_owned()),
        ]);
        let found = read("f", &texts).map_or_else(|error| error, |found| show(&found));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn directives_blocks_quotes_and_comments() {
        check("a b  c; # d; \n e;", "a[b|c] e[]");
        check("a { b 1; c { d; } }", "a[]{b[1] c[]{d[]}}");
        check("a \"b ; c\" 'd\\'e' \"\\.\";", "a[b ; c|d'e|\\.]");
        check("a ${b}c d\\;e;", "a[${b}c|d\\;e]");
        check("map $x $y { default 0; \"~^(?<n>[a]{2})$\" 1; }", "map[$x|$y]{default[0] ~^(?<n>[a]{2})$[1]}");
    }

    #[test]
    fn includes_are_put_in_place_and_files_of_the_base_are_left_out() {
        check("include snippets/*.conf; include mime.types;", "a[1] b[]{a[1]}");
        check("x { include /etc/nginx/snippets/a.conf; }", "x[]{a[1]}");
        check("include circle;", "circle: files include each other without end");
    }

    #[test]
    fn what_is_no_configuration_names_its_line() {
        check("a {\n b;", "f:1: the block of `a` does not end");
        check("a;\n}", "f:2: `}` closes nothing");
        check("a {\n b }", "f:2: `b` has no `;`");
        check("a;\nb", "f:2: `b` does not end");
        check("a\n \"b;", "f:2: a quotation mark is not closed");
        check(";", "f:1: a directive has no name");
    }
}

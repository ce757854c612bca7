//! Filter patterns, as far as they are plain: words and quoted phrases, all of which a message must have. Pure.

use super::invalid;
use crate::error::{Answer, AwsError};

/// The terms that a message must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<String>);

impl Pattern {
    /// Parses a pattern. JSON fields, columns, regular expressions and alternatives are refused.
    pub(super) fn parse(text: &str) -> Answer<Pattern> {
        let unsupported = || AwsError::unsupported(format!("The filter pattern '{text}'"));
        let mut terms = Vec::new();
        let mut rest = text.trim();
        if rest.starts_with(['{', '[', '%']) {
            return Err(unsupported());
        }
        while let Some(first) = rest.chars().next() {
            if matches!(first, '?' | '-') {
                return Err(unsupported());
            }
            let (term, after) = if first == '"' {
                quoted(&rest[1..]).ok_or_else(|| invalid("Invalid filter pattern: a quotation mark has no partner"))?
            } else {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                if let Some(sign) = word.chars().find(|letter| !letter.is_alphanumeric() && !"_-./:".contains(*letter))
                {
                    return Err(invalid(format!("Invalid filter pattern: '{sign}' must stand within quotation marks")));
                }
                (word.to_owned(), after)
            };
            terms.push(term);
            rest = after.trim_start();
        }
        Ok(Pattern(terms))
    }

    /// Returns whether a message has all terms; case matters.
    pub(super) fn fits(&self, message: &str) -> bool {
        self.0.iter().all(|term| message.contains(term.as_str()))
    }
}

/// What stands before the next quotation mark that has no backslash in front, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut term = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((term, &text[at + 1..])),
            '\\' => term.push(letters.next()?.1),
            _ => term.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_phrases() {
        let check = |pattern: &str, message: &str| Pattern::parse(pattern).unwrap().fits(message);
        assert!(check("", "anything"));
        assert!(check("ERROR", "an ERROR here"));
        assert!(!check("ERROR", "an error here"));
        assert!(check("GET 404", "404 for GET"));
        assert!(!check("GET 404", "200 for GET"));
        assert!(check("\"for GET\" 404", "404 for GET"));
        assert!(check(r#""say \"hi\"""#, r#"they say "hi""#));
        assert!(!check("\"GET for\"", "404 for GET"));
    }

    #[test]
    fn other_patterns_are_refused() {
        for pattern in ["{ $.a = 1 }", "[a, b]", "%x%", "?a ?b", "-a", "a -b"] {
            assert_eq!(Pattern::parse(pattern).unwrap_err().code, "UnsupportedFeatureException", "{pattern}");
        }
        for pattern in ["\"a", "a=b", "(a)"] {
            assert_eq!(Pattern::parse(pattern).unwrap_err().code, "InvalidParameterException", "{pattern}");
        }
    }
}

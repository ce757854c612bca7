//! Variables of a Dockerfile and the expansion of words. A variable that a base image may set, or an unsupported
//! expression, has no value: values are never guessed.

use std::collections::BTreeMap;

/// The known variables at one place of a Dockerfile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    /// From `ENV`, in this stage or in a stage or image below it. `None`: set to an unknown value.
    pub(crate) env: BTreeMap<String, Option<String>>,
    /// From `ARG`. By BuildKit's documentation an `ENV` of the same name takes precedence. In the BuildKit of Docker 26.1
    /// a later `ARG` does.
    pub(crate) args: BTreeMap<String, Option<String>>,
    /// Whether the base image may set variables that are unknown.
    pub(crate) open: bool,
}

enum Value<'a> {
    Set(&'a str),
    Unset,
    Unknown,
}

impl Variables {
    fn value(&self, name: &str) -> Value<'_> {
        match (self.env.get(name), self.args.get(name)) {
            (Some(Some(env)), Some(Some(arg))) if env == arg => Value::Set(env),
            (Some(_), Some(_)) => Value::Unknown,
            (Some(Some(value)), None) => Value::Set(value),
            (Some(None), None) => Value::Unknown,
            (None, _) if self.open => Value::Unknown,
            (None, Some(Some(value))) => Value::Set(value),
            (None, Some(None)) => Value::Unknown,
            (None, None) => Value::Unset,
        }
    }

    /// Removes quotes and expands variables. Returns `None` if the value cannot be known.
    pub(crate) fn expand(&self, word: &str, escape: char) -> Option<String> {
        let chars: Vec<char> = word.chars().collect();
        let mut at = 0;
        let out = self.expand_until(&chars, &mut at, escape, None)?;
        (at == chars.len()).then_some(out)
    }

    fn expand_until(&self, chars: &[char], at: &mut usize, escape: char, end: Option<char>) -> Option<String> {
        let mut out = String::new();
        let mut quoted = false;
        while let Some(&c) = chars.get(*at) {
            if Some(c) == end && !quoted {
                return Some(out);
            }
            *at += 1;
            match c {
                '\'' if !quoted => {
                    let length = chars.get(*at..)?.iter().position(|c| *c == '\'')?;
                    out.extend(chars.get(*at..*at + length)?);
                    *at += length + 1;
                }
                '"' => quoted = !quoted,
                '$' => out.push_str(&self.variable(chars, at, escape)?),
                _ if c == escape => {
                    let next = *chars.get(*at)?;
                    if quoted && next != '"' && next != '$' && next != escape {
                        out.push(c);
                    }
                    out.push(next);
                    *at += 1;
                }
                _ => out.push(c),
            }
        }
        (!quoted && end.is_none()).then_some(out)
    }

    fn variable(&self, chars: &[char], at: &mut usize, escape: char) -> Option<String> {
        let braced = chars.get(*at) == Some(&'{');
        if braced {
            *at += 1;
        }
        let name: String = chars.get(*at..)?.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        *at += name.len();
        let value = match self.value(&name) {
            Value::Set(value) => Some(value),
            Value::Unset => None,
            Value::Unknown => return None,
        };
        if !braced {
            return Some(value.unwrap_or_default().to_owned());
        }
        let mut next = *chars.get(*at)?;
        *at += 1;
        if next == '}' {
            return Some(value.unwrap_or_default().to_owned());
        }
        let or_empty = next == ':';
        if or_empty {
            next = *chars.get(*at)?;
            *at += 1;
        }
        let word = self.expand_until(chars, at, escape, Some('}'))?;
        *at += 1;
        let present = value.filter(|value| !or_empty || !value.is_empty());
        match next {
            '-' => Some(present.map_or(word, str::to_owned)),
            '+' => Some(if present.is_some() { word } else { String::new() }),
            '?' => present.map(str::to_owned),
            // `#`, `%` and `/` cut and replace parts of the value, which is not supported here.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Variables;

    #[test]
    fn expands_words_as_buildkit_does() {
        let mut variables = Variables::default();
        for (name, value) in
            [("A", Some("a")), ("EMPTY", Some("")), ("BOTH", Some("env")), ("FIGHT", Some("arg")), ("LOST", None)]
        {
            variables.args.insert(name.to_owned(), value.map(str::to_owned));
        }
        for name in ["BOTH", "FIGHT", "ENV"] {
            variables.env.insert(name.to_owned(), Some("env".to_owned()));
        }
        for (word, expected) in [
            ("x/$A/y", Some("x/a/y")),
            ("${A}b", Some("ab")),
            ("$BOTH", Some("env")),
            ("$FIGHT", None),
            ("${NO:-d$A}", Some("da")),
            ("${EMPTY:-d}", Some("d")),
            ("${EMPTY-d}", Some("")),
            ("${NO-d}", Some("d")),
            ("${A:+yes}${NO:+no}${EMPTY:+no}${EMPTY+yes}", Some("yesyes")),
            ("${NO:-${A:+${BOTH}}}", Some("env")),
            ("'$A'\"$A\"\\$A", Some("$Aa$A")),
            ("\"a\\b\"", Some("a\\b")),
            ("$NO", Some("")),
            ("${A:?x}", Some("a")),
            ("${NO:?x}", None),
            ("$LOST", None),
            ("${A%x}", None),
            ("${A", None),
            ("\"a", None),
            ("'a", None),
            ("$1", None),
            ("a\\", None),
        ] {
            assert_eq!(variables.expand(word, '\\').as_deref(), expected, "{word}");
        }
        variables.open = true;
        assert_eq!(variables.expand("$A", '\\'), None, "a base image could set it");
        assert_eq!(variables.expand("$ENV", '\\').as_deref(), Some("env"));
    }
}

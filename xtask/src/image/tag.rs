//! A tag: a mutable label of an image, for people. Deployment is by digest.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a tag in the OCI distribution specification.
pub const MAX_LENGTH: usize = 128;

/// A tag of the OCI distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(String);

/// The error for an invalid tag.
#[derive(Debug, PartialEq, Eq)]
pub struct NotATag(String);

impl fmt::Display for NotATag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a tag: letters, digits, `_`, `.` and `-`, not `.` or `-` first, at most {MAX_LENGTH} characters",
            self.0
        )
    }
}

impl std::error::Error for NotATag {}

impl FromStr for Tag {
    type Err = NotATag;

    fn from_str(text: &str) -> Result<Tag, NotATag> {
        let fits = text.len() <= MAX_LENGTH
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if fits { Ok(Tag(text.to_owned())) } else { Err(NotATag(text.to_owned())) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Tag;

    #[test]
    fn accepts_tags_of_the_specification_only() {
        for valid in ["v1", "_x", "1.2.3-rc.1", &"a".repeat(128)] {
            assert_eq!(valid.parse::<Tag>().map(|tag| tag.to_string()), Ok(valid.to_owned()));
        }
        for bad in ["", ".x", "-x", "a b", "a/b", "a:b", "é", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }
}

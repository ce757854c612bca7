//! Names, tags and digests, as ECR and the distribution specification have them.

use std::fmt;

use sha2::Sha256;

/// `sha256:` and 64 hex digits, in small letters. ECR knows no other algorithm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Only if `text` is one.
    pub fn parse(text: &str) -> Option<Digest> {
        let hex = text.strip_prefix("sha256:")?;
        let valid = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| Digest(text.to_owned()))
    }

    /// Of all of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest::from_hasher(sha2::Digest::chain_update(<Sha256 as sha2::Digest>::new(), bytes))
    }

    /// Of what `hasher` has been fed.
    pub fn from_hasher(hasher: Sha256) -> Digest {
        let hash = sha2::Digest::finalize(hasher);
        Digest(hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}")))
    }

    /// With `sha256:`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without `sha256:`.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reference of a manifest: a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// Whatever the tag points to.
    Tag(String),
    /// This one.
    Digest(Digest),
}

impl Reference {
    /// Only if `text` is a tag or a digest.
    pub fn parse(text: &str) -> Option<Reference> {
        if text.contains(':') {
            return Digest::parse(text).map(Reference::Digest);
        }
        is_tag(text).then(|| Reference::Tag(text.to_owned()))
    }
}

/// The distribution specification: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// ECR's rule for names, which its API quotes where a name breaks it.
pub const NAME_PATTERN: &str = r"(?:[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\/)*[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";

/// 2 to 256 characters (ECR's API reference) that match `NAME_PATTERN`.
pub fn is_repository_name(text: &str) -> bool {
    (2..=256).contains(&text.len()) && text.split('/').all(is_name_component)
}

/// Runs of small letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_name_component(component: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    if !bytes.first().is_some_and(plain) || !bytes.last().is_some_and(plain) {
        return false;
    }
    bytes
        .split(plain)
        .all(|between| matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests() {
        let of_nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::of(b"").as_str(), of_nothing);
        assert!(Digest::parse(of_nothing).is_some());
        for bad in ["", "sha256:", &of_nothing[7..], &of_nothing[..70], &of_nothing.to_uppercase(), "sha256:../../etc"]
        {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
        assert_eq!(Digest::parse(&of_nothing.replace("sha256", "sha512")), None);
    }

    #[test]
    fn names_of_repositories() {
        for valid in ["ab", "a1", "a/b", "a.b", "a_b", "a__b", "a---b", "team/app-1.x/web", &"a".repeat(256)] {
            assert!(is_repository_name(valid), "{valid}");
        }
        for bad in [
            "",
            "a",
            "A",
            "aB",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a/",
            "/a",
            "a//b",
            "a b",
            "a._b",
            "ä",
            "..",
            &"a".repeat(257),
        ] {
            assert!(!is_repository_name(bad), "{bad}");
        }
    }

    #[test]
    fn tags() {
        for valid in ["1", "_", "latest", "A.b-c_d", &"a".repeat(128)] {
            assert!(is_tag(valid), "{valid}");
        }
        for bad in ["", ".a", "-a", "a:b", "a/b", "a b", "ä", &"a".repeat(129)] {
            assert!(!is_tag(bad), "{bad}");
        }
        assert_eq!(Reference::parse("sha256:12"), None);
    }
}

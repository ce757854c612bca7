//! Names of parameters, and references to them: a name, an ARN, a name with a version. Pure.

use super::invalid;
use crate::error::{Answer, AwsError};
use crate::settings::Settings;

/// AWS: a name has at most 1,011 characters, and at most 15 levels.
const LONGEST: usize = 1011;
const LEVELS: usize = 15;

/// Returns whether a parameter may be made with this name.
pub(super) fn check(name: &str) -> Answer<()> {
    if name.is_empty() || name.len() > LONGEST {
        return Err(invalid(format!("The parameter name must have between 1 and {LONGEST} characters.")));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_/".contains(&byte);
    if !name.bytes().all(is_letter) {
        return Err(invalid(
            "Only a mix of letters, numbers and the following 4 symbols .-_/ are allowed in a parameter name.",
        ));
    }
    let parts: Vec<&str> = name.strip_prefix('/').unwrap_or(name).split('/').collect();
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err(invalid("The parameter name has an empty part: it may not end with a slash or have two in a row."));
    }
    let first = parts.first().copied().unwrap_or_default().to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(invalid(format!("Parameter name: can't be prefixed with \"{}\" (case-insensitive).", &first[..3])));
    }
    if parts.len() > LEVELS {
        return Err(AwsError::client(
            "HierarchyLevelLimitExceededException",
            format!("A parameter hierarchy can have at most {LEVELS} levels."),
        ));
    }
    Ok(())
}

/// A reference: the name, and the version or label behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    /// Path of the name, without the slash in front where it came in an ARN.
    pub(super) name: &'a str,
    /// Whether it came in an ARN, in which a name's first slash cannot be seen.
    pub(super) in_arn: bool,
    /// `3` of `name:3`.
    pub(super) selector: Option<&'a str>,
}

/// Reads a reference. ARNs of others are `None`.
pub(super) fn parse<'a>(settings: &Settings, text: &'a str) -> Option<Wanted<'a>> {
    let (name, in_arn) = match text.strip_prefix("arn:") {
        None => (text, false),
        Some(_) => (text.strip_prefix(&settings.arn("ssm", "parameter/"))?, true),
    };
    Some(match name.split_once(':') {
        None => Wanted { name, in_arn, selector: None },
        Some((name, selector)) => Wanted { name, in_arn, selector: Some(selector) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for name in ["a", "/a", "/shop/local/SECRET_KEY", "a.b-c_d", &format!("/{}", ["x"; 15].join("/"))] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        let check = |name: &str, code: &str| assert_eq!(check(name).unwrap_err().code, code, "{name}");
        for name in ["", "/", "//a", "/a/", "a/b", "a b", "a:1", "aws", "/AWS/x", "ssm-x", "ü", &"x".repeat(1012)] {
            check(name, "ValidationException");
        }
        check(&format!("/{}", ["x"; 16].join("/")), "HierarchyLevelLimitExceededException");
    }

    #[test]
    fn references_are_names_or_arns() {
        let settings = Settings {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            region: "r".into(),
            state: "/s".into(),
            engine: String::new(),
            instance: String::new(),
            unknown_members: crate::settings::UnknownMembers::Refuse,
        };
        let read = |text| parse(&settings, text);
        assert_eq!(read("/a/b"), Some(Wanted { name: "/a/b", in_arn: false, selector: None }));
        assert_eq!(read("a:3"), Some(Wanted { name: "a", in_arn: false, selector: Some("3") }));
        let arn = "arn:aws:ssm:r:123456789012:parameter/a/b";
        assert_eq!(read(arn), Some(Wanted { name: "a/b", in_arn: true, selector: None }));
        assert_eq!(read("arn:aws:ssm:r:999999999999:parameter/a/b"), None);
    }
}

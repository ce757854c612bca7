//! The name of an image in the project: key of `[images.<name>]`, bake target, folder and repository suffix.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum length of an image name. ECS and bake allow more; the limit keeps folder names and table columns short.
pub const MAX_LENGTH: usize = 40;

/// The name of an image: lower-case letters, digits and single inner hyphens, starting with a letter. Valid as a bake
/// target, folder, ECS container name and last part of an ECR repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName(String);

impl ImageName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The error for an invalid image name, with the reason.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidName(String);

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an image name: lower-case letters, digits and single hyphens, a letter first, at most {MAX_LENGTH}",
            self.0
        )
    }
}

impl std::error::Error for InvalidName {}

impl FromStr for ImageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<ImageName, InvalidName> {
        let fits = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= MAX_LENGTH
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !text.ends_with('-')
            && !text.contains("--");
        if fits { Ok(ImageName(text.to_owned())) } else { Err(InvalidName(text.to_owned())) }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for ImageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ImageName, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::ImageName;

    #[test]
    fn accepts_names_valid_everywhere_only() {
        for valid in ["app", "nginx", "a", "worker-2"] {
            assert_eq!(valid.parse::<ImageName>().map(|n| n.to_string()), Ok(valid.to_owned()));
        }
        for bad in ["", "App", "2app", "app_1", "-app", "app-", "a--b", "../app", "a/b", "é", &"a".repeat(41)] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad}");
        }
    }
}

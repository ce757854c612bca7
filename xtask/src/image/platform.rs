//! The operating system and architecture of an image, in OCI notation (`linux/amd64`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A platform of Fargate. The list is complete: a task definition can request only these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// `linux/amd64`, ECS's `X86_64`.
    LinuxAmd64,
    /// `linux/arm64`, ECS's `ARM64`.
    LinuxArm64,
}

impl Platform {
    /// Returns OCI's name of the architecture.
    pub fn architecture(self) -> &'static str {
        match self {
            Platform::LinuxAmd64 => "amd64",
            Platform::LinuxArm64 => "arm64",
        }
    }

    /// Returns OCI's name of the operating system.
    pub fn os(self) -> &'static str {
        "linux"
    }
}

/// The error for a text that is not a platform of Fargate.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownPlatform(String);

impl fmt::Display for UnknownPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown platform `{}`: Fargate runs `linux/amd64` and `linux/arm64`", self.0)
    }
}

impl std::error::Error for UnknownPlatform {}

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(text: &str) -> Result<Platform, UnknownPlatform> {
        match text {
            "linux/amd64" => Ok(Platform::LinuxAmd64),
            "linux/arm64" => Ok(Platform::LinuxArm64),
            _ => Err(UnknownPlatform(text.to_owned())),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os(), self.architecture())
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Platform, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn parses_its_own_format() {
        for platform in [Platform::LinuxAmd64, Platform::LinuxArm64] {
            assert_eq!(platform.to_string().parse(), Ok(platform));
        }
        for bad in ["", "linux", "amd64", "linux/x86_64", "Linux/amd64", "windows/amd64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}

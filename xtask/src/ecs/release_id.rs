//! The release id: twelve hexadecimal digits of SHA-256 over the rendered task definition, with image digests and
//! without the id itself. It depends on images and settings, not on the commit.

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::TaskDefinition;

/// Number of digits: enough to avoid collisions within a service, and short enough to read aloud.
const DIGITS: usize = 12;

/// Id of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId(String);

impl ReleaseId {
    /// Returns the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of a task definition that does not contain a release yet.
    pub fn of(unreleased: &TaskDefinition) -> ReleaseId {
        ReleaseId::hashed(&canonical(unreleased.document()).to_string())
    }

    /// Returns the id of a release of several services, from the id of each. A single service keeps its own id.
    pub fn of_services(services: &BTreeMap<String, ReleaseId>) -> ReleaseId {
        match services.values().next() {
            Some(only) if services.len() == 1 => only.clone(),
            _ => ReleaseId::hashed(&services.iter().map(|(name, id)| format!("{name}={id}\n")).collect::<String>()),
        }
    }

    fn hashed(text: &str) -> ReleaseId {
        let hash = Sha256::digest(text);
        let mut digits = String::new();
        for byte in hash {
            let _ = write!(digits, "{byte:02x}");
        }
        digits.truncate(DIGITS);
        ReleaseId(digits)
    }
}

/// The error of a text that is not a release id.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidReleaseId(String);

impl fmt::Display for InvalidReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a release id: {DIGITS} hexadecimal digits in lower case", self.0)
    }
}

impl std::error::Error for InvalidReleaseId {}

impl FromStr for ReleaseId {
    type Err = InvalidReleaseId;

    fn from_str(text: &str) -> Result<ReleaseId, InvalidReleaseId> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let fits = text.len() == DIGITS && text.bytes().all(is_digit);
        if fits { Ok(ReleaseId(text.to_owned())) } else { Err(InvalidReleaseId(text.to_owned())) }
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns the document with sorted members: the order in the template does not matter.
fn canonical(document: &Map<String, Value>) -> Value {
    let mut members: Vec<(&String, &Value)> = document.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    Value::Object(members.into_iter().map(|(name, value)| (name.clone(), canonical_value(value))).collect())
}

fn canonical_value(value: &Value) -> Value {
    match value {
        Value::Object(members) => canonical(members),
        Value::Array(elements) => Value::Array(elements.iter().map(canonical_value).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::ReleaseId;
    use crate::ecs::TaskDefinition;

    fn of(document: Value) -> ReleaseId {
        let Value::Object(document) = document else { panic!("an object") };
        ReleaseId::of(&TaskDefinition::from_document(document).unwrap())
    }

    #[test]
    fn an_id_is_of_what_the_document_says() {
        let first = of(
            json!({ "family": "web", "runtimePlatform": { "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" } }),
        );
        // The output of `sha256sum` for the sorted members without spaces.
        assert_eq!(first.as_str(), "e1e1bb6d64bf");
        let turned = json!({ "runtimePlatform": { "operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64" }, "family": "web" });
        assert_eq!(of(turned), first);
        assert_ne!(of(json!({ "family": "web" })), first);
    }

    #[test]
    fn several_services_have_an_id_of_all_and_one_keeps_its_own() {
        let (web, worker) = (of(json!({ "family": "web" })), of(json!({ "family": "worker" })));
        let set = |ids: &[(&str, &ReleaseId)]| {
            ReleaseId::of_services(&ids.iter().map(|(name, id)| ((*name).to_owned(), (*id).clone())).collect())
        };
        assert_eq!(set(&[("web", &web)]), web);
        let both = set(&[("web", &web), ("worker", &worker)]);
        assert!(both != web && both != worker && both != set(&[("web", &worker), ("worker", &web)]));
        assert_eq!(both, set(&[("worker", &worker), ("web", &web)]));
    }

    #[test]
    fn printing_and_parsing_are_inverse() {
        let id = of(json!({ "family": "web" }));
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "0123456789a", "0123456789abc", "0123456789AB", "0123456789ag", "héllo-world"] {
            assert!(bad.parse::<ReleaseId>().is_err(), "{bad}");
        }
    }
}

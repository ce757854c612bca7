//! The release id: twelve hexadecimal digits of SHA-256 over the rendered task definition, digests of images included and
//! the id itself left out. Same images and settings, same id, whatever the commit.

use std::fmt;
use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::TaskDefinition;

/// Digits of an id: enough that two releases of one service never share one, and short enough to be read out.
const DIGITS: usize = 12;

/// What names a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId(String);

impl ReleaseId {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id of a task definition in which no release is named.
    pub fn of(unreleased: &TaskDefinition) -> ReleaseId {
        let hash = Sha256::digest(canonical(unreleased.document()).to_string());
        let mut digits = String::new();
        for byte in hash {
            let _ = write!(digits, "{byte:02x}");
        }
        digits.truncate(DIGITS);
        ReleaseId(digits)
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The document with its members in the order of their names: where a template has a member does not matter.
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

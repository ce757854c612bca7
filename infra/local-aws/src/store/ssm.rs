//! Parameters of SSM's Parameter Store. Values lie in `state.json`, which is readable by its owner only: an emulator for
//! development has no key to encrypt them with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::task_definition::Tag;
use crate::time::Timestamp;

/// SSM.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssm {
    /// Name → parameter.
    pub parameters: BTreeMap<String, Parameter>,
}

/// `ParameterType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterType {
    /// Plain.
    String,
    /// Plain, with commas.
    StringList,
    /// Given in the clear only to who asks for decryption.
    SecureString,
}

/// A parameter.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// What it is.
    pub kind: ParameterType,
    /// Its value. Never logged.
    pub value: String,
    /// Counts writes, from 1.
    pub version: u64,
    /// When it was written last.
    pub last_modified: Timestamp,
    /// Given with it.
    pub description: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parameter").field("kind", &self.kind).field("version", &self.version).finish_non_exhaustive()
    }
}

impl Ssm {
    /// The parameter that `reference` names: a name, or an ARN that ends in `:parameter/<name>`.
    pub fn find(&self, reference: &str) -> Option<&Parameter> {
        let Some((_, path)) = reference.split_once(":parameter/") else { return self.parameters.get(reference) };
        // A name without a leading slash has the ARN `…:parameter/name`; one with it, `…:parameter/path/name`.
        self.parameters.get(&format!("/{path}")).or_else(|| self.parameters.get(path))
    }
}

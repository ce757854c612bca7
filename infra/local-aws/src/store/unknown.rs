//! Members of a document that the emulator's model does not have, kept with `serve --unknown-members keep`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A member that is unknown to the model, and its place in the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownMember {
    /// JSON pointer (RFC 6901) of the structure that has it.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl UnknownMember {
    /// Puts the member back into the document.
    pub fn put_into(&self, document: &mut Value) {
        if let Some(parent) = document.pointer_mut(&self.parent).and_then(Value::as_object_mut) {
            parent.insert(self.name.clone(), self.value.clone());
        }
    }
}

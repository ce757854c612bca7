//! What was asked of AWS so far. Every request counts, also one that is a repetition or comes to nothing.

use std::collections::BTreeMap;

use super::api::Call;

/// Requests so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All of them.
    pub total: u64,
    /// Those that ask for a change.
    pub mutating: u64,
    /// By action, such as `ecs:UpdateService`.
    pub by_action: BTreeMap<String, u64>,
}

impl Calls {
    pub(super) fn count(&mut self, call: Call) {
        self.total += 1;
        self.mutating += u64::from(call.is_mutating());
        *self.by_action.entry(format!("{}:{}", call.api.prefix(), call.action)).or_default() += 1;
    }
}

//! Request counts. Every attempt counts, including retries and failures.

use std::collections::BTreeMap;

use super::api::Call;

/// The requests sent so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// All requests.
    pub total: u64,
    /// Requests of actions that change something.
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

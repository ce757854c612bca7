//! Log groups and their streams: that they exist and when. The lines themselves are `log_store`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// CloudWatch Logs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// Name → group.
    pub groups: BTreeMap<String, LogGroup>,
}

/// A log group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogGroup {
    /// When it was made.
    pub created_at: Timestamp,
    /// Kept, not enforced.
    pub retention_days: Option<u32>,
    /// Name → when the stream was made.
    pub streams: BTreeMap<String, Timestamp>,
}

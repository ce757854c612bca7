//! The context that every part of the daemon shares. It imports none of the parts.

use std::sync::Arc;

use crate::faults::Faults;
use crate::log_store::LogStore;
use crate::settings::Settings;
use crate::store::Store;

/// Settings, state, logs and injected faults, shared by every part of the daemon. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Emulator {
    /// Command line and derived names.
    pub settings: Arc<Settings>,
    /// State of every service, kept on disk.
    pub store: Store,
    /// Output of containers, kept on disk.
    pub logs: LogStore,
    /// Faults that tests inject.
    pub faults: Faults,
}

//! Output of containers, kept on disk: one file a stream under `<state>/logs/`, one JSON line an event, in order of
//! arrival. The runner appends, `services/logs` reads. That groups and streams exist is the store's to know.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// When the container wrote it.
    pub timestamp: Timestamp,
    /// When it got here.
    pub ingested: Timestamp,
    /// Without its line end.
    pub message: String,
}

/// Where the lines are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    folder: Utf8PathBuf,
}

impl LogStore {
    /// Under `state`.
    pub fn new(state: &Utf8Path) -> LogStore {
        LogStore { folder: state.join("logs") }
    }

    /// Appends lines to a stream and makes its file where there is none.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&self, group: &str, stream: &str, events: &[LogEvent]) -> anyhow::Result<()> {
        let _ = (&self.folder, group, stream, events);
        anyhow::bail!("not written yet")
    }

    /// All lines of a stream, oldest first.
    ///
    /// # Errors
    /// The disk's. A stream without a file is empty.
    pub fn read(&self, group: &str, stream: &str) -> anyhow::Result<Vec<LogEvent>> {
        let _ = (group, stream);
        anyhow::bail!("not written yet")
    }
}

//! The directory in which one run creates its layouts: `target/slipway/building/<process id>/`. Each run has its own,
//! because the docker client of a killed run may still write to that run's folder.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::{files, process};

/// Parent of all build directories, relative to the repository root.
const BUILDING: &str = "target/slipway/building";

/// The file that holds the process id of the docker client.
const CLIENT: &str = "client";

/// Time limit for the exit of a client. It stops within a second of the signal.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// The build directory of this run; dropping it removes the folder.
#[derive(Debug)]
pub struct BuildDirectory {
    root: Utf8PathBuf,
}

/// Returns this run's folder, relative to the repository root.
pub fn folder() -> Utf8PathBuf {
    Utf8Path::new(BUILDING).join(std::process::id().to_string())
}

impl BuildDirectory {
    /// Creates the folder.
    pub fn open(root: &Utf8Path) -> anyhow::Result<BuildDirectory> {
        let path = root.join(folder());
        files::remove_directory(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("failed to create `{path}`"))?;
        Ok(BuildDirectory { root: root.to_owned() })
    }

    /// Returns the root of the repository.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Records the docker client of this run, for the next run that finds this folder after a crash.
    pub fn remember(&self, client: u32) -> anyhow::Result<()> {
        files::write_atomically(&self.root.join(folder()).join(CLIENT), client.to_string().as_bytes())
    }
}

impl Drop for BuildDirectory {
    fn drop(&mut self) {
        let _ = files::remove_directory(&self.root.join(folder()));
    }
}

/// Stops the docker clients of runs that were killed, and removes their folders. The caller must hold the lock: no
/// other run is alive then.
pub fn clear(root: &Utf8Path) -> anyhow::Result<()> {
    let Ok(entries) = root.join(BUILDING).read_dir_utf8() else { return Ok(()) };
    for entry in entries.flatten() {
        let client = fs::read_to_string(entry.path().join(CLIENT)).ok().and_then(|text| text.parse::<u32>().ok());
        if let Some(client) = client
            && process::arguments(client).iter().any(|argument| argument == "bake")
        {
            process::interrupt_group(client);
            // A live client would continue to write into the folder that is about to be removed.
            process::wait_until(CLIENT_LIMIT, || !process::is_alive(client));
        }
        files::remove_directory(entry.path())?;
    }
    Ok(())
}

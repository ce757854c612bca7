//! Where one run makes its layouts: `target/slipway/building/<process id>/`. A folder of its own for each run, since the
//! docker client of a killed run may still be writing to that run's folder.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::{files, process};

/// All build_directories, from the repository root.
const BUILDING: &str = "target/slipway/building";

/// The file that holds the process id of the docker client.
const CLIENT: &str = "client";

/// A client stops within a second of the signal.
const CLIENT_LIMIT: Duration = Duration::from_secs(10);

/// This run's build directory; its folder goes when it is dropped.
#[derive(Debug)]
pub struct BuildDirectory {
    root: Utf8PathBuf,
}

/// This run's folder, from the repository root.
pub fn folder() -> Utf8PathBuf {
    Utf8Path::new(BUILDING).join(std::process::id().to_string())
}

impl BuildDirectory {
    /// Makes the folder.
    pub fn open(root: &Utf8Path) -> anyhow::Result<BuildDirectory> {
        let path = root.join(folder());
        files::remove_directory(&path)?;
        fs::create_dir_all(&path).with_context(|| format!("failed to create `{path}`"))?;
        Ok(BuildDirectory { root: root.to_owned() })
    }

    /// The repository.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Notes the docker client that works here, for the run that finds this folder should we be killed.
    pub fn remember(&self, client: u32) -> anyhow::Result<()> {
        files::write_atomically(&self.root.join(folder()).join(CLIENT), client.to_string().as_bytes())
    }
}

impl Drop for BuildDirectory {
    fn drop(&mut self) {
        let _ = files::remove_directory(&self.root.join(folder()));
    }
}

/// Ends the docker clients of runs that were killed, and removes their folders. For the holder of the lock only: no other
/// run is alive then.
pub fn clear(root: &Utf8Path) -> anyhow::Result<()> {
    let Ok(entries) = root.join(BUILDING).read_dir_utf8() else { return Ok(()) };
    for entry in entries.flatten() {
        let client = fs::read_to_string(entry.path().join(CLIENT)).ok().and_then(|text| text.parse::<u32>().ok());
        if let Some(client) = client
            && process::arguments(client).iter().any(|argument| argument == "bake")
        {
            process::interrupt_group(client);
            // It would go on writing into the folder that is about to be removed.
            process::wait_until(CLIENT_LIMIT, || !process::is_alive(client));
        }
        files::remove_directory(entry.path())?;
    }
    Ok(())
}

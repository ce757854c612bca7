//! The record of a running daemon in its state folder: a lock that its exit releases, and `daemon.json`, which states where
//! it listens.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::settings::Settings;
use crate::store;

fn file(state: &Utf8Path) -> Utf8PathBuf {
    state.join("daemon.json")
}

/// Held for as long as the daemon runs.
pub(super) fn lock(state: &Utf8Path) -> anyhow::Result<File> {
    store::private_folder(state)?;
    let path = state.join("lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let open = open.with_context(|| format!("failed to open `{path}`"))?;
    match open.try_lock() {
        Ok(()) => {
            // What an earlier daemon said that was killed.
            let _ = fs::remove_file(file(state));
            Ok(open)
        }
        Err(TryLockError::WouldBlock) => {
            let said = fs::read(file(state)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            let who =
                said.and_then(|said| Some(format!(", process {} on {}", said["pid"], said["endpoint"].as_str()?)));
            bail!("another daemon works with `{state}`{}", who.unwrap_or_default())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("failed to lock `{path}`")),
    }
}

/// Written once it listens, and whole: who waits for the file can use what stands there.
pub(super) fn write(settings: &Settings) -> anyhow::Result<()> {
    let said = json!({
        "pid": std::process::id(),
        "endpoint": settings.endpoint.to_string(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    store::replace(&file(&settings.state), format!("{said}\n").as_bytes())
}

pub(super) fn remove(settings: &Settings) {
    // One that stays is removed at the next start.
    let _ = fs::remove_file(file(&settings.state));
}

//! The state as a file: one document, replaced as a whole, readable by its owner only, since values of parameters lie in it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::ops::Deref;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::State;

/// A newer daemon that changes the document's shape raises it; an older one refuses what it does not know.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Document<S> {
    version: u32,
    state: S,
}

/// All that must be understood to know whether the rest can be.
#[derive(Deserialize)]
struct Stamp {
    version: u32,
}

/// Where the document lies.
#[derive(Debug)]
pub(super) struct Disk {
    file: Utf8PathBuf,
}

impl Disk {
    pub(super) fn open(folder: &Utf8Path) -> anyhow::Result<(Disk, State)> {
        private_folder(folder)?;
        let file = folder.join("state.json");
        let state = match fs::read(&file) {
            Ok(bytes) => parse(&bytes).with_context(|| format!("failed to read `{file}`"))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error).with_context(|| format!("failed to read `{file}`")),
        };
        Ok((Disk { file }, state))
    }

    /// The state is locked while it becomes bytes, not while they are written. Nothing is forced through the machine's
    /// own cache: what a killed daemon has written stays, and a machine that loses its power loses its containers, too.
    pub(super) fn save<G: Deref<Target = State>>(&self, lock: impl FnOnce() -> G) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec(&Document { version: VERSION, state: &*lock() })
            .context("failed to serialise the state")?;
        replace(&self.file, &bytes)
    }
}

fn parse(bytes: &[u8]) -> anyhow::Result<State> {
    let Stamp { version } = serde_json::from_slice(bytes)?;
    anyhow::ensure!(version == VERSION, "it has version {version}, and this daemon knows version {VERSION} only");
    let document: Document<State> = serde_json::from_slice(bytes)?;
    Ok(document.state)
}

/// Makes a folder that only its owner may look into.
///
/// # Errors
/// The file system's.
pub(crate) fn private_folder(folder: &Utf8Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("failed to create `{folder}`"))?;
    fs::set_permissions(folder, Permissions::from_mode(0o700))
        .with_context(|| format!("failed to close `{folder}` to others"))
}

/// Replaces a file as a whole; only its owner may read it.
///
/// # Errors
/// The disk is full. The old file is whole then, and nothing else is left.
pub(crate) fn replace(file: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    let next = Utf8PathBuf::from(format!("{file}.next"));
    let write = || -> io::Result<()> {
        let mut open: File = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        open.write_all(bytes)?;
        fs::rename(&next, file)
    };
    write().with_context(|| format!("failed to write `{file}`")).inspect_err(|_| {
        // Where there is no room, it would emulator its own way.
        let _ = fs::remove_file(&next);
    })
}

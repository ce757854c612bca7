//! Files under `target/slipway/`: the release document, and atomic replacement of files. Locks are in `lock`.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::release::{self, Release};

/// Reads `release.json`; `None` where the file does not exist.
///
/// # Errors
/// A usage failure, with the position, where the text is not a release of this version.
pub fn read_release(root: &Utf8Path) -> anyhow::Result<Option<Release>> {
    match fs::read_to_string(root.join(release::PATH)) {
        Ok(text) => Ok(Some(Release::parse(&text)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", release::PATH)),
    }
}

/// Writes `release.json` atomically: readers observe the old document or the new one.
pub fn write_release(root: &Utf8Path, release: &Release) -> anyhow::Result<()> {
    write_atomically(&root.join(release::PATH), release.to_json().as_bytes())
}

/// Writes a file beside `path` and renames it over: an interrupt leaves the old content or the new one.
pub fn write_atomically(path: &Utf8Path, bytes: &[u8]) -> anyhow::Result<()> {
    let directory = path.parent().with_context(|| format!("failed to find the folder of `{path}`"))?;
    fs::create_dir_all(directory).with_context(|| format!("failed to create `{directory}`"))?;
    let temporary = Utf8PathBuf::from(format!("{path}.{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| {
        let _ = fs::remove_file(&temporary);
        format!("failed to write `{path}`")
    })
}

/// Reads a JSON document of this tool; `None` where it is missing or was written by another version.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Utf8Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces the directory `old` with `new`. A kill between the two renames leaves no directory, which every
/// reader treats as "not built"; it never leaves a partially written one.
pub fn replace_directory(new: &Utf8Path, old: &Utf8Path) -> anyhow::Result<()> {
    if let Some(folder) = old.parent() {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
    }
    let aside = Utf8PathBuf::from(format!("{old}.old"));
    remove_directory(&aside)?;
    match fs::rename(old, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("failed to move `{old}` aside")),
    }
    fs::rename(new, old).with_context(|| format!("failed to move `{new}` to `{old}`"))?;
    remove_directory(&aside)
}

/// Removes a directory with its content; a missing directory is no error.
pub fn remove_directory(path: &Utf8Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("failed to remove `{path}`")),
    }
}

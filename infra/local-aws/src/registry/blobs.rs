//! The bytes on disk: `<state>/registry/` with `blobs/sha256/<hex>` for what is complete and verified, `uploads/` for what
//! is under way, `removed/` for what is being deleted. Which repository may read which blob is the store's.
//!
//! A file under `blobs/` appears and disappears in one step, and only while the store is being changed: what the store
//! names is there.

use std::fs::File;
use std::io::{self, Write};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::digest::Digest;
use crate::settings::Settings;

/// Where the bytes lie.
#[derive(Clone, Debug)]
pub(crate) struct Blobs {
    root: Utf8PathBuf,
}

impl Blobs {
    /// Those of this daemon.
    pub(crate) fn of(settings: &Settings) -> Blobs {
        Blobs { root: settings.state.join("registry") }
    }

    /// The file of a complete blob.
    pub(crate) fn path(&self, digest: &Digest) -> Utf8PathBuf {
        self.complete().join(digest.hex())
    }

    /// All of a small document: a manifest, a configuration. `None` where it cannot be read.
    pub(crate) fn read_document(&self, digest: &Digest) -> Option<Vec<u8>> {
        std::fs::read(self.path(digest)).ok()
    }

    /// A new file for bytes that are on their way.
    pub(crate) fn draft(&self) -> io::Result<Draft> {
        let folder = self.uploads();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(Uuid::new_v4().simple().to_string());
        let file = File::create_new(&path)?;
        Ok(Draft { path, file, hasher: Sha256::new(), size: 0 })
    }

    /// Makes what has arrived the blob of its digest. Called while the store is being changed.
    pub(crate) fn keep(&self, draft: &Verified) -> io::Result<()> {
        std::fs::create_dir_all(self.complete())?;
        std::fs::rename(&draft.draft.path, self.path(&draft.digest))
    }

    /// Takes a blob away. Called while the store is being changed; `empty` frees the space afterwards. A client that is reading
    /// the blob reads on.
    pub(crate) fn discard(&self, digest: &Digest) {
        let folder = self.removed();
        let target = folder.join(Uuid::new_v4().simple().to_string());
        let moved = std::fs::create_dir_all(&folder).and_then(|()| std::fs::rename(self.path(digest), target));
        // A blob that stays is found again at the next start.
        if let Err(error) = moved
            && error.kind() != io::ErrorKind::NotFound
        {
            eprintln!("warning: failed to remove the blob `{digest}`: {error}");
        }
    }

    /// Frees the space of what was discarded.
    pub(crate) fn empty(&self) {
        remove_all_in(&self.removed());
    }

    /// Removes uploads that no client can continue: those of an earlier run.
    pub(crate) fn forget_uploads(&self) {
        remove_all_in(&self.uploads());
    }

    /// Every complete blob, with the time its last byte was written.
    pub(crate) fn list(&self) -> Vec<(Digest, std::time::SystemTime)> {
        let Ok(entries) = self.complete().read_dir_utf8() else { return Vec::new() };
        let stamped = |entry: camino::Utf8DirEntry| {
            let digest = Digest::parse(&format!("sha256:{}", entry.file_name()))?;
            Some((digest, entry.metadata().ok()?.modified().ok()?))
        };
        entries.flatten().filter_map(stamped).collect()
    }

    fn complete(&self) -> Utf8PathBuf {
        self.root.join("blobs/sha256")
    }

    fn uploads(&self) -> Utf8PathBuf {
        self.root.join("uploads")
    }

    fn removed(&self) -> Utf8PathBuf {
        self.root.join("removed")
    }
}

fn remove_all_in(folder: &Utf8Path) {
    if let Err(error) = std::fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        eprintln!("warning: failed to empty `{folder}`: {error}");
    }
}

/// Bytes that are arriving, hashed as they do. Its file goes with it.
#[derive(Debug)]
pub(crate) struct Draft {
    path: Utf8PathBuf,
    file: File,
    hasher: Sha256,
    size: u64,
}

impl Draft {
    /// Takes the next bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// How many bytes have arrived.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// All has arrived: what it is.
    pub(crate) fn finish(self) -> Verified {
        let digest = Digest::from_hasher(self.hasher.clone());
        Verified { digest, draft: self }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Not there any more where it was kept.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Bytes that have all arrived, with their digest.
#[derive(Debug)]
pub(crate) struct Verified {
    /// As computed, not as claimed.
    pub(crate) digest: Digest,
    draft: Draft,
}

impl Verified {
    /// How many bytes.
    pub(crate) fn size(&self) -> u64 {
        self.draft.size
    }
}

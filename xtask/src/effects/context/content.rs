//! The digest of one file on disk, and its metadata: the key under which a digest is remembered.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use anyhow::Context;
use camino::Utf8Path;
use sha2::{Digest as _, Sha256};

use crate::error::Failure;
use crate::image::Digest;

/// Maximum number of reads of a file that changes while it is read.
const ATTEMPTS: usize = 3;

/// Size of the read buffer in bytes. Most source files fit; larger buffers are no faster.
pub(super) const BUFFER: usize = 128 * 1024;

/// Metadata of a file. Any write changes at least one member, provided that the clock advances between writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) size: u64,
    /// Modification time, in nanoseconds since 1970.
    pub(super) modified: i64,
    /// Change time of content or metadata, in nanoseconds since 1970. Programs cannot set it.
    pub(super) changed: i64,
    pub(super) inode: u64,
    pub(super) device: u64,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Stat {
        let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Stat {
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }
}

/// Returns the digest of a file and its metadata, which are equal before and after reading. Fails if the file keeps
/// changing or cannot be read.
pub(super) fn digest_file(path: &Utf8Path, buffer: &mut [u8]) -> anyhow::Result<(Digest, Metadata)> {
    let attempt = |buffer: &mut [u8]| -> anyhow::Result<Option<(Digest, Metadata)>> {
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        anyhow::ensure!(before.is_file(), "no longer a regular file");
        let mut hasher = Sha256::new();
        let mut left = before.size();
        while left > 0 {
            let read = file.read(buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
            left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        }
        // Through the path, not the open file: an editor that replaces the file does not change the open one.
        let after = std::fs::symlink_metadata(path)?;
        let steady = left == 0 && Stat::of(&before) == Stat::of(&after) && before.mode() == after.mode();
        Ok(steady.then(|| (Digest::from_hasher(hasher), after)))
    };
    for _ in 0..ATTEMPTS {
        if let Some(read) = attempt(buffer).with_context(|| format!("failed to read `{path}`"))? {
            return Ok(read);
        }
    }
    let failure = Failure::failed(format!("`{path}` changes while it is read"));
    Err(failure.hint("stop what writes it, or add it to the .dockerignore file").into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    use camino::Utf8PathBuf;

    use super::{BUFFER, digest_file};
    use crate::image::Digest;

    fn temporary(name: &str) -> Utf8PathBuf {
        let path = std::env::temp_dir().join(format!("slipway-{name}-{}", std::process::id()));
        Utf8PathBuf::from_path_buf(path).unwrap()
    }

    #[test]
    fn files_of_all_lengths_are_read_whole() {
        let path = temporary("lengths");
        for length in [0, 1, BUFFER - 1, BUFFER, BUFFER + 1, 3 * BUFFER] {
            let bytes = vec![b'x'; length];
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(digest_file(&path, &mut vec![0; BUFFER]).unwrap().0, Digest::of(&bytes), "{length}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = format!("{:#}", digest_file(&path, &mut [0; 8]).unwrap_err());
        assert!(error.starts_with(&format!("failed to read `{path}`: ")), "{error}");
    }

    #[test]
    fn a_file_that_does_not_hold_still_is_named() {
        let path = temporary("growing");
        let mut file = std::fs::File::create(&path).unwrap();
        // Large enough for the other thread to write during every read.
        file.set_len(64 << 20).unwrap();
        let done = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).unwrap();
                while !done.load(Ordering::Relaxed) {
                    file.write_all(b"x").unwrap();
                    std::thread::yield_now();
                }
            });
            let outcome = digest_file(&path, &mut vec![0; BUFFER]);
            done.store(true, Ordering::Relaxed);
            outcome
        });
        std::fs::remove_file(&path).unwrap();
        assert_eq!(outcome.unwrap_err().to_string(), format!("`{path}` changes while it is read"));
    }
}

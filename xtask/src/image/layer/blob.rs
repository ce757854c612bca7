//! Reads a layer's blob from its source, counts and hashes it, and feeds it to the decompressor.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use sha2::{Digest as _, Sha256};

use super::pipe::{BUFFER, PipeWriter};
use crate::image::Digest;

/// Size and digest of the bytes read.
#[derive(Debug)]
pub(super) struct Blob {
    /// Number of bytes read; at most one more than the descriptor's size.
    pub size: u64,
    /// Digest of these bytes.
    pub digest: Digest,
}

/// Reads the blob to its end, also after decompression has failed, so that an altered blob is distinguished from a
/// malformed one. `count` is the number of bytes read so far.
pub(super) fn feed(blob: impl Read, size: u64, pipe: PipeWriter, count: &AtomicU64) -> anyhow::Result<Blob> {
    let mut blob = blob.take(size.saturating_add(1));
    let mut hasher = Sha256::new();
    let mut pipe = Some(pipe);
    loop {
        let mut buffer = pipe.as_ref().and_then(PipeWriter::buffer).unwrap_or_else(|| vec![0; BUFFER]);
        let filled = fill(&mut blob, &mut buffer).context("failed to read a layer")?;
        buffer.truncate(filled);
        hasher.update(&buffer);
        count.fetch_add(filled as u64, Ordering::Relaxed);
        if filled == 0 {
            return Ok(Blob { size: count.load(Ordering::Relaxed), digest: Digest::from_hasher(hasher) });
        }
        pipe = pipe.filter(|pipe| pipe.send(buffer));
    }
}

/// Reads until `out` is full or the source ends.
pub(super) fn fill(source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

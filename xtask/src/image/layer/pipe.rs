//! Pipes between the three threads of a layer (reading the blob, decompressing, reading the archive). Each pipe reuses
//! a fixed set of buffers, so memory does not grow with the layer.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use sha2::{Digest as _, Sha256};

use crate::image::Digest;

/// Size of one buffer, in bytes. Large enough that the transfer is negligible beside hashing, small enough for the
/// cache.
pub(super) const BUFFER: usize = 256 << 10;

/// Buffers of a pipe: one being filled, one being read, two between them.
const BUFFERS: usize = 4;

/// The writing end.
pub(super) struct PipeWriter {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

/// The reading end.
pub(crate) struct PipeReader {
    full: Receiver<Vec<u8>>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    hasher: Option<Sha256>,
}

/// Creates a pipe whose reading end hashes the bytes that it reads.
pub(super) fn hashing_pipe() -> (PipeWriter, PipeReader) {
    let (writer, reader) = pipe();
    (writer, PipeReader { hasher: Some(Sha256::new()), ..reader })
}

/// Creates a pipe with its buffers.
pub(super) fn pipe() -> (PipeWriter, PipeReader) {
    let (full_sender, full) = sync_channel(BUFFERS);
    let (empty, empty_receiver) = channel();
    for _ in 0..BUFFERS {
        // Both ends are alive here, so this cannot fail.
        let _ = empty.send(Vec::new());
    }
    (
        PipeWriter { full: full_sender, empty: empty_receiver },
        PipeReader { full, empty, current: Vec::new(), at: 0, hasher: None },
    )
}

impl PipeWriter {
    /// Returns the next free buffer, `BUFFER` bytes long; `None` once the reader is dropped.
    pub(super) fn buffer(&self) -> Option<Vec<u8>> {
        let buffer = self.empty.recv().ok()?;
        // New memory is zeroed already. Extending the old buffer would write byte by byte, which the dev profile of
        // this program does not optimize.
        Some(if buffer.len() == BUFFER { buffer } else { vec![0; BUFFER] })
    }

    /// Sends a filled buffer. Returns `false` once the reader is dropped.
    pub(super) fn send(&self, buffer: Vec<u8>) -> bool {
        self.full.send(buffer).is_ok()
    }
}

impl PipeReader {
    /// Returns available bytes, at least one; empty at the end.
    pub(crate) fn peek(&mut self) -> &[u8] {
        while self.at >= self.current.len() {
            let Ok(next) = self.full.recv() else { return &[] };
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&next);
            }
            let used = std::mem::replace(&mut self.current, next);
            // A writer that has finished needs no more buffers.
            let _ = self.empty.send(used);
            self.at = 0;
        }
        self.current.get(self.at..).unwrap_or_default()
    }

    /// Consumes bytes returned by `peek`.
    pub(crate) fn consume(&mut self, count: usize) {
        self.at = self.at.saturating_add(count).min(self.current.len());
    }

    /// Fills `out` as far as bytes are available. Returns their number.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let data = self.peek();
            let count = data.len().min(rest.len());
            if count == 0 {
                break;
            }
            if let (Some(target), Some(source)) = (rest.get_mut(..count), data.get(..count)) {
                target.copy_from_slice(source);
            }
            self.consume(count);
            filled += count;
        }
        filled
    }

    /// Skips `count` bytes. Returns `false` if the stream ends before.
    pub(crate) fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            let here = self.peek().len();
            if here == 0 {
                return false;
            }
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(here);
            self.consume(step);
            count -= step as u64;
        }
        true
    }

    /// Reads and hashes the rest.
    pub(crate) fn drain(&mut self) {
        loop {
            let rest = self.peek().len();
            if rest == 0 {
                return;
            }
            self.consume(rest);
        }
    }

    /// Returns the digest of all bytes read; `None` if the pipe does not hash.
    pub(crate) fn digest(self) -> Option<Digest> {
        self.hasher.map(Digest::from_hasher)
    }
}

impl Read for PipeReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(out))
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.peek())
    }

    fn consume(&mut self, count: usize) {
        PipeReader::consume(self, count);
    }
}

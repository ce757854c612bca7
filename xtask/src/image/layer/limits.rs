//! Limits of time and memory for hostile layers. Honest images stay far below them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Maximum uncompressed bytes of all layers: the default ephemeral storage of a Fargate task (20 GiB), which must hold
/// them.
pub const MAX_IMAGE_BYTES: u64 = 20 << 30;

/// Uncompressed bytes of a layer from which its compression ratio is checked. Files of zeros are honest up to this
/// size.
pub(super) const RATIO_FLOOR: u64 = 1 << 30;

/// Maximum compression ratio above that size. Program code and text stay under 20. Repeated bytes reach 150 in the
/// fastest deflate, 1030 in the best, and tens of thousands in zstd.
pub(super) const MAX_RATIO: u64 = 100;

/// Maximum entries of all layers: ten times those of a Django image. With the next limit it bounds the index in memory.
pub(super) const MAX_ENTRIES: u64 = 200_000;

/// Maximum bytes of names, link targets and first lines of all layers: 80 for each entry at the limit above.
pub(super) const MAX_INDEX_BYTES: u64 = 16 << 20;

/// Maximum length of a path, in bytes (`PATH_MAX` of Linux, with its terminator).
pub(super) const MAX_PATH: usize = 4095;

/// Maximum length of a path component, in bytes (`NAME_MAX` of Linux).
pub(super) const MAX_NAME: usize = 255;

/// Maximum size of an extended header, in bytes: the limit of Go's archive reader, and so of every container runtime.
pub(super) const MAX_EXTENDED: u64 = 1 << 20;

/// Maximum size of `/etc/passwd` or `/etc/group`, in bytes.
pub(super) const MAX_ACCOUNTS: u64 = 256 << 10;

/// Number of bytes of a script that a kernel reads for its first line (`BINPRM_BUF_SIZE`).
pub(super) const SCRIPT_HEAD: usize = 256;

/// The shared budget of all layers of an image. Threads draw from it.
#[derive(Debug, Default)]
pub struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
    index_bytes: AtomicU64,
}

impl Budget {
    /// Draws uncompressed bytes. Returns `false` if too few remain.
    pub(super) fn draw_bytes(&self, bytes: u64) -> bool {
        draw(&self.bytes, bytes, MAX_IMAGE_BYTES)
    }

    /// Draws one entry and its bytes in the index. Returns `false` if too few remain.
    pub(super) fn draw_entry(&self, index_bytes: usize) -> bool {
        draw(&self.entries, 1, MAX_ENTRIES) && draw(&self.index_bytes, index_bytes as u64, MAX_INDEX_BYTES)
    }
}

fn draw(counter: &AtomicU64, amount: u64, limit: u64) -> bool {
    // Relaxed is enough: only the sum matters, not its order with other memory. The amounts cannot overflow it.
    counter.fetch_add(amount, Ordering::Relaxed).saturating_add(amount) <= limit
}

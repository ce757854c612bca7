//! Limits that keep hostile layers from costing more than a bounded time and memory. Honest images stay far below.

use std::sync::atomic::{AtomicU64, Ordering};

/// Most uncompressed bytes of all layers: the ephemeral storage of a Fargate task by default (20 GiB), which has to hold them.
pub const MAX_IMAGE_BYTES: u64 = 20 << 30;

/// Bytes a layer may unpack to before its compression ratio is looked at. Files of zeros are honest up to this size.
pub(super) const RATIO_FLOOR: u64 = 1 << 30;

/// Largest honest ratio past the floor. Program code and text stay under 20; repeated bytes reach 150 in the fastest
/// deflate, 1030 in the best, and tens of thousands in zstd.
pub(super) const MAX_RATIO: u64 = 100;

/// Most entries of all layers: ten times a Django image. Together with the next limit it bounds the index in memory.
pub(super) const MAX_ENTRIES: u64 = 200_000;

/// Most bytes of names, link targets and first lines kept of all layers: 80 per entry at the limit above.
pub(super) const MAX_INDEX_BYTES: u64 = 16 << 20;

/// Longest path, in bytes (`PATH_MAX` of Linux, with its terminator).
pub(super) const MAX_PATH: usize = 4095;

/// Longest component of a path, in bytes (`NAME_MAX` of Linux).
pub(super) const MAX_NAME: usize = 255;

/// Largest extended header, in bytes: what Go's archive reader, and so every container runtime, accepts.
pub(super) const MAX_EXTENDED: u64 = 1 << 20;

/// Largest `/etc/passwd` or `/etc/group` that is read, in bytes.
pub(super) const MAX_ACCOUNTS: u64 = 256 << 10;

/// First bytes of a script that a kernel looks at (`BINPRM_BUF_SIZE`).
pub(super) const SCRIPT_HEAD: usize = 256;

/// What all layers of an image may use together; threads draw from it.
#[derive(Debug, Default)]
pub struct Budget {
    bytes: AtomicU64,
    entries: AtomicU64,
    index_bytes: AtomicU64,
}

impl Budget {
    /// Draws uncompressed bytes; false once there are none left.
    pub(super) fn draw_bytes(&self, bytes: u64) -> bool {
        draw(&self.bytes, bytes, MAX_IMAGE_BYTES)
    }

    /// Draws one entry and what the index keeps of it; false once there is none left.
    pub(super) fn draw_entry(&self, index_bytes: usize) -> bool {
        draw(&self.entries, 1, MAX_ENTRIES) && draw(&self.index_bytes, index_bytes as u64, MAX_INDEX_BYTES)
    }
}

fn draw(counter: &AtomicU64, amount: u64, limit: u64) -> bool {
    // Relaxed is enough: the sum alone matters, not its order with other memory. Amounts are far from overflowing it.
    counter.fetch_add(amount, Ordering::Relaxed).saturating_add(amount) <= limit
}

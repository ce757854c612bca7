//! Decompresses a layer's blob from one pipe into the next. The first four bytes select the format, as in container
//! runtimes; the media type is compared afterwards.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::blob::fill;
use super::limits::{Budget, MAX_RATIO, RATIO_FLOOR};
use super::pipe::{BUFFER, PipeReader, PipeWriter};
use crate::image::layout::Compression;

/// `ZSTD_error_frameParameter_windowTooLarge` of zstd's stable error numbers, as its functions return it.
const WINDOW_TOO_LARGE: usize = 16_usize.wrapping_neg();

/// The end of a decompression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The blob was decompressed completely.
    Complete,
    /// The compressed stream is incomplete.
    Truncated,
    /// The decoder rejected the bytes.
    Corrupt(String),
    /// A frame needs a larger window than was granted.
    Window,
    /// The compression ratio exceeds that of any honest layer.
    Bomb { bytes: u64 },
    /// The image's budget is used up.
    TooLarge,
}

/// The format of the stream and the end of its decompression.
#[derive(Debug)]
pub(super) struct Decoded {
    pub compression: Compression,
    pub end: End,
    /// Bytes of the blob that were read when decompression ended.
    pub read_when_stopped: u64,
}

/// Decompresses the blob to its end, or to a limit or malformed bytes. `count` is the number of bytes read so far.
pub(super) fn decode(
    mut blob: PipeReader,
    count: &AtomicU64,
    window: u32,
    budget: &Budget,
    pipe: &PipeWriter,
) -> Decoded {
    let mut magic = [0; 4];
    let known = blob.fill(&mut magic);
    let magic = magic.get(..known).unwrap_or_default();
    let compression = sniff(magic);
    let bytes = magic.chain(blob);
    let end = match compression {
        Compression::Plain => pump(bytes, None, budget, pipe),
        Compression::Gzip => pump(MultiGzDecoder::new(bytes), Some(count), budget, pipe),
        Compression::Zstd => {
            let decoder = zstd::Decoder::with_buffer(bytes).and_then(|mut decoder| {
                decoder.window_log_max(window)?;
                Ok(decoder)
            });
            match decoder {
                Ok(decoder) => pump(decoder, Some(count), budget, pipe),
                Err(error) => End::Corrupt(error.to_string()),
            }
        }
    };
    Decoded { compression, end, read_when_stopped: count.load(Ordering::Relaxed) }
}

/// Copies decompressed bytes into the pipe until the end, an error or a limit. `compressed` counts the bytes read, for
/// the ratio; the size in the descriptor is under an attacker's control.
fn pump(mut bytes: impl Read, compressed: Option<&AtomicU64>, budget: &Budget, pipe: &PipeWriter) -> End {
    let mut total = 0_u64;
    loop {
        let Some(mut buffer) = pipe.buffer() else { return End::Complete };
        let filled = match fill(&mut bytes, &mut buffer) {
            Ok(filled) => filled,
            Err(error) => return judge(&error),
        };
        buffer.truncate(filled);
        total += filled as u64;
        if !budget.draw_bytes(filled as u64) {
            return End::TooLarge;
        }
        if let Some(compressed) = compressed
            && total > RATIO_FLOOR
            && total / compressed.load(Ordering::Relaxed).max(1) > MAX_RATIO
        {
            return End::Bomb { bytes: total };
        }
        if filled > 0 && !pipe.send(buffer) {
            return End::Complete;
        }
        if filled < BUFFER {
            return End::Complete;
        }
    }
}

fn sniff(magic: &[u8]) -> Compression {
    match magic {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A frame, or a skippable frame (RFC 8878, 3.1).
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
        _ => Compression::Plain,
    }
}

fn judge(error: &io::Error) -> End {
    // The binding returns zstd's errors as names only.
    if error.to_string() == zstd::zstd_safe::get_error_name(WINDOW_TOO_LARGE) {
        return End::Window;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => End::Truncated,
        _ => End::Corrupt(format!("it cannot be decompressed: {error}")),
    }
}

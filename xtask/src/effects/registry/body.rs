//! Body of a request: none, a document, or a blob's file that is hashed while it is sent. If a file does not match its
//! digest, its last piece is never sent, so no registry can accept it as the blob.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use aws_smithy_types::body::SdkBody;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use sha2::{Digest as _, Sha256};

use crate::error::Failure;
use crate::image::Digest;

/// Bytes read and hashed at a time: large enough to make system calls negligible, and smaller than what allocators map
/// anew each time (128 KiB, glibc's M_MMAP_THRESHOLD).
const PIECE: u64 = 64 << 10;

/// Body of a request.
#[derive(Debug)]
pub(super) enum Payload {
    Nothing,
    Document(Option<Bytes>),
    File(Box<FileBody>),
}

/// A file that is being sent.
#[derive(Debug)]
pub(super) struct FileBody {
    file: File,
    digest: Digest,
    left: u64,
    hasher: Sha256,
    progress: Progress,
    /// Pieces that were handed out, oldest first.
    lent: VecDeque<Bytes>,
}

/// Number of bytes passed to connections; shared with the progress display.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Resets the count. Bytes of a failed attempt are not progress.
    pub(super) fn take_back(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Error of a blob's file that does not match its digest or cannot be read.
#[derive(Debug)]
pub(super) struct Broken {
    digest: Digest,
    why: String,
}

impl Broken {
    pub(super) fn new(digest: Digest, why: impl fmt::Display) -> Broken {
        Broken { digest, why: why.to_string() }
    }

    pub(super) fn failure(&self) -> Failure {
        Failure::refused(format!("{self}; it has changed since the image was proven, and nothing was tagged"))
            .hint("cargo xtask build --no-cache")
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "blob {} of the layout {}", self.digest.short(), self.why)
    }
}

impl std::error::Error for Broken {}

impl FileBody {
    /// Creates a body that sends the file from its beginning.
    pub(super) fn new(file: File, digest: Digest, size: u64, progress: Progress) -> Result<FileBody, Broken> {
        let length = file.metadata().map_err(|error| Broken::new(digest, format!("cannot be read: {error}")))?.len();
        if length != size {
            return Err(Broken::new(digest, format!("has {length} bytes instead of {size}")));
        }
        if size == 0 && digest != Digest::of(b"") {
            return Err(Broken::new(digest, "is empty"));
        }
        Ok(FileBody { file, digest, left: size, hasher: Sha256::new(), progress, lent: VecDeque::new() })
    }

    fn next(&mut self) -> Result<Bytes, Broken> {
        let mut piece = self.room();
        piece.resize(self.left.min(PIECE) as usize, 0);
        self.file.read_exact(&mut piece).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Broken::new(self.digest, "became shorter while it was read"),
            _ => Broken::new(self.digest, format!("cannot be read: {error}")),
        })?;
        self.hasher.update(&piece);
        self.left -= piece.len() as u64;
        if self.left == 0 && Digest::from_hasher(std::mem::take(&mut self.hasher)) != self.digest {
            return Err(Broken::new(self.digest, "does not have the digest that names it"));
        }
        self.progress.0.fetch_add(piece.len() as u64, Ordering::Relaxed);
        let piece = piece.freeze();
        self.lent.push_back(piece.clone());
        Ok(piece)
    }

    /// Returns the memory of the oldest piece, if it has been sent, else new memory. The system clears new memory,
    /// which would be a fifth of the work.
    fn room(&mut self) -> BytesMut {
        match self.lent.pop_front().map(Bytes::try_into_mut) {
            Some(Ok(room)) => room,
            Some(Err(lent)) => {
                self.lent.push_front(lent);
                BytesMut::with_capacity(PIECE as usize)
            }
            None => BytesMut::with_capacity(PIECE as usize),
        }
    }
}

impl Payload {
    pub(super) fn into_body(self) -> SdkBody {
        match self {
            Payload::Nothing => SdkBody::empty(),
            Payload::Document(bytes) => SdkBody::from(bytes.unwrap_or_default()),
            file @ Payload::File(_) => SdkBody::from_body_1_x(file),
        }
    }

    /// Returns the number of bytes sent, for a file.
    pub(super) fn sent(&self) -> Option<Progress> {
        match self {
            Payload::File(file) => Some(file.progress.clone()),
            Payload::Nothing | Payload::Document(_) => None,
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    // Not wrapped in an `io::Error`, which would omit it from the chain of causes.
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.get_mut() {
            Payload::Nothing => None,
            Payload::Document(bytes) => bytes.take().map(|bytes| Ok(Frame::data(bytes))),
            Payload::File(file) if file.left == 0 => None,
            Payload::File(file) => Some(file.next().map(Frame::data)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Payload::Nothing => 0,
            Payload::Document(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Payload::File(file) => file.left,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::{FileBody, PIECE, Progress};
    use crate::image::Digest;

    #[test]
    fn memory_of_a_piece_that_was_sent_is_used_again_and_no_other() {
        let path = std::env::temp_dir().join(format!("slipway-pieces-{}", std::process::id()));
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * PIECE as usize + 1).collect();
        fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let mut body = FileBody::new(file, Digest::of(&bytes), bytes.len() as u64, Progress::default()).unwrap();
        let first = body.next().unwrap();
        let second = body.next().unwrap();
        assert_ne!(first.as_ptr(), second.as_ptr());
        let place = first.as_ptr();
        let sent = [first, second.clone()].concat();
        let third = body.next().unwrap();
        assert_eq!(third.as_ptr(), place);
        let last = body.next().unwrap();
        assert_eq!([sent, third.to_vec(), last.to_vec()].concat(), bytes);
    }
}

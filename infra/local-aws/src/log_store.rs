//! Output of containers, kept on disk: one file a stream under `<state>/logs/`, one JSON line an event, in order of
//! arrival. The runner appends, `services/logs` reads. Groups and streams themselves are in the store.
//!
//! A place in a stream is the byte at which a line begins. Files are never read as a whole.

mod backward;
mod file_name;
mod forward;
mod merge;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use self::merge::{Found, Merged, Search};
use crate::store::private_folder;
use crate::time::Timestamp;

/// Bytes of one read from a file.
const CHUNK: usize = 64 << 10;

/// Bytes that one search reads before it returns its progress: a fraction of a second.
const EFFORT: u64 = 32 << 20;

/// The most events of one `read`: AWS's limit of a response of `GetLogEvents`.
pub const MOST: usize = 10_000;

/// One line of output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// When the container wrote it.
    pub timestamp: Timestamp,
    /// When it was stored.
    pub ingested: Timestamp,
    /// Without its line end.
    pub message: String,
}

/// An event and where its line lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where its line begins.
    pub begin: u64,
    /// Where the next one does.
    pub end: u64,
    /// The event.
    pub event: LogEvent,
}

/// A range of time: from `start` on and before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

impl Span {
    /// Every event.
    pub const ALL: Span = Span { start: Timestamp::from_millis(0), end: Timestamp::from_millis(u64::MAX) };

    /// Returns whether a moment lies within the range.
    pub fn contains(&self, moment: Timestamp) -> bool {
        (self.start..self.end).contains(&moment)
    }
}

/// The store of containers' output. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogStore {
    folder: Utf8PathBuf,
    /// Held while a file grows, so that lines never lie within each other.
    writing: Arc<Mutex<()>>,
}

impl LogStore {
    /// Under `state`.
    pub fn new(state: &Utf8Path) -> LogStore {
        LogStore { folder: state.join("logs"), writing: Arc::default() }
    }

    fn path(&self, group: &str, stream: &str) -> Utf8PathBuf {
        self.folder.join(file_name::of(group)).join(format!("{}.jsonl", file_name::of(stream)))
    }

    /// Appends lines to a stream and makes its file where there is none. All of them are there afterwards, or none.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&self, group: &str, stream: &str, events: &[LogEvent]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event).context("failed to serialise a line of output")?;
            lines.push(b'\n');
        }
        let path = self.path(group, stream);
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                private_folder(&self.folder)?;
                private_folder(path.parent().unwrap_or(&self.folder))?;
                open()
            }
            opened => opened,
        };
        let write = |mut file: File| {
            let whole = repair(&mut file)?;
            file.write_all(&lines).inspect_err(|_| {
                // The disk is full: no half of a line may stay. What cannot be cut off now is cut off next time.
                let _ = file.set_len(whole);
            })
        };
        file.and_then(write).with_context(|| format!("failed to write `{path}`"))
    }

    /// The newest lines of a stream, at most `MOST`, oldest first.
    ///
    /// # Errors
    /// The disk's. A stream without a file is empty.
    pub fn read(&self, group: &str, stream: &str) -> anyhow::Result<Vec<LogEvent>> {
        let (placed, _) = self.before(group, stream, None, Span::ALL, MOST)?;
        Ok(placed.into_iter().map(|placed| placed.event).collect())
    }

    /// At most `limit` events from the place `from` on, oldest first, and the place after the last line that was looked
    /// at.
    ///
    /// # Errors
    /// The disk's.
    pub fn after(
        &self,
        group: &str,
        stream: &str,
        from: u64,
        span: Span,
        limit: usize,
    ) -> anyhow::Result<(Vec<Placed>, u64)> {
        let path = self.path(group, stream);
        let part = forward::read(&path, from, span, limit).with_context(|| format!("failed to read `{path}`"))?;
        Ok((part.events, part.next))
    }

    /// At most `limit` events before the place `until`, or the end, oldest first, and the place before which nothing was
    /// looked at.
    ///
    /// # Errors
    /// The disk's.
    pub fn before(
        &self,
        group: &str,
        stream: &str,
        until: Option<u64>,
        span: Span,
        limit: usize,
    ) -> anyhow::Result<(Vec<Placed>, u64)> {
        let path = self.path(group, stream);
        backward::read(&path, until, span, limit).with_context(|| format!("failed to read `{path}`"))
    }

    /// Where the next line of a stream will begin.
    ///
    /// # Errors
    /// The disk's.
    pub fn end(&self, group: &str, stream: &str) -> anyhow::Result<u64> {
        let path = self.path(group, stream);
        let end = open(&path).and_then(|file| file.map_or(Ok(0), |mut file| whole_length(&mut file)));
        end.with_context(|| format!("failed to read `{path}`"))
    }

    /// Searches several streams of a group at once, in order of time.
    ///
    /// # Errors
    /// The disk's.
    pub fn search(&self, group: &str, search: &Search<'_>) -> anyhow::Result<Merged> {
        merge::search(|stream| self.path(group, stream), search)
            .with_context(|| format!("failed to read the output in `{}`", self.folder))
    }

    /// Removes the lines of a stream, or of a whole group.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self, group: &str, stream: Option<&str>) -> anyhow::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (path, removed) = match stream {
            Some(stream) => {
                let path = self.path(group, stream);
                let removed = fs::remove_file(&path);
                (path, removed)
            }
            None => {
                let path = self.folder.join(file_name::of(group));
                let removed = fs::remove_dir_all(&path);
                (path, removed)
            }
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context(format!("failed to remove `{path}`"))
            }
            _ => Ok(()),
        }
    }
}

/// A stream without a file is empty.
fn open(path: &Utf8Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cuts off a line that a killed daemon has left without its end. The length that stays.
fn repair(file: &mut File) -> io::Result<u64> {
    let (length, whole) = (file.metadata()?.len(), whole_length(file)?);
    if whole < length {
        file.set_len(whole)?;
    }
    Ok(whole)
}

/// Where the last whole line ends.
fn whole_length(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    // Almost always the last byte is the end of a line.
    let mut size = 1;
    while end > 0 {
        let begin = end.saturating_sub(size);
        file.seek(SeekFrom::Start(begin))?;
        let mut part = Vec::new();
        Read::by_ref(file).take(end - begin).read_to_end(&mut part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        (end, size) = (begin, CHUNK as u64);
    }
    Ok(0)
}

/// A line without its end. What is damaged is no event.
fn parse(line: &[u8], begin: u64) -> Option<Placed> {
    let event = serde_json::from_slice(line).ok()?;
    Some(Placed { begin, end: begin + line.len() as u64 + 1, event })
}

#[cfg(test)]
mod tests;

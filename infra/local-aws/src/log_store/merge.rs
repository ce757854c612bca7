//! Reading several streams at once, in order of time, page after page. A page says for each stream where it goes on.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use camino::Utf8PathBuf;

use super::forward::{self, BYTES};
use super::{EFFORT, LogEvent, Placed, Span};
use crate::time::Timestamp;

/// How many events of a stream are held at once.
const AHEAD: usize = 200;

/// What is searched.
pub struct Search<'a> {
    /// The streams, by name.
    pub streams: &'a [String],
    /// Where the page begins in each stream; 0 where it is not said.
    pub from: &'a BTreeMap<String, u64>,
    /// Which events.
    pub span: Span,
    /// Most events of a page.
    pub limit: usize,
    /// Which messages.
    pub fits: &'a dyn Fn(&str) -> bool,
}

/// One event that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In which stream.
    pub stream: String,
    /// Where in the stream.
    pub begin: u64,
    /// What it says.
    pub event: LogEvent,
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Oldest first.
    pub events: Vec<Found>,
    /// Where the next page begins in each stream; `None` at the end of all.
    pub next: Option<BTreeMap<String, u64>>,
}

/// A stream while it is read.
#[derive(Debug)]
struct Reader {
    name: String,
    path: Utf8PathBuf,
    /// Events that were read and not taken yet.
    ahead: VecDeque<Placed>,
    /// Where the next event is looked for once `ahead` is empty.
    next: u64,
    /// Before this place everything has been taken.
    taken: u64,
    is_over: bool,
}

impl Reader {
    /// Reads on if nothing is held. Says how many bytes were looked at.
    fn fill(&mut self, span: Span) -> io::Result<u64> {
        if self.is_over || !self.ahead.is_empty() {
            return Ok(0);
        }
        let (events, next) = forward::read(&self.path, self.next, span, AHEAD)?;
        let looked_at = next - self.next;
        self.next = next;
        if events.is_empty() {
            self.taken = next;
        }
        self.is_over = events.is_empty() && looked_at == 0;
        self.ahead = events.into();
        Ok(looked_at)
    }

    fn head(&self) -> Option<Timestamp> {
        self.ahead.front().map(|placed| placed.event.timestamp)
    }

    fn take(&mut self) -> Option<Placed> {
        let placed = self.ahead.pop_front()?;
        self.taken = placed.end;
        Some(placed)
    }
}

pub(super) fn search(path: impl Fn(&str) -> Utf8PathBuf, search: &Search<'_>) -> io::Result<Merged> {
    let Search { streams, from, span, limit, fits } = search;
    let mut readers: Vec<Reader> = streams
        .iter()
        .map(|name| {
            let place = from.get(name).copied().unwrap_or_default();
            Reader {
                path: path(name),
                name: name.clone(),
                ahead: VecDeque::new(),
                next: place,
                taken: place,
                is_over: false,
            }
        })
        .collect();
    let (mut events, mut bytes, mut effort) = (Vec::new(), 0, 0);
    while events.len() < *limit && bytes < BYTES && effort < EFFORT {
        for reader in &mut readers {
            effort += reader.fill(*span)?;
        }
        // A stream in which nothing was found yet may have what comes first.
        if readers.iter().any(|reader| reader.ahead.is_empty() && !reader.is_over) {
            continue;
        }
        let earliest = readers.iter_mut().filter(|reader| !reader.ahead.is_empty()).min_by_key(|reader| reader.head());
        let Some(reader) = earliest else { return Ok(Merged { events, next: None }) };
        let name = reader.name.clone();
        if let Some(placed) = reader.take().filter(|placed| fits(&placed.event.message)) {
            bytes += placed.event.message.len();
            events.push(Found { stream: name, begin: placed.begin, event: placed.event });
        }
    }
    let next =
        readers.into_iter().filter(|reader| reader.taken > 0).map(|reader| (reader.name, reader.taken)).collect();
    Ok(Merged { events, next: Some(next) })
}

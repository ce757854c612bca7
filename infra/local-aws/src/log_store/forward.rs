//! Reading a stream from a place on, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use camino::Utf8Path;

use super::{CHUNK, EFFORT, Placed, Span, open, parse};
use crate::time::Timestamp;

/// AWS: an answer has at most 1 MiB (`GetLogEvents`).
pub(super) const BYTES: usize = 1 << 20;

/// At most `limit` events from `from` on, and where to go on.
pub(super) fn read(path: &Utf8Path, from: u64, span: Span, limit: usize) -> io::Result<(Vec<Placed>, u64)> {
    let Some(mut file) = open(path)? else { return Ok((Vec::new(), from)) };
    let length = file.metadata()?.len();
    let mut next = first_since(&mut file, from.min(length), length, span.start)?;
    file.seek(SeekFrom::Start(next))?;
    let mut reader = BufReader::with_capacity(CHUNK, file);
    let (mut events, mut bytes, begun) = (Vec::new(), 0, next);
    let mut line = Vec::new();
    while events.len() < limit && bytes < BYTES && next - begun < EFFORT {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        // What has no end is still being written.
        if line.pop() != Some(b'\n') {
            break;
        }
        if let Some(placed) = parse(&line, next).filter(|placed| span.contains(placed.event.timestamp)) {
            bytes += count;
            events.push(placed);
        }
        next += count as u64;
    }
    Ok((events, next))
}

/// A place before which every event has a moment before `start`. No event has a later moment than its arrival
/// (`PutLogEvents` and the runner see to it), and events lie in the order of their arrival: so half of what is left can be
/// passed over at each look.
pub(super) fn first_since(file: &mut File, from: u64, length: u64, start: Timestamp) -> io::Result<u64> {
    let (mut low, mut high) = (from, length);
    while high.saturating_sub(low) > CHUNK as u64 {
        let middle = low + (high - low) / 2;
        match line_after(file, middle, high)? {
            Some((begin, placed)) if placed.event.ingested < start => low = begin,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The first whole, undamaged line that begins after `place` and before `until`.
fn line_after(file: &mut File, place: u64, until: u64) -> io::Result<Option<(u64, Placed)>> {
    file.seek(SeekFrom::Start(place))?;
    let mut reader = BufReader::new(file.take(until.saturating_sub(place)));
    let mut line = Vec::new();
    let mut begin = place + reader.read_until(b'\n', &mut line)? as u64;
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(None);
        }
        if let Some(placed) = parse(&line, begin) {
            return Ok(Some((begin, placed)));
        }
        begin += count as u64;
    }
}

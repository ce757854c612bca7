//! Reading a stream from a place, or its end, towards its beginning.

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};

use camino::Utf8Path;

use super::forward::BYTES;
use super::{CHUNK, EFFORT, Placed, Span, open, parse, whole_length};

/// At most `limit` events before `until`, oldest first, and how far it has come.
pub(super) fn read(path: &Utf8Path, until: Option<u64>, span: Span, limit: usize) -> io::Result<(Vec<Placed>, u64)> {
    let Some(mut file) = open(path)? else { return Ok((Vec::new(), 0)) };
    let whole = whole_length(&mut file)?;
    let mut begin = until.map_or(whole, |until| until.min(whole));
    let (mut events, mut bytes, begun) = (VecDeque::new(), 0, begin);
    // What is between `begin` and the last line that was taken: the end of a line whose beginning is not read yet.
    let mut rest: Vec<u8> = Vec::new();
    let mut reached = begin;
    while begin > 0 && events.len() < limit && bytes < BYTES && begun - reached < EFFORT {
        let size = begin.min(CHUNK as u64);
        begin -= size;
        file.seek(SeekFrom::Start(begin))?;
        let mut part = Vec::new();
        file.by_ref().take(size).read_to_end(&mut part)?;
        part.append(&mut rest);
        let mut end = part.len();
        while end > 0 && events.len() < limit && bytes < BYTES {
            let line_end = if part.get(end - 1) == Some(&b'\n') { end - 1 } else { end };
            let line_begin = part.get(..line_end).and_then(|part| part.iter().rposition(|byte| *byte == b'\n'));
            // The line may begin further in front.
            let line_begin = match line_begin {
                Some(at) => at + 1,
                None if begin == 0 => 0,
                None => break,
            };
            let line = part.get(line_begin..line_end).unwrap_or_default();
            let placed = parse(line, begin + line_begin as u64);
            if let Some(placed) = placed.filter(|placed| span.contains(placed.event.timestamp)) {
                bytes += line.len();
                events.push_front(placed);
            }
            end = line_begin;
            reached = begin + end as u64;
        }
        part.truncate(end);
        rest = part;
    }
    Ok((events.into(), reached))
}

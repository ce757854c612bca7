//! From the engine's frames to log events: times parsed, lines put together and split, what is stored already left out.
//! Pure.

use crate::log_store::LogEvent;
use crate::time::Timestamp;

/// CloudWatch Logs: an event has at most 262,144 bytes, of which 26 are counted for itself.
const LONGEST: usize = 262_144 - 26;

/// Which of the two outputs a frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Where to go on: the time of the last event that is stored, and how many events are stored with this very time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    last: Timestamp,
    count: usize,
}

impl Mark {
    /// After these events.
    pub(super) fn after(events: &[LogEvent]) -> Mark {
        let mut mark = Mark::default();
        events.iter().for_each(|event| mark.step(event.timestamp));
        mark
    }

    /// Start of the next log request to the engine, in whole seconds.
    pub(super) fn since(self) -> i32 {
        i32::try_from(self.last.as_millis() / 1000).unwrap_or(0)
    }

    fn step(&mut self, time: Timestamp) {
        match time.cmp(&self.last) {
            std::cmp::Ordering::Greater => *self = Mark { last: time, count: 1 },
            std::cmp::Ordering::Equal => self.count += 1,
            std::cmp::Ordering::Less => {}
        }
    }
}

/// One line that is not complete yet. The engine cuts lines into frames of 16 KiB.
#[derive(Debug, Default)]
struct Open {
    time: Option<Timestamp>,
    bytes: Vec<u8>,
}

/// Puts the frames of one container together.
#[derive(Debug)]
pub(super) struct Assembler {
    out: Open,
    err: Open,
    /// What was stored when reading began, and how many of the events at that very time have come by.
    stored: Mark,
    passed: usize,
    /// What is stored now, and handed out.
    mark: Mark,
}

impl Assembler {
    /// For frames since `stored`, some of which may be stored already.
    pub(super) fn new(stored: Mark) -> Assembler {
        Assembler { out: Open::default(), err: Open::default(), stored, passed: 0, mark: stored }
    }

    /// Where another one would go on.
    pub(super) fn mark(&self) -> Mark {
        self.mark
    }

    /// Takes a frame, `<time> <bytes>`, and adds the events that it completes.
    pub(super) fn push(&mut self, output: Output, frame: &[u8], now: Timestamp, events: &mut Vec<LogEvent>) {
        let (time, rest) = split_time(frame).unwrap_or((now, frame));
        let (bytes, whole) = rest.strip_suffix(b"\n").map_or((rest, false), |line| (line, true));
        let open = match output {
            Output::Out => &mut self.out,
            Output::Err => &mut self.err,
        };
        let begun = *open.time.get_or_insert(time);
        open.bytes.extend_from_slice(bytes);
        let mut complete = Vec::new();
        while open.bytes.len() > LONGEST {
            let rest = open.bytes.split_off(boundary(&open.bytes, LONGEST));
            complete.push(std::mem::replace(&mut open.bytes, rest));
        }
        if whole {
            complete.push(std::mem::take(&mut open.bytes));
            open.time = None;
        }
        for bytes in complete {
            self.finish(begun, &bytes, now, events);
        }
    }

    /// The last line of each output, which has no line end.
    pub(super) fn end(&mut self, now: Timestamp, events: &mut Vec<LogEvent>) {
        for open in [std::mem::take(&mut self.out), std::mem::take(&mut self.err)] {
            if let Some(time) = open.time {
                self.finish(time, &open.bytes, now, events);
            }
        }
    }

    fn finish(&mut self, time: Timestamp, bytes: &[u8], now: Timestamp, events: &mut Vec<LogEvent>) {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        // CloudWatch Logs takes no empty events, and the awslogs driver sends none.
        if bytes.is_empty() || time < self.stored.last {
            return;
        }
        if time == self.stored.last && self.passed < self.stored.count {
            self.passed += 1;
            return;
        }
        self.mark.step(time);
        events.push(LogEvent { timestamp: time, ingested: now, message: String::from_utf8_lossy(bytes).into_owned() });
    }
}

/// The engine writes RFC 3339 with nine decimals and a blank before each frame.
fn split_time(frame: &[u8]) -> Option<(Timestamp, &[u8])> {
    // `2026-11-24T03:00:00.000000000Z` has 30 bytes; one with an offset has 35.
    let blank = frame.iter().take(40).position(|byte| *byte == b' ')?;
    let time: jiff::Timestamp = std::str::from_utf8(&frame[..blank]).ok()?.parse().ok()?;
    Some((Timestamp::from_millis(u64::try_from(time.as_millisecond()).ok()?), &frame[blank + 1..]))
}

/// The last place up to `at` that does not cut a UTF-8 character.
fn boundary(bytes: &[u8], at: usize) -> usize {
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|place| bytes.get(*place).is_none_or(|byte| byte & 0xc0 != 0x80))
        .unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stored: Mark, frames: &[(Output, &[u8])]) -> Vec<(u64, String)> {
        let mut assembler = Assembler::new(stored);
        let mut events = Vec::new();
        for (output, frame) in frames {
            assembler.push(*output, frame, Timestamp::from_millis(7), &mut events);
        }
        assembler.end(Timestamp::from_millis(7), &mut events);
        events.into_iter().map(|event| (event.timestamp.as_millis(), event.message)).collect()
    }

    const FIRST: &[u8] = b"2026-11-24T00:00:00.123456789Z one\n";
    const SECOND: &[u8] = b"2026-11-24T00:00:00.123999999Z two\r\n";
    const THIRD: &[u8] = b"2026-11-24T00:00:01.000000000Z three";
    const MILLIS: u64 = 1_795_478_400_123;

    #[test]
    fn lines_have_the_time_of_the_engine_and_no_end() {
        let frames = [(Output::Out, FIRST), (Output::Err, SECOND), (Output::Out, THIRD)];
        let expected = [(MILLIS, "one".to_owned()), (MILLIS, "two".to_owned()), (MILLIS + 877, "three".to_owned())];
        assert_eq!(read(Mark::default(), &frames), expected);
    }

    #[test]
    fn a_line_in_pieces_is_one_event_and_outputs_do_not_mix() {
        let frames: [(Output, &[u8]); 4] = [
            (Output::Out, b"2026-11-24T00:00:00.123Z lon"),
            (Output::Err, b"2026-11-24T00:00:00.124Z other\n"),
            (Output::Out, b"2026-11-24T00:00:00.125Z ger\n"),
            (Output::Out, b"2026-11-24T00:00:00.126Z \n"),
        ];
        let expected = [(MILLIS + 1, "other".to_owned()), (MILLIS, "longer".to_owned())];
        assert_eq!(read(Mark::default(), &frames), expected, "an empty line is no event");
    }

    #[test]
    fn what_is_stored_is_left_out_even_within_one_millisecond() {
        let event = |message: &str| LogEvent {
            timestamp: Timestamp::from_millis(MILLIS),
            ingested: Timestamp::default(),
            message: message.into(),
        };
        let frames = [(Output::Out, FIRST), (Output::Out, SECOND), (Output::Out, THIRD)];
        assert_eq!(read(Mark::after(&[event("one")]), &frames).len(), 2);
        assert_eq!(read(Mark::after(&[event("one"), event("two")]), &frames), [(MILLIS + 877, "three".to_owned())]);
    }

    #[test]
    fn a_line_over_the_limit_of_cloudwatch_is_split_between_characters() {
        let mut frame = b"2026-11-24T00:00:00.123Z ".to_vec();
        frame.extend("é".repeat(200_000).bytes());
        frame.push(b'\n');
        let events = read(Mark::default(), &[(Output::Out, &frame)]);
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|(_, message)| message.len() <= LONGEST && !message.contains('\u{fffd}')));
        assert_eq!(events.iter().map(|(_, message)| message.chars().count()).sum::<usize>(), 200_000);
    }
}

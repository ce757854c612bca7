//! Streams on a real disk: read from both ends, torn, long, many at once.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;

struct Folder(Utf8PathBuf);

impl Folder {
    fn new() -> Folder {
        let folder = std::env::temp_dir().join(format!("local-aws-logs-{}", uuid::Uuid::new_v4().simple()));
        Folder(Utf8PathBuf::from_path_buf(folder).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn event(millis: u64, message: &str) -> LogEvent {
    let moment = Timestamp::from_millis(millis);
    LogEvent { timestamp: moment, ingested: moment, message: message.to_owned() }
}

fn events(range: std::ops::Range<u64>) -> Vec<LogEvent> {
    range.map(|number| event(number, &format!("line {number} {}", "x".repeat(100)))).collect()
}

fn times(placed: &[Placed]) -> Vec<u64> {
    placed.iter().map(|placed| placed.event.timestamp.as_millis()).collect()
}

#[test]
fn a_stream_is_read_from_both_ends() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    assert_eq!(logs.read("/g", "s").unwrap(), []);
    assert_eq!(logs.after("/g", "s", 0, Span::ALL, 5).unwrap(), (vec![], 0));
    // Several chunks long.
    logs.append("/g", "s", &events(0..1500)).unwrap();
    logs.append("/g", "s", &events(1500..3000)).unwrap();
    let (mut from, mut all) = (0, Vec::new());
    loop {
        let (page, next) = logs.after("/g", "s", from, Span::ALL, 700).unwrap();
        if page.is_empty() {
            assert_eq!(next, logs.end("/g", "s").unwrap());
            break;
        }
        assert_eq!(page.last().unwrap().end, next);
        all.extend(times(&page));
        from = next;
    }
    assert_eq!(all, (0..3000).collect::<Vec<_>>());
    let (mut until, mut back) = (None, Vec::new());
    loop {
        let (page, reached) = logs.before("/g", "s", until, Span::ALL, 700).unwrap();
        assert_eq!(page.first().map_or(0, |first| first.begin), reached);
        if page.is_empty() {
            break;
        }
        until = Some(reached);
        back.splice(0..0, times(&page));
    }
    assert_eq!(back, all);
    assert_eq!(logs.read("/g", "s").unwrap().len(), 3000);
}

#[test]
fn a_span_of_time_is_found_without_reading_what_is_before() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    logs.append("g", "s", &events(0..20_000)).unwrap();
    let span = Span { start: Timestamp::from_millis(15_000), end: Timestamp::from_millis(15_003) };
    assert_eq!(times(&logs.after("g", "s", 0, span, 10).unwrap().0), [15_000, 15_001, 15_002]);
    assert_eq!(times(&logs.before("g", "s", None, span, 2).unwrap().0), [15_001, 15_002]);
    let mut file = File::open(logs.path("g", "s")).unwrap();
    let length = file.metadata().unwrap().len();
    let place = forward::first_since(&mut file, 0, length, span.start).unwrap();
    assert!(place > length / 2, "{place} of {length}");
}

#[test]
fn a_line_that_was_torn_is_cut_off_and_a_damaged_one_is_passed_over() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    logs.append("g", "s", &[event(1, "one")]).unwrap();
    let path = logs.path("g", "s");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"no event\n").unwrap();
    file.write_all(format!("{{\"timestamp\":0.002,\"message\":\"{}", "t".repeat(2 * CHUNK)).as_bytes()).unwrap();
    drop(file);
    let messages = || logs.read("g", "s").unwrap().into_iter().map(|event| event.message).collect::<Vec<_>>();
    assert_eq!(messages(), ["one"]);
    assert_eq!(times(&logs.after("g", "s", 0, Span::ALL, 9).unwrap().0), [1]);
    logs.append("g", "s", &[event(3, "three")]).unwrap();
    assert_eq!(messages(), ["one", "three"]);
    assert_eq!(times(&logs.after("g", "s", 0, Span::ALL, 9).unwrap().0), [1, 3]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn lines_longer_than_what_is_read_at_once() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    let long = "l".repeat(3 * CHUNK);
    logs.append("g", "s", &[event(1, "a"), event(2, &long), event(3, "b")]).unwrap();
    assert_eq!(times(&logs.before("g", "s", None, Span::ALL, 3).unwrap().0), [1, 2, 3]);
    assert_eq!(times(&logs.after("g", "s", 0, Span::ALL, 3).unwrap().0), [1, 2, 3]);
    // As much as fits into one answer, and at least one event.
    let whole = vec![event(1, &"m".repeat(2 * forward::BYTES)); 3];
    logs.append("g", "m", &whole).unwrap();
    assert_eq!(logs.before("g", "m", None, Span::ALL, 3).unwrap().0.len(), 1);
    assert_eq!(logs.after("g", "m", 0, Span::ALL, 3).unwrap().0.len(), 1);
}

#[test]
fn streams_are_merged_in_order_of_time_page_after_page() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    let names: Vec<String> = ["a", "b", "c", "none"].map(str::to_owned).into();
    for number in 0..900 {
        let stream = &names[usize::try_from(number % 3).unwrap()];
        logs.append("g", stream, &[event(number, if number % 2 == 0 { "even" } else { "odd" })]).unwrap();
    }
    let (mut from, mut found) = (BTreeMap::new(), Vec::new());
    let mut pages = 0;
    loop {
        let search = Search { streams: &names, from: &from, span: Span::ALL, limit: 100, fits: &|text| text == "odd" };
        let page = logs.search("g", &search).unwrap();
        pages += 1;
        found.extend(page.events.iter().map(|found| found.event.timestamp.as_millis()));
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert_eq!(found, (0..900).filter(|number| number % 2 == 1).collect::<Vec<_>>());
    assert!(pages >= 5, "{pages}");
}

#[test]
fn what_is_removed_is_gone() {
    let folder = Folder::new();
    let logs = LogStore::new(&folder.0);
    logs.append("g", "s", &[event(1, "a")]).unwrap();
    logs.append("g", "t", &[event(1, "a")]).unwrap();
    logs.remove("g", Some("s")).unwrap();
    logs.remove("g", Some("s")).unwrap();
    assert_eq!(logs.read("g", "s").unwrap(), []);
    assert_eq!(logs.read("g", "t").unwrap().len(), 1);
    logs.remove("g", None).unwrap();
    logs.remove("g", None).unwrap();
    assert_eq!(logs.read("g", "t").unwrap(), []);
}

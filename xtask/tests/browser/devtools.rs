//! The DevTools protocol over Chromium's pipe: calls, answers and events as JSON. What a page is, is in `page.rs`.

use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{LazyLock, Once};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::{Value, json};
use xtask::dev::chromium::{self, Chromium};
use xtask::report::{Output, Report};

use crate::world::repository;

/// No step of these tests takes a second; a machine busy with other work may need this long.
const TIME_LIMIT: Duration = Duration::from_secs(30);

static CHROMIUM: LazyLock<Chromium> =
    LazyLock::new(|| chromium::find(&repository(), &Report::plain(Output::Human)).unwrap());

/// A running browser with a profile of its own; both are gone when it is dropped.
pub(crate) struct DevTools {
    child: Option<Child>,
    profile: Utf8PathBuf,
    messages: Receiver<Value>,
    calls: u64,
    /// Everything that happened, in order.
    pub(crate) events: Vec<Value>,
}

impl DevTools {
    pub(crate) fn start() -> DevTools {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        let profile = base.join(format!("slipway-browser-{}-{number}", std::process::id()));
        let mut child = CHROMIUM.start(&profile).unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let (sender, messages) = channel();
        // Ends with the browser: a read then finds the end of the pipe.
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while output.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
                let message = serde_json::from_slice(bytes.strip_suffix(b"\0").unwrap_or(&bytes));
                if message.is_err() || sender.send(message.unwrap()).is_err() {
                    break;
                }
                bytes.clear();
            }
        });
        let mut tools = DevTools { child: Some(child), profile, messages, calls: 0, events: Vec::new() };
        let version = tools.call(None, "Browser.getVersion", &json!({}));
        static SAID: Once = Once::new();
        SAID.call_once(|| eprintln!("{}", version["product"].as_str().unwrap_or("an unknown browser")));
        tools
    }

    /// Calls a method, of the browser or of a session, and returns its result. A refusal fails the test.
    pub(crate) fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.calls += 1;
        let id = self.calls;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let input = self.child.as_mut().and_then(|child| child.stdin.as_mut()).unwrap();
        input.write_all(&bytes).and_then(|()| input.flush()).unwrap_or_else(|error| {
            panic!("{method}: the browser is gone ({error}): {}", self.last_words());
        });
        let deadline = Instant::now() + TIME_LIMIT;
        loop {
            let answer = self.next(deadline).unwrap_or_else(|| panic!("{method}: no answer: {}", self.last_words()));
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method} {parameters}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }

    /// The first event since number `since` that is the right one, waiting for it if it did not happen yet.
    pub(crate) fn wait(&mut self, since: usize, what: &str, right: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + TIME_LIMIT;
        let mut seen = since;
        loop {
            if let Some(event) = self.events.iter().skip(seen).find(|event| right(event)) {
                return event.clone();
            }
            seen = self.events.len();
            assert!(self.next(deadline).is_some(), "{what} did not happen; events: {:#?}", self.events.get(since..));
        }
    }

    /// The next message; events are kept as well.
    fn next(&mut self, deadline: Instant) -> Option<Value> {
        let message = self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
        if message["id"].is_null() {
            self.events.push(message.clone());
        }
        Some(message)
    }

    fn last_words(&self) -> String {
        std::fs::read_to_string(self.profile.join("stderr")).unwrap_or_default()
    }
}

impl Drop for DevTools {
    fn drop(&mut self) {
        if let Some(child) = self.child.take()
            && let Err(error) = chromium::end(child, &self.profile)
        {
            eprintln!("{error:#}");
        }
    }
}

//! What the balancer answers by itself, and what it closes.

use std::io::Write;
use std::time::Duration;

use local_aws::store::elb::TargetState;

use crate::backend::{Backend, ok};
use crate::client::{self, Client, Message};
use crate::stage::Stage;

/// No answer at all.
const CLOSED: u16 = 0;

fn answer(stage: &Stage, request: &str) -> Message {
    let mut client = Client::connect(stage.address);
    client.send(request);
    client.response(false).unwrap()
}

#[test]
fn no_target_is_503_in_albs_own_words() {
    let stage = Stage::with(&[]);
    let response = client::get(stage.address, "/");
    assert!(response.status() == 503 && response.has("server", "awselb/2.0"), "{response:?}");
    assert!(response.text().contains("<h1>503 Service Temporarily Unavailable</h1>"));
}

#[test]
fn what_is_no_proper_request_never_gets_to_a_target() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let long = "x".repeat(17_000);
    let many = (0..9).map(|number| format!("x-{number}: {}\r\n", &long[..8000])).collect::<String>();
    let huge = "x".repeat(200_000);
    let cases = [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(), 400),
        ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned(), 400),
        ("GET / HTTP/1.1\r\nhost: a\r\nbad header: 1\r\n\r\n".to_owned(), 400),
        (format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx-long: {long}\r\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), 400),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx-huge: {huge}"), 431),
        ("TRACE / HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(), 405),
        ("CONNECT other:80 HTTP/1.1\r\nhost: other:80\r\n\r\n".to_owned(), 400),
        // HTTP/2 is not spoken: the connection is closed.
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), CLOSED),
    ];
    for (request, status) in cases {
        let mut client = Client::connect(stage.address);
        // The answer to what is far too long may come while it is still being sent.
        let _ = client.stream.write_all(request.as_bytes());
        let response = client.response(false);
        let start = &request[..request.len().min(60)];
        assert!(response.as_ref().is_none_or(|response| response.status() == status), "{start}: {response:?}");
        assert!(response.is_some() || [431, CLOSED].contains(&status), "{start}: no answer");
    }
    assert!(backend.seen().is_empty());
}

#[test]
fn a_length_and_chunks_at_once_do_not_smuggle_a_request() {
    let backend = Backend::start(|request, stream| ok(stream, &request.text()));
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    );
    let response = client.response(false).unwrap();
    let seen = backend.seen();
    assert!(response.status() == 400 || response.text() == "hello", "{response:?}");
    assert!(seen.iter().all(|one| one.body == b"hello" && one.header("content-length").is_none()), "{seen:?}");
}

#[test]
fn a_target_that_sends_nonsense_or_nothing_is_502() {
    let backend = Backend::start(|request, stream| {
        if request.line.contains("/nonsense") {
            let _ = stream.write_all(b"what?\r\n\r\n");
        }
        false
    });
    let stage = Stage::with(&[&backend]);
    for request in [
        "GET /nonsense HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /nothing HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab",
    ] {
        assert_eq!(answer(&stage, request).status(), 502, "{request}");
    }
    let posts = backend.seen().iter().filter(|one| one.line.starts_with("POST")).count();
    assert_eq!(posts, 1, "what may have been done is not done again");
}

#[test]
fn a_target_that_takes_too_long_is_504() {
    let backend = Backend::start(|_, stream| {
        std::thread::sleep(Duration::from_secs(5));
        ok(stream, "late")
    });
    let stage = Stage::with(&[&backend]);
    stage.idle_after_a_second();
    assert_eq!(client::get(stage.address, "/").status(), 504);
}

#[test]
fn idle_and_dawdling_clients_are_closed() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    stage.idle_after_a_second();
    let mut idle = Client::connect(stage.address);
    assert_eq!(idle.get("/").unwrap().status(), 200);
    assert!(idle.is_closed());
    // A byte now and then does not make a head.
    let mut slow = Client::connect(stage.address);
    let mut writer = slow.stream.try_clone().unwrap();
    slow.send("GET / HTTP/1.1\r\nhost: a\r\nx-slow: ");
    let dawdle = std::thread::spawn(move || {
        for _ in 0..400 {
            if writer.write_all(b"x").is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    });
    assert!(slow.is_closed());
    drop(slow);
    assert!(dawdle.join().unwrap());
}

#[test]
fn a_thousand_connections_are_served_and_others_still_get_through() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let mut clients = (0..1000).map(|_| Client::connect(stage.address)).collect::<Vec<_>>();
    for client in clients.iter_mut().step_by(50) {
        assert_eq!(client.get("/").unwrap().status(), 200);
    }
    assert_eq!(client::get(stage.address, "/").status(), 200);
    assert_eq!(stage.target(backend.address).unwrap().state, TargetState::Healthy);
}

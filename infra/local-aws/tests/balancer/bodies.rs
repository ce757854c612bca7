//! Bodies: of any length and framing, in both directions at once, never collected.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use crate::backend::{Backend, ok};
use crate::client::{self, Client};
use crate::stage::{RETRY_LIMIT, Stage};

fn echo() -> Backend {
    Backend::start(|request, stream| {
        if request.has("x-chunked", "1") {
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
            for part in request.body.chunks(1000) {
                write!(stream, "{:x}\r\n", part.len()).unwrap();
                stream.write_all(part).unwrap();
                stream.write_all(b"\r\n").unwrap();
            }
            stream.write_all(b"0\r\n\r\n").is_ok()
        } else {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", request.body.len()).unwrap();
            stream.write_all(&request.body).is_ok()
        }
    })
}

#[test]
fn a_megabyte_comes_back_whatever_the_framing() {
    let backend = echo();
    let stage = Stage::with(&[&backend]);
    let body = (0..1_000_003_u32).map(|number| b'a' + (number % 23) as u8).collect::<Vec<_>>();
    for (chunked_up, chunked_down) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut client = Client::connect(stage.address);
        let framing = if chunked_up {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", body.len())
        };
        let chunked = u8::from(chunked_down);
        client.send(&format!("POST / HTTP/1.1\r\nhost: site\r\nx-chunked: {chunked}\r\n{framing}\r\n\r\n"));
        let mut writer = client.stream.try_clone().unwrap();
        let sent = body.clone();
        let upload = std::thread::spawn(move || {
            if !chunked_up {
                return writer.write_all(&sent).unwrap();
            }
            for part in sent.chunks(70_000) {
                write!(writer, "{:x}\r\n", part.len()).unwrap();
                writer.write_all(part).unwrap();
                writer.write_all(b"\r\n").unwrap();
            }
            writer.write_all(b"0\r\n\r\n").unwrap();
        });
        let response = client.response(false).unwrap();
        upload.join().unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.body == body, "{chunked_up} {chunked_down}: {} bytes", response.body.len());
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let backend = Backend::start(|request, stream| {
        let code = if request.line.contains("/204") { "204 No Content" } else { "304 Not Modified" };
        if request.line.starts_with("HEAD") {
            return write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 12345\r\n\r\n").is_ok();
        }
        write!(stream, "HTTP/1.1 {code}\r\netag: \"x\"\r\n\r\n").is_ok()
    });
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("HEAD / HTTP/1.1\r\nhost: site\r\n\r\n");
    let head = client.response(true).unwrap();
    assert!(head.status() == 200 && head.has("content-length", "12345"), "{head:?}");
    for code in [204, 304] {
        client.send(&format!("GET /{code} HTTP/1.1\r\nhost: site\r\n\r\n"));
        let response = client.response(true).unwrap();
        assert!(response.status() == code && response.has("etag", "\"x\""), "{response:?}");
        assert!(response.header("transfer-encoding").is_none(), "{response:?}");
    }
    assert_eq!(backend.connections_used(), 1);
}

#[test]
fn a_response_is_passed_on_as_it_comes() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let backend = Backend::start(move |_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").unwrap();
        // The rest is sent only once the client has the first part.
        wait.lock().unwrap().recv().unwrap();
        write!(stream, "6\r\nsecond\r\n0\r\n\r\n").is_ok()
    });
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    assert!(client.head().unwrap().has("transfer-encoding", "chunked"));
    let mut buffer = client.rest();
    assert_eq!(client::read_chunk(&mut client.stream, &mut buffer).unwrap(), b"first");
    go.send(()).unwrap();
    assert_eq!(client::read_chunk(&mut client.stream, &mut buffer).unwrap(), b"second");
}

#[test]
fn a_request_is_passed_on_as_it_comes_and_told_to_go_on() {
    let (come, first) = mpsc::channel::<String>();
    let come = Mutex::new(come);
    let backend = Backend::start(move |request, stream| {
        assert!(request.header("expect").is_none());
        let mut bytes = request.body.clone();
        let mut left = vec![0; 5 - bytes.len()];
        stream.read_exact(&mut left).unwrap();
        bytes.extend(left);
        come.lock().unwrap().send(String::from_utf8_lossy(&bytes).into_owned()).unwrap();
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes).unwrap();
        ok(stream, &String::from_utf8_lossy(&bytes))
    });
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("PUT / HTTP/1.1\r\nhost: site\r\nx-unread: 1\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n");
    assert_eq!(client.head().unwrap().status(), 100);
    client.send("first");
    assert_eq!(first.recv_timeout(RETRY_LIMIT).unwrap(), "first");
    client.send("second");
    assert_eq!(client.response(false).unwrap().text(), "second");
}

#[test]
fn a_client_that_reads_slowly_gets_everything_and_a_cut_response_is_seen_as_cut() {
    let body = Arc::new(vec![b'z'; 3_000_000]);
    let backend = Backend::start({
        let body = Arc::clone(&body);
        move |request, stream| {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).unwrap();
            let count = if request.line.contains("/cut") { 1000 } else { body.len() };
            stream.write_all(&body[..count]).is_ok() && count == body.len()
        }
    });
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    let head = client.head().unwrap();
    assert!(head.has("content-length", "3000000"));
    let mut count = client.rest().len();
    let mut bytes = vec![0; 50_000];
    while count < body.len() {
        count += client.stream.read(&mut bytes).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(count, body.len());
    assert_eq!(client.get("/cut").unwrap().text(), "!");
}

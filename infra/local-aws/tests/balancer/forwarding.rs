//! Requests on their way to targets and back: heads, connections, turns.

use std::io::Write;
use std::net::Shutdown;

use crate::backend::{Backend, ok, read_some};
use crate::client::{self, Client};
use crate::stage::Stage;

#[test]
fn a_target_sees_what_alb_would_show_it() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send(
        "GET /a%20b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: keep-alive, \
         X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: x\r\nCookie: a=b\r\n\r\n",
    );
    let response = client.response(false).unwrap();
    assert_eq!((response.status(), response.text()), (200, backend.address.to_string()));
    assert!(response.header("connection").is_none());
    let seen = backend.seen().pop().unwrap();
    assert_eq!(seen.line, "GET /a%20b?c=d HTTP/1.1");
    assert!(seen.has("host", "shop.example:8080") && seen.has("cookie", "a=b"));
    assert!(seen.has("x-forwarded-for", "203.0.113.7, 127.0.0.1"));
    assert!(seen.has("x-forwarded-proto", "http"));
    assert!(seen.has("x-forwarded-port", &stage.address.port().to_string()));
    assert!(seen.header("x-amzn-trace-id").unwrap().starts_with("Root=1-"));
    for gone in ["x-hop", "keep-alive", "proxy-connection", "connection"] {
        assert!(seen.header(gone).is_none(), "{gone}: {seen:?}");
    }
}

#[test]
fn connections_are_kept_on_both_sides() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    for _ in 0..10 {
        assert_eq!(client.get("/").unwrap().status(), 200);
    }
    assert_eq!(backend.connections_used(), 1);
}

#[test]
fn healthy_targets_take_turns() {
    let backends = [Backend::plain(), Backend::plain(), Backend::plain()];
    let stage = Stage::with(&[&backends[0], &backends[1], &backends[2]]);
    let mut client = Client::connect(stage.address);
    for _ in 0..30 {
        assert_eq!(client.get("/").unwrap().status(), 200);
    }
    assert!(backends.iter().all(|backend| backend.seen().len() == 10));
}

#[test]
fn requests_in_one_go_are_answered_in_order() {
    let backend = Backend::start(|request, stream| ok(stream, &request.line));
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    let one = |number| format!("GET /{number} HTTP/1.1\r\nhost: site\r\n\r\n");
    client.send(&(1..=5).map(one).collect::<String>());
    for number in 1..=5 {
        assert_eq!(client.response(false).unwrap().text(), format!("GET /{number} HTTP/1.1"));
    }
}

#[test]
fn a_client_that_has_said_all_it_wanted_still_gets_its_answer() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.response(false).unwrap().status(), 200);
    assert!(client.is_closed());
}

#[test]
fn http_1_0_is_spoken_with_clients_that_speak_it() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.response(false).unwrap().text(), backend.address.to_string());
    assert!(client.is_closed());
    assert_eq!(backend.seen()[0].line, "GET / HTTP/1.1");
}

#[test]
fn a_change_of_protocol_is_passed_through() {
    let backend = Backend::start(|request, stream| {
        if !(request.has("upgrade", "websocket") && request.has("connection", "upgrade")) {
            return ok(stream, "no change");
        }
        write!(stream, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
            .unwrap();
        loop {
            let bytes = read_some(stream);
            if bytes.is_empty() || stream.write_all(&bytes.to_ascii_uppercase()).is_err() {
                return false;
            }
        }
    });
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    client.send("GET /ws HTTP/1.1\r\nhost: site\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let head = client.head().unwrap();
    assert_eq!(head.status(), 101);
    assert!(head.has("upgrade", "websocket") && head.has("connection", "upgrade"), "{head:?}");
    let mut got = client.rest();
    client.send("ping");
    while got.len() < 9 {
        got.extend(read_some(&mut client.stream));
    }
    assert_eq!(String::from_utf8(got).unwrap(), "helloPING");
    // It counts as a request in flight for as long as it is open.
    stage.deregister(backend.address);
    stage.wait("no new requests", || client::get(stage.address, "/").status() == 503);
    assert!(stage.target(backend.address).is_some());
    client.stream.shutdown(Shutdown::Both).unwrap();
    stage.wait_until_gone(backend.address);
}

#[test]
fn a_port_that_is_taken_is_reported_and_tried_again() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = Stage::at(taken.local_addr().unwrap());
    stage.wait("the problem", || stage.problem().is_some_and(|text| text.contains("failed to listen")));
    drop(taken);
    stage.wait("the listener", || stage.problem().is_none());
    assert_eq!(client::get(stage.address, "/").status(), 503);
    let open = Stage::at("0.0.0.0:0".parse().unwrap());
    open.wait("the problem", || open.problem().is_some_and(|text| text.contains("not a loopback address")));
}

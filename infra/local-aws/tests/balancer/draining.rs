//! Draining: what is in flight ends well, nothing new comes.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use local_aws::store::elb::TargetState;

use crate::backend::{Backend, ok};
use crate::client::{self, Client};
use crate::stage::{RETRY_LIMIT, Stage};

/// A target whose answers wait: it signals each request, and answers on a signal. `/now` does not wait.
fn held() -> (Backend, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (come, has_come) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let (come, may_go) = (Mutex::new(come), Arc::new(Mutex::new(may_go)));
    let backend = Backend::start(move |request, stream| {
        if request.line.contains("/now") {
            return ok(stream, "now");
        }
        let _ = come.lock().unwrap().send(());
        let _ = may_go.lock().unwrap().recv();
        ok(stream, "held")
    });
    (backend, has_come, go)
}

#[test]
fn a_draining_target_ends_what_it_has_and_is_then_removed() {
    let (old, has_come, go) = held();
    let new = Backend::plain();
    let stage = Stage::with(&[&old]);
    let mut waiting = Client::connect(stage.address);
    waiting.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    has_come.recv_timeout(RETRY_LIMIT).unwrap();
    stage.register(new.address);
    stage.wait_for(new.address, TargetState::Healthy);
    stage.deregister(old.address);
    stage.wait("requests to go elsewhere", || {
        let response = client::get(stage.address, "/now");
        assert_eq!(response.status(), 200);
        response.text() == new.address.to_string()
    });
    for _ in 0..20 {
        assert_eq!(client::get(stage.address, "/").text(), new.address.to_string());
    }
    let draining = stage.target(old.address).unwrap();
    assert_eq!(draining.state, TargetState::Draining);
    assert_eq!(draining.reason.as_deref(), Some("Target.DeregistrationInProgress"));
    go.send(()).unwrap();
    assert_eq!(waiting.response(false).unwrap().text(), "held");
    stage.wait_until_gone(old.address);
}

#[test]
fn a_target_whose_delay_is_over_is_removed_with_requests_in_flight() {
    let (backend, has_come, _go) = held();
    let stage = Stage::with(&[&backend]);
    stage.group(|group| group.deregistration_delay_seconds = 1);
    let mut waiting = Client::connect(stage.address);
    waiting.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    has_come.recv_timeout(RETRY_LIMIT).unwrap();
    stage.deregister(backend.address);
    stage.wait_until_gone(backend.address);
}

#[test]
fn a_target_that_comes_back_while_it_drains_gets_requests_again() {
    let (backend, has_come, go) = held();
    let stage = Stage::with(&[&backend]);
    let mut waiting = Client::connect(stage.address);
    waiting.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
    has_come.recv_timeout(RETRY_LIMIT).unwrap();
    stage.deregister(backend.address);
    stage.wait("no new requests", || client::get(stage.address, "/now").status() == 503);
    stage.register(backend.address);
    stage.wait_for(backend.address, TargetState::Healthy);
    go.send(()).unwrap();
    assert_eq!(waiting.response(false).unwrap().status(), 200);
    stage.wait("the new target to be used", || client::get(stage.address, "/now").status() == 200);
    assert_eq!(stage.target(backend.address).unwrap().state, TargetState::Healthy);
}

#[test]
fn a_group_that_goes_takes_its_targets_with_it() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    assert_eq!(client::get(stage.address, "/").status(), 200);
    let mut kept = Client::connect(stage.address);
    assert_eq!(kept.get("/").unwrap().status(), 200);
    stage.emulator.store.write(|state| {
        state.elb.load_balancers.clear();
        state.elb.target_groups.clear();
    });
    // Connections end with their current request; nothing listens any more.
    assert!(kept.is_closed());
    stage.wait("the listener to go", || std::net::TcpStream::connect(stage.address).is_err());
    let checks = backend.checks();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(backend.checks() <= checks + 1, "a check may have been under way, no more");
}

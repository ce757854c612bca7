//! No request is lost, whatever targets do: rolled, killed, closing connections at the worst moment.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use local_aws::store::elb::TargetState;

use crate::backend::{Backend, ok};
use crate::client::Client;
use crate::stage::Stage;

/// Clients that ask for as long as they are let, on connections that are kept for a while.
struct Crowd {
    over: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
}

impl Crowd {
    fn start(to: SocketAddr) -> Crowd {
        let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let one = |_| {
            let (over, served) = (Arc::clone(&over), Arc::clone(&served));
            std::thread::spawn(move || {
                let mut failures = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let mut client = Client::connect(to);
                    for _ in 0..25 {
                        match client.get("/") {
                            Some(response) if response.status() == 200 => {
                                served.fetch_add(1, Ordering::Relaxed);
                            }
                            other => {
                                failures.push(format!("{other:?}"));
                                break;
                            }
                        }
                    }
                }
                failures
            })
        };
        let threads = (0..8).map(one).collect();
        Crowd { over, served, threads }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        let failures = self.threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>();
        assert!(failures.is_empty(), "{} of {}: {failures:?}", failures.len(), self.served.load(Ordering::Relaxed));
        assert!(self.served.load(Ordering::Relaxed) > 0);
    }
}

#[test]
fn no_request_is_lost_while_targets_are_replaced_one_after_the_other() {
    let mut current = vec![Backend::plain(), Backend::plain()];
    let stage = Stage::with(&[&current[0], &current[1]]);
    let crowd = Crowd::start(stage.address);
    for _ in 0..12 {
        let new = Backend::plain();
        stage.register(new.address);
        stage.wait_for(new.address, TargetState::Healthy);
        let old = current.remove(0);
        stage.deregister(old.address);
        stage.wait_until_gone(old.address);
        old.kill();
        current.push(new);
    }
    crowd.end();
}

#[test]
fn no_request_is_lost_when_targets_are_killed() {
    let mut current = vec![Backend::plain(), Backend::plain()];
    let stage = Stage::with(&[&current[0], &current[1]]);
    let crowd = Crowd::start(stage.address);
    for _ in 0..6 {
        let before = crowd.served();
        stage.wait("requests", || crowd.served() > before + 20);
        let killed = current.remove(0);
        killed.kill();
        let before = crowd.served();
        stage.wait("requests without it", || crowd.served() > before + 100);
        stage.deregister(killed.address);
        let new = Backend::plain();
        stage.register(new.address);
        stage.wait_for(new.address, TargetState::Healthy);
        current.push(new);
    }
    crowd.end();
}

#[test]
fn connections_that_targets_close_between_requests_cost_nothing() {
    // Every third answer is the last on its connection, without a `Connection: close`.
    let count = AtomicUsize::new(0);
    let backend = Backend::start(move |_, stream| ok(stream, "ok") && count.fetch_add(1, Ordering::Relaxed) % 3 != 2);
    let stage = Stage::with(&[&backend]);
    let mut client = Client::connect(stage.address);
    for number in 0..300 {
        if number % 2 == 0 {
            client.send("GET / HTTP/1.1\r\nhost: site\r\n\r\n");
        } else {
            client.send("POST / HTTP/1.1\r\nhost: site\r\ncontent-length: 2\r\n\r\nab");
        }
        assert_eq!(client.response(false).unwrap().status(), 200, "request {number}");
    }
    let posts = backend.seen().iter().filter(|one| one.line.starts_with("POST")).count();
    assert_eq!(posts, 150, "each is made once");
}

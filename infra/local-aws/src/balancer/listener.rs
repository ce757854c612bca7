//! The port of a load balancer. One that is taken is tried again every second; the reason is in the store meanwhile.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connections::{Front, Workers};
use crate::store::Store;

/// How often a port that is taken is tried.
const RETRY: Duration = Duration::from_secs(1);
/// How long to wait where no connection can be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens for a load balancer until its front is closed.
pub(super) async fn run(store: Store, load_balancer: String, front: Front, workers: Workers) {
    tokio::select! {
        () = front.closed.cancelled() => {}
        () = accept(&store, &load_balancer, &front, &workers) => {}
    }
}

async fn accept(store: &Store, load_balancer: &str, front: &Front, workers: &Workers) {
    let listener = loop {
        match bind(front.address).await {
            Ok(listener) => break listener,
            Err(problem) => {
                if note(store, load_balancer, Some(&problem)) {
                    eprintln!("error: load balancer {load_balancer}: {problem}; trying again every second");
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    if note(store, load_balancer, None) {
        eprintln!("load balancer {load_balancer}: listening on {}", front.address);
    }
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => workers.serve(stream, peer, front).await,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    if !address.ip().is_loopback() {
        return Err(format!("{address} is not a loopback address"));
    }
    TcpListener::bind(address).await.map_err(|error| format!("failed to listen on {address}: {error}"))
}

/// Writes down why a load balancer does not listen. Says whether that is news.
fn note(store: &Store, load_balancer: &str, problem: Option<&str>) -> bool {
    let known = store.read(|state| {
        let listener = state.elb.load_balancers.get(load_balancer)?.listener.as_ref()?;
        Some(listener.problem.as_deref() == problem)
    });
    if known == Some(false) {
        store.write(|state| {
            let found = state.elb.load_balancers.get_mut(load_balancer).and_then(|found| found.listener.as_mut());
            if let Some(listener) = found {
                listener.problem = problem.map(str::to_owned);
            }
        });
    }
    known == Some(false)
}

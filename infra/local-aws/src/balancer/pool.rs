//! Connections to targets. Each worker keeps its own idle ones, so that a request never crosses threads.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::target::Target;

/// AWS, "Troubleshoot your Application Load Balancers", HTTP 504: a connection is to be made within 10 seconds.
const CONNECT: Duration = Duration::from_secs(10);
/// As above where another target is left to try: loopback and the engine's bridge answer within a millisecond, or not.
const CONNECT_BEFORE_ANOTHER: Duration = Duration::from_secs(1);
/// An idle connection is kept as long as ALB's default idle timeout; nginx's `keepalive_timeout` is 75 seconds.
const KEEP: Duration = Duration::from_secs(60);
/// AWS, quotas: a response may have 32 K of headers; twice that holds the largest and lets bodies flow.
const BUFFER: usize = 64 * 1024;

/// Body of a request to a target.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// None: the request can be made again.
    Empty,
    /// The client's.
    Streamed(Incoming),
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Outgoing::Empty => Poll::Ready(None),
            Outgoing::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Empty => true,
            Outgoing::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Outgoing::Empty => SizeHint::with_exact(0),
            Outgoing::Streamed(body) => body.size_hint(),
        }
    }
}

/// A connection that can take a request.
pub(super) type Sender = SendRequest<Outgoing>;

/// The idle connections of one worker.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: RefCell<BTreeMap<u64, Vec<(Sender, Instant)>>>,
    reaping: Cell<bool>,
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unreached {
    Refused,
    Timeout,
}

impl Pool {
    /// The idle connection that was used last.
    pub(super) async fn take(&self, target: &Target) -> Option<Sender> {
        loop {
            let (mut sender, _) = self.idle.borrow_mut().get_mut(&target.id)?.pop()?;
            // The response before has ended, so this waits for a turn of the connection's task at most.
            if !sender.is_closed() && (sender.is_ready() || sender.ready().await.is_ok()) {
                return Some(sender);
            }
        }
    }

    /// Keeps a connection whose response has ended.
    pub(super) fn put(self: &Rc<Pool>, target: &Target, sender: Sender) {
        if sender.is_closed() || target.is_closed() {
            return;
        }
        self.idle.borrow_mut().entry(target.id).or_default().push((sender, Instant::now()));
        if !self.reaping.replace(true) {
            tokio::task::spawn_local(Rc::clone(self).reap());
        }
    }

    /// Closes the idle connections to a target.
    pub(super) fn forget(&self, target: u64) {
        self.idle.borrow_mut().remove(&target);
    }

    /// Closes what has been idle for too long, for as long as there is anything.
    async fn reap(self: Rc<Pool>) {
        loop {
            tokio::time::sleep(KEEP / 2).await;
            let mut idle = self.idle.borrow_mut();
            for connections in idle.values_mut() {
                connections.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < KEEP);
            }
            idle.retain(|_, connections| !connections.is_empty());
            if idle.is_empty() {
                self.reaping.set(false);
                return;
            }
        }
    }
}

/// Makes a connection to a target. `last`: no other target is left.
pub(super) async fn connect(target: &Arc<Target>, last: bool) -> Result<Sender, Unreached> {
    let limit = if last { CONNECT } else { CONNECT_BEFORE_ANOTHER };
    let stream = match tokio::time::timeout(limit, TcpStream::connect(target.reached_at)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) => return Err(Unreached::Refused),
        Err(_) => return Err(Unreached::Timeout),
    };
    // A connection without it is slower, no more.
    let _ = stream.set_nodelay(true);
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(BUFFER)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Unreached::Refused)?;
    // An error of the connection is an error of the request on it; between requests it is of no interest.
    tokio::task::spawn_local(async move {
        let _ = connection.with_upgrades().await;
    });
    target.trust();
    Ok(sender)
}

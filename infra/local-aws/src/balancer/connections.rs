//! Threads that serve clients' connections. Each has a runtime and idle connections of its own: a request stays on one
//! thread from its first byte to its last.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use hyper::header::HeaderValue;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Watched};
use super::forward::{self, Client};
use super::headers::{self, Origin};
use super::pool::Pool;
use super::routing::Routing;

/// A head of 64 K is to fit, and one a little larger, so that it is refused by us.
const BUFFER: usize = headers::HEAD + 32 * 1024;
/// Connections on their way to a worker.
const QUEUE: usize = 1024;
/// More threads than this have nothing to do in front of tasks on the same machine.
const MOST: usize = 4;

/// What a listener tells its connections.
#[derive(Clone, Debug)]
pub(super) struct Front {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// For connections from now on: they change while the port stays open.
    pub(super) terms: Arc<RwLock<Terms>>,
    /// The listener is gone: connections end with their current request.
    pub(super) closed: CancellationToken,
}

/// What one connection keeps to.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Where requests go.
    pub(super) routing: Arc<Routing>,
    /// `idle_timeout.timeout_seconds`.
    pub(super) idle: Duration,
}

enum Message {
    Serve(std::net::TcpStream, SocketAddr, Front),
    /// The idle connections to this target are to be closed.
    Forget(u64),
}

/// All workers. They end when this is dropped.
#[derive(Clone, Debug)]
pub(super) struct Workers {
    queues: Arc<Vec<mpsc::Sender<Message>>>,
    turn: Arc<AtomicUsize>,
}

impl Workers {
    /// Starts one thread for each core.
    ///
    /// # Errors
    /// Threads cannot be had.
    pub(super) fn start() -> anyhow::Result<Workers> {
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
        let mut queues = Vec::new();
        for number in 0..count {
            let (queue, messages) = mpsc::channel(QUEUE);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .context("failed to start a worker of the balancer")?;
            std::thread::Builder::new()
                .name(format!("balancer-{number}"))
                .spawn(move || tokio::task::LocalSet::new().block_on(&runtime, work(messages)))
                .context("failed to start a worker of the balancer")?;
            queues.push(queue);
        }
        Ok(Workers { queues: Arc::new(queues), turn: Arc::default() })
    }

    /// Hands a connection to the next worker.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, front: &Front) {
        // A stream that cannot change its runtime is dropped: the client sees a closed connection.
        let Ok(stream) = stream.into_std() else { return };
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        let _ = self.queues[turn].send(Message::Serve(stream, peer, front.clone())).await;
    }

    /// Closes the idle connections to a target.
    pub(super) async fn forget(&self, target: u64) {
        for queue in self.queues.iter() {
            // A worker only ends with the daemon.
            let _ = queue.send(Message::Forget(target)).await;
        }
    }
}

async fn work(mut messages: mpsc::Receiver<Message>) {
    let pool = Rc::new(Pool::default());
    while let Some(message) = messages.recv().await {
        match message {
            Message::Forget(target) => pool.forget(target),
            Message::Serve(stream, peer, front) => {
                tokio::task::spawn_local(serve(stream, peer, front, Rc::clone(&pool)));
            }
        }
    }
}

/// Serves one connection of a client to its end.
async fn serve(stream: std::net::TcpStream, peer: SocketAddr, front: Front, pool: Rc<Pool>) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let _ = stream.set_nodelay(true);
    let (Ok(address), Ok(port)) =
        (HeaderValue::try_from(peer.ip().to_string()), HeaderValue::try_from(front.address.port().to_string()))
    else {
        return;
    };
    let Terms { routing, idle } = front.terms.read().unwrap_or_else(PoisonError::into_inner).clone();
    let activity = Activity::begin();
    let client =
        Rc::new(Client { origin: Origin { address, port }, routing, pool, activity: Arc::clone(&activity), idle });
    let service = service_fn(move |request| {
        let client = Rc::clone(&client);
        async move { Ok::<_, std::convert::Infallible>(forward::answer(client, request).await) }
    });
    let connection = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Watched::new(stream, Arc::clone(&activity))), service)
        .with_upgrades();
    tokio::pin!(connection);
    let mut closing = false;
    loop {
        tokio::select! {
            biased;
            // An error of one client's connection has no effect on others.
            _ = connection.as_mut() => return,
            () = activity.idle(idle) => return,
            () = front.closed.cancelled(), if !closing => {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

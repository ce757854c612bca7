//! A target that behaves as told: blocking, one thread a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::client::{self, Message};

/// What a target does with a request. `false` closes the connection.
type Behaviour = dyn Fn(&Message, &mut TcpStream) -> bool + Send + Sync;

pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

struct Inner {
    behaviour: Box<Behaviour>,
    /// Code of `/health`; 0 closes the connection instead.
    health: AtomicU16,
    checks: AtomicUsize,
    /// Connections that carried another request than a health check.
    used: AtomicUsize,
    seen: Mutex<Vec<Message>>,
    over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

pub(crate) fn ok(stream: &mut TcpStream, body: &str) -> bool {
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).is_ok()
}

impl Backend {
    pub(crate) fn start(behaviour: impl Fn(&Message, &mut TcpStream) -> bool + Send + Sync + 'static) -> Backend {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            behaviour: Box::new(behaviour),
            health: AtomicU16::new(200),
            checks: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            seen: Mutex::default(),
            over: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        std::thread::spawn({
            let inner = Arc::clone(&inner);
            move || {
                for stream in listener.incoming() {
                    if inner.over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (Ok(stream), inner) = (stream, Arc::clone(&inner)) else { continue };
                    inner.streams.lock().unwrap().push(stream.try_clone().unwrap());
                    std::thread::spawn(move || inner.serve(stream));
                }
            }
        });
        Backend { address, inner }
    }

    /// Answers everything with its own address.
    pub(crate) fn plain() -> Backend {
        Backend::start(|_, stream| {
            let own = stream.local_addr().unwrap().to_string();
            ok(stream, &own)
        })
    }

    pub(crate) fn set_health(&self, code: u16) {
        self.inner.health.store(code, Ordering::SeqCst);
    }

    pub(crate) fn checks(&self) -> usize {
        self.inner.checks.load(Ordering::SeqCst)
    }

    pub(crate) fn connections_used(&self) -> usize {
        self.inner.used.load(Ordering::SeqCst)
    }

    /// Requests so far, without health checks.
    pub(crate) fn seen(&self) -> Vec<Message> {
        self.inner.seen.lock().unwrap().clone()
    }

    /// Ends at once: nothing listens, every connection is cut.
    pub(crate) fn kill(&self) {
        if !self.inner.over.swap(true, Ordering::SeqCst) {
            // Wakes the thread that accepts, which drops the listener.
            let _ = TcpStream::connect(self.address);
            for stream in self.inner.streams.lock().unwrap().drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        let mut first = true;
        while let Some(mut message) = client::read_head(&mut stream, &mut buffer) {
            if message.line.starts_with("GET /health ") {
                assert!(message.has("user-agent", "ELB-HealthChecker/2.0"), "{message:?}");
                self.checks.fetch_add(1, Ordering::SeqCst);
                let code = self.health.load(Ordering::SeqCst);
                if code != 0 {
                    let _ = write!(stream, "HTTP/1.1 {code} Told\r\ncontent-length: 0\r\n\r\n");
                }
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
            if std::mem::take(&mut first) {
                self.used.fetch_add(1, Ordering::SeqCst);
            }
            // What is to be read by the behaviour may have come with the head, in part.
            message.body = match message.has("x-unread", "1") {
                true => std::mem::take(&mut buffer),
                false => client::read_body(&mut stream, &mut buffer, &message, true),
            };
            self.seen.lock().unwrap().push(message.clone());
            if !(self.behaviour)(&message, &mut stream) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}

/// Reads one byte at least.
pub(crate) fn read_some(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).unwrap_or(0);
    bytes.truncate(count);
    bytes
}

//! When a client's connection was last of use, for its idle timeout. One timer a connection, none a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Waiting for the head of a request: bytes that come in do not help, so that a slow head does not last for ever.
const HEAD: u8 = 0;
/// A target works on its response: the request has a timeout of its own.
const WAITING: u8 = 1;
/// Bytes flow: each of them begins the timeout anew.
const RELAYING: u8 = 2;

/// Shared by a connection, its requests and its timer.
#[derive(Debug)]
pub(super) struct Activity {
    begun: Instant,
    phase: AtomicU8,
    /// Milliseconds since `begun`.
    last: AtomicU64,
}

impl Activity {
    pub(super) fn begin() -> Arc<Activity> {
        Arc::new(Activity { begun: Instant::now(), phase: AtomicU8::new(HEAD), last: AtomicU64::new(0) })
    }

    /// Something was of use just now.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.touch();
    }

    pub(super) fn waiting(&self) {
        self.enter(WAITING);
    }

    pub(super) fn relaying(&self) {
        self.enter(RELAYING);
    }

    /// The response has ended: what comes next is the next request.
    pub(super) fn done(&self) {
        self.enter(HEAD);
    }

    /// When it was last of use.
    pub(super) fn last(&self) -> Instant {
        self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    /// Returns once nothing was of use for `limit`.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let end = self.last() + limit;
            if self.phase.load(Ordering::Relaxed) == WAITING {
                tokio::time::sleep(limit).await;
            } else if end <= Instant::now() {
                return;
            } else {
                tokio::time::sleep_until(end).await;
            }
        }
    }
}

/// A stream whose bytes count as use.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Watched<S> {
        Watched { stream, activity }
    }

    fn written(&self, outcome: &Poll<io::Result<usize>>) {
        if matches!(outcome, Poll::Ready(Ok(1..))) {
            self.activity.touch();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before && self.activity.phase.load(Ordering::Relaxed) != HEAD {
            self.activity.touch();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

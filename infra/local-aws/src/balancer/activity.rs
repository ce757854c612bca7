//! The last activity of a client's connection, for its idle timeout and for the timeout of a target's response.
//! One timer a connection, none a request.

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
/// A target works on its response: the timeout is the request's, not the connection's.
const WAITING: u8 = 1;
/// Bytes flow: each of them begins the timeout anew.
const RELAYING: u8 = 2;
/// The target took too long. The request is notified and answers the client.
const LATE: u8 = 3;

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

    /// Records activity now.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.touch();
    }

    /// A target is given the request, or another try: its time begins.
    pub(super) fn waiting(&self) {
        self.enter(WAITING);
    }

    /// Waits for a target's response; `None` once `idle` finds that it took too long. To be polled by the same task as
    /// `idle` is.
    pub(super) async fn in_time<T>(&self, response: impl Future<Output = T>) -> Option<T> {
        let mut response = std::pin::pin!(response);
        std::future::poll_fn(|cx| match response.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending if self.phase.load(Ordering::Relaxed) == LATE => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    pub(super) fn relaying(&self) {
        self.enter(RELAYING);
    }

    /// The response has ended: what comes next is the next request.
    pub(super) fn done(&self) {
        self.enter(HEAD);
    }

    /// Returns after `limit` without activity. A request whose target took as long gets time to answer.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let end = self.begun + Duration::from_millis(self.last.load(Ordering::Relaxed)) + limit;
            if end > Instant::now() {
                tokio::time::sleep_until(end).await;
            } else if matches!(self.phase.load(Ordering::Relaxed), WAITING | LATE) {
                self.enter(LATE);
                // The task asked the request before it asked this: it is to ask once more.
                tokio::task::yield_now().await;
            } else {
                return;
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);

    /// A request on a connection, polled in the order in which workers poll them.
    async fn request<T>(activity: &Activity, response: impl Future<Output = T>) -> Option<T> {
        activity.waiting();
        tokio::select! {
            biased;
            outcome = activity.in_time(response) => outcome,
            () = activity.idle(LIMIT) => panic!("the connection ended before its request"),
        }
    }

    #[tokio::test]
    async fn a_late_target_ends_its_request_and_an_idle_client_its_connection() {
        let activity = Activity::begin();
        // Each request has the whole time, also the one after a late one.
        for _ in 0..2 {
            let begun = Instant::now();
            assert_eq!(request(&activity, pending::<()>()).await, None);
            // Milliseconds are counted from the beginning of the connection, rounded down.
            assert!(begun.elapsed() + Duration::from_millis(2) >= LIMIT);
        }
        assert_eq!(request(&activity, ready(1)).await, Some(1));
        activity.done();
        activity.idle(LIMIT).await;
    }

    #[tokio::test]
    async fn bytes_of_the_client_give_a_target_more_time() {
        let activity = Activity::begin();
        let mut last = Instant::now();
        let response = async {
            tokio::time::sleep(LIMIT / 4).await;
            activity.touch();
            last = Instant::now();
            pending::<()>().await;
        };
        assert_eq!(request(&activity, response).await, None);
        assert!(last.elapsed() + Duration::from_millis(2) >= LIMIT);
    }

    #[tokio::test]
    async fn a_target_may_be_connected_to_for_longer_than_it_may_take_to_answer() {
        let activity = Activity::begin();
        activity.waiting();
        tokio::select! {
            biased;
            () = tokio::time::sleep(3 * LIMIT) => {}
            () = activity.idle(LIMIT) => panic!("the connection ended while a target was looked for"),
        }
        assert_eq!(request(&activity, ready(1)).await, Some(1));
    }
}

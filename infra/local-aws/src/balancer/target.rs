//! One target: its requests in flight, and whether it accepts more. Its health is in the store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Set in the counter once a target takes no further request, so that "none in flight" is final when it is seen.
const CLOSED: usize = 1 << (usize::BITS - 1);

static NEXT: AtomicU64 = AtomicU64::new(0);

/// A target, shared by its health checks, the routing table and every request to it.
#[derive(Debug)]
pub(super) struct Target {
    /// Distinguishes it from every other target, also from an earlier one at the same address.
    pub(super) id: u64,
    /// Where connections go.
    pub(super) reached_at: SocketAddr,
    /// Requests in flight, and `CLOSED`.
    in_flight: AtomicUsize,
    /// A connection could not be made since the last one that could.
    suspect: AtomicBool,
    /// Asks for a health check at once.
    pub(super) check_now: Notify,
    /// Notified when the last request of a closed target has ended.
    emptied: Notify,
}

impl Target {
    pub(super) fn new(reached_at: SocketAddr) -> Arc<Target> {
        Arc::new(Target {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            reached_at,
            in_flight: AtomicUsize::new(0),
            suspect: AtomicBool::new(false),
            check_now: Notify::new(),
            emptied: Notify::new(),
        })
    }

    /// Requests in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed) & !CLOSED
    }

    /// Takes a place for one request; `None` once the target is closed, whatever table the caller looked at.
    pub(super) fn enter(self: &Arc<Target>) -> Option<Permit> {
        let permit = Permit { target: Arc::clone(self) };
        // The permit gives back what is taken here, also where it is dropped at once.
        if self.in_flight.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 { Some(permit) } else { None }
    }

    /// Takes no request from now on.
    pub(super) fn close(&self) {
        self.in_flight.fetch_or(CLOSED, Ordering::AcqRel);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Returns once the target is closed and none of its requests is in flight.
    pub(super) async fn emptied(&self) {
        loop {
            let told = self.emptied.notified();
            if self.in_flight.load(Ordering::Acquire) == CLOSED {
                return;
            }
            told.await;
        }
    }

    pub(super) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// A connection failed: others are tried first, and the next health check is now.
    pub(super) fn suspect(&self) {
        if !self.suspect.swap(true, Ordering::Relaxed) {
            self.check_now.notify_one();
        }
    }

    /// A connection was made.
    pub(super) fn trust(&self) {
        if self.is_suspect() {
            self.suspect.store(false, Ordering::Relaxed);
        }
    }
}

/// One request in flight. Dropped when its response has ended.
#[derive(Debug)]
pub(super) struct Permit {
    target: Arc<Target>,
}

impl Permit {
    pub(super) fn target(&self) -> &Arc<Target> {
        &self.target
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.target.in_flight.fetch_sub(1, Ordering::AcqRel) == CLOSED + 1 {
            self.target.emptied.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_target_takes_nothing_and_is_empty_once_its_last_request_ends() {
        let target = Target::new("127.0.0.1:1".parse().unwrap());
        let first = target.enter().unwrap();
        let second = target.enter().unwrap();
        assert_eq!(target.in_flight(), 2);
        target.close();
        assert!(target.enter().is_none() && target.is_closed());
        assert_eq!(target.in_flight(), 2);
        drop(first);
        let waiting = tokio::spawn({
            let target = Arc::clone(&target);
            async move { target.emptied().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
        // A request that comes too late does not undo it.
        assert!(target.enter().is_none());
        target.emptied().await;
    }
}

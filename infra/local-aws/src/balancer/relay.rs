//! Bodies on their way through, frame by frame, and bytes after a change of protocol. Nothing is collected.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::activity::{Activity, Watched};
use super::pool::{Pool, Sender};
use super::target::Permit;

/// What a response needs until it has ended: its place at the target and the connection, which is then idle again.
pub(super) struct Lease {
    pub(super) permit: Permit,
    pub(super) sender: Sender,
    pub(super) pool: Rc<Pool>,
}

impl Lease {
    fn give_back(self) {
        self.pool.put(self.permit.target(), self.sender);
    }
}

/// Body of a response to a client.
pub(super) struct Answered {
    source: Source,
    activity: Arc<Activity>,
}

enum Source {
    /// The balancer's own.
    Own(Full<Bytes>),
    /// A target's.
    Relayed { body: Incoming, lease: Option<Lease> },
}

impl Answered {
    pub(super) fn own(body: Full<Bytes>, activity: Arc<Activity>) -> Answered {
        Answered { source: Source::Own(body), activity }
    }

    pub(super) fn relayed(body: Incoming, lease: Lease, activity: Arc<Activity>) -> Answered {
        activity.relaying();
        let mut answered = Answered { source: Source::Relayed { body, lease: Some(lease) }, activity };
        answered.settle(false);
        answered
    }

    /// Gives the connection back once the response has ended.
    fn settle(&mut self, ended: bool) {
        if let Source::Relayed { body, lease } = &mut self.source
            && (ended || body.is_end_stream())
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
    }
}

impl Body for Answered {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.source {
            Source::Own(body) => return Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Source::Relayed { body, .. } => std::task::ready!(Pin::new(body).poll_frame(cx)),
        };
        self.settle(frame.is_none());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(body) => body.is_end_stream(),
            Source::Relayed { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(body) => body.size_hint(),
            Source::Relayed { body, .. } => body.size_hint(),
        }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        // The client's side may know the end from the length, and ask for no further frame.
        self.settle(false);
        self.activity.done();
    }
}

/// Passes bytes both ways between client and target until both have ended, or nothing has come for as long as the idle
/// timeout.
pub(super) async fn tunnel(client: OnUpgrade, target: OnUpgrade, permit: Permit, limit: Duration) {
    let Ok((client, target)) = tokio::try_join!(client, target) else { return };
    let activity = Activity::begin();
    activity.relaying();
    let mut client = Watched::new(TokioIo::new(client), Arc::clone(&activity));
    let mut target = TokioIo::new(target);
    tokio::select! {
        // Either side may go away at any time.
        _ = tokio::io::copy_bidirectional(&mut client, &mut target) => {}
        () = activity.idle(limit) => {}
    }
    drop(permit);
}

//! Uploads under way, in memory: an upload does not outlive the daemon. One request at a time goes on with an upload; one
//! whose body was cut off is broken, and ECR takes nothing more for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use uuid::Uuid;

use super::blobs::Draft;
use super::reply::RegistryError;

/// All uploads under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions {
    all: Arc<Mutex<HashMap<String, Session>>>,
}

#[derive(Debug)]
struct Session {
    repository: String,
    /// Bytes of the first `PATCH`: all that ECR's `Range` ever tells, however many follow (aws/containers-roadmap 2831).
    first: Option<u64>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Waiting(Draft),
    Busy,
    Broken { received: u64 },
}

/// An upload in the hands of one request. Dropped without `put_back` or `close`, it is broken.
#[derive(Debug)]
pub(crate) struct Lease {
    sessions: Sessions,
    id: String,
    /// Bytes that have arrived, those of the current request included.
    pub(crate) received: u64,
    open: bool,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new upload; its id.
    pub(crate) fn begin(&self, repository: &str, draft: Draft) -> String {
        let id = Uuid::new_v4().to_string();
        let session = Session { repository: repository.to_owned(), first: None, phase: Phase::Waiting(draft) };
        self.lock().insert(id.clone(), session);
        id
    }

    /// Claims an upload; `start` is the offset of the request's bytes, from its `Content-Range`.
    pub(crate) fn lease(
        &self,
        repository: &str,
        id: &str,
        start: Option<u64>,
    ) -> Result<(Lease, Draft), RegistryError> {
        let mut all = self.lock();
        let session =
            all.get_mut(id).filter(|session| session.repository == repository).ok_or_else(RegistryError::no_upload)?;
        match std::mem::replace(&mut session.phase, Phase::Busy) {
            Phase::Waiting(draft) => {
                let received = draft.size();
                if start.is_some_and(|start| start != received) {
                    session.phase = Phase::Waiting(draft);
                    return Err(out_of_order(start.unwrap_or_default(), received));
                }
                Ok((Lease { sessions: self.clone(), id: id.to_owned(), received, open: true }, draft))
            }
            Phase::Busy => Err(RegistryError::new(
                StatusCode::BAD_REQUEST,
                "BLOB_UPLOAD_INVALID",
                "Another request is going on with this upload",
            )),
            Phase::Broken { received } => {
                session.phase = Phase::Broken { received };
                Err(out_of_order(start.unwrap_or_default(), received))
            }
        }
    }

    /// Bytes that the `Range` of an upload tells.
    pub(crate) fn told(&self, repository: &str, id: &str) -> Option<u64> {
        let all = self.lock();
        let session = all.get(id).filter(|session| session.repository == repository)?;
        match &session.phase {
            Phase::Broken { .. } => None,
            Phase::Waiting(_) | Phase::Busy => Some(session.first.unwrap_or(0)),
        }
    }

    /// Gives an upload up.
    pub(crate) fn cancel(&self, repository: &str, id: &str) -> bool {
        let mut all = self.lock();
        let is_there = all.get(id).is_some_and(|session| session.repository == repository);
        is_there && all.remove(id).is_some()
    }
}

fn out_of_order(start: u64, received: u64) -> RegistryError {
    let message = if start == received {
        "The upload was interrupted: begin a new one".to_owned()
    } else {
        format!("First byte of the layer part is {start} instead of {received}")
    };
    RegistryError::new(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID", message)
}

impl Lease {
    /// All bytes of this request have arrived; more will follow. Gives what `Range` tells from now on.
    pub(crate) fn put_back(mut self, draft: Draft) -> u64 {
        self.open = false;
        let mut all = self.sessions.lock();
        // Cancelled meanwhile: the draft goes.
        let Some(session) = all.get_mut(&self.id) else { return 0 };
        let first = *session.first.get_or_insert(draft.size());
        session.phase = Phase::Waiting(draft);
        first
    }

    /// The upload is over, well or badly.
    pub(crate) fn close(mut self) {
        self.open = false;
        self.sessions.lock().remove(&self.id);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.open
            && let Some(session) = self.sessions.lock().get_mut(&self.id)
        {
            session.phase = Phase::Broken { received: self.received };
        }
    }
}

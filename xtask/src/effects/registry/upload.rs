//! Upload of blobs: checked for existence, mounted from another repository, or sent as one streamed `PUT` in a new
//! session. ECR loses bytes of further `PATCH`es and refuses a second attempt in the same session, so neither is used.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::mpsc;

use hyper::header::{CONTENT_TYPE, LOCATION};
use hyper::{Method, StatusCode, Uri};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::body::{Broken, FileBody, Payload, Progress};
use super::http::{Ask, Client, Place};
use super::retry::{Trouble, attempt};
use super::{TICK, interrupted};
use crate::effects::http::Answer;
use crate::effects::interrupt;
use crate::effects::layouts::Layout;
use crate::error::Failure;
use crate::image::Digest;
use crate::report::transfer::{Event, How, Sent};

/// Maximum number of concurrent uploads. ECR accepts 100 new uploads per second and account; more connections only
/// divide the bandwidth.
const AT_ONCE: usize = 6;

/// A blob and all repositories that need it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Content address.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// Layout that contains the blob.
    pub layout: Layout,
    /// Destination repositories.
    pub repositories: Vec<String>,
}

/// Uploads all blobs, with a bounded number of concurrent uploads.
pub(super) async fn all(
    client: &Arc<Client>,
    blobs: Vec<Blob>,
    show: &mut impl FnMut(&Event),
) -> anyhow::Result<Vec<Sent>> {
    let (events, happened) = mpsc::channel();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut progress = Vec::new();
    // Uploads that are in progress when this function returns are cancelled.
    let mut tasks = JoinSet::new();
    for blob in blobs {
        let (client, permits, events) = (Arc::clone(client), Arc::clone(&permits), events.clone());
        let counters = blob.repositories.iter().map(|_| Progress::default()).collect::<Vec<_>>();
        progress.extend(counters.clone());
        tasks.spawn(async move {
            // The semaphore is never closed.
            let _permit = permits.acquire_owned().await?;
            one(&client, &blob, &counters, &events).await
        });
    }
    let mut sent = Vec::new();
    loop {
        let joined = tokio::time::timeout(TICK, tasks.join_next()).await;
        happened.try_iter().for_each(|event| show(&event));
        show(&Event::Moved(progress.iter().map(Progress::bytes).sum()));
        match joined {
            Ok(None) => return Ok(sent),
            Ok(Some(result)) => sent.extend(result??),
            Err(_) => {}
        }
        if interrupt::requested() {
            return Err(interrupted().into());
        }
    }
}

/// Uploads one blob to its repositories, one after another: the second may mount it from the first.
async fn one(
    client: &Client,
    blob: &Blob,
    counters: &[Progress],
    events: &mpsc::Sender<Event>,
) -> anyhow::Result<Vec<Sent>> {
    let mut done: Vec<Sent> = Vec::new();
    for (repository, progress) in blob.repositories.iter().zip(counters) {
        let from = done.first().map(|sent| sent.repository.clone()).filter(|_| client.auth.may_mount());
        let what = format!("sending blob {} to `{repository}`", blob.digest.short());
        let again = |why: &str| {
            let _ = events.send(Event::Again(why.to_owned()));
        };
        let how = attempt(&what, again, |number| {
            progress.take_back();
            send(client, blob, repository, from.as_deref(), progress, number)
        });
        let how = how.await?;
        let sent = Sent { repository: repository.clone(), digest: blob.digest, size: blob.size, how };
        let _ = events.send(Event::Arrived(sent.clone()));
        done.push(sent);
    }
    Ok(done)
}

async fn send(
    client: &Client,
    blob: &Blob,
    repository: &str,
    from: Option<&str>,
    progress: &Progress,
    number: u32,
) -> Result<How, Trouble> {
    let ask = |method: Method, place, payload, headers| Ask { method, repository, place, headers, payload };
    let path = format!("blobs/{}", blob.digest);
    let found = client.ask(ask(Method::HEAD, Place::Path(&path), Payload::Nothing, vec![])).await?;
    if found.status.is_success() || found.status.is_redirection() {
        // After an attempt without a response, an existing blob is the one that was sent.
        return Ok(if number > 0 { How::Uploaded } else { How::Existing });
    }
    if found.status != StatusCode::NOT_FOUND {
        return Err(found.trouble("to say whether it has a blob"));
    }
    let path = match from {
        Some(from) => format!("blobs/uploads/?mount={}&from={from}", blob.digest),
        None => "blobs/uploads/".to_owned(),
    };
    let begun = client.ask(ask(Method::POST, Place::Path(&path), Payload::Nothing, vec![])).await?;
    match begun.status {
        StatusCode::CREATED => return Ok(How::Mounted),
        StatusCode::ACCEPTED => {}
        _ if begun.is(&["NAME_UNKNOWN"]) => return Err(no_repository(repository, &begun)),
        _ => return Err(begun.trouble("a new blob")),
    }
    let address = session(client, &begun, &blob.digest).map_err(Trouble::Final)?;
    let broken = |why: &dyn Display| Trouble::Final(Broken::new(blob.digest, why).failure().into());
    let file = blob.layout.open_blob(&blob.digest).map_err(|error| broken(&format!("cannot be read: {error}")))?;
    let body = FileBody::new(file, blob.digest, blob.size, progress.clone())
        .map_err(|error| Trouble::Final(error.failure().into()))?;
    let headers = vec![(CONTENT_TYPE, "application/octet-stream")];
    let done = client.ask(ask(Method::PUT, Place::Address(&address), Payload::File(Box::new(body)), headers)).await?;
    match done.status {
        StatusCode::CREATED => Ok(How::Uploaded),
        // An expired session is replaced by a new one, as in every attempt.
        _ if done.is(&["BLOB_UPLOAD_UNKNOWN"]) => Err(Trouble::passing(done.words())),
        _ => Err(done.trouble("a blob")),
    }
}

fn no_repository(repository: &str, answer: &Answer) -> Trouble {
    let failure = Failure::failed(format!("the registry has no repository `{repository}`: {}", answer.words()));
    Trouble::Final(failure.hint("make the repository in the registry, then push again").into())
}

/// Returns the upload address: the one that the registry returned, with the digest.
fn session(client: &Client, answer: &Answer, digest: &Digest) -> anyhow::Result<Uri> {
    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| anyhow::anyhow!("the registry names no place for a blob"))?;
    let joined = client.resolve(location);
    let separator = if joined.contains('?') { '&' } else { '?' };
    let address = format!("{joined}{separator}digest={digest}");
    address.parse().map_err(|_| anyhow::anyhow!("the registry names `{location}` as the place for a blob"))
}

//! `POST`, `PATCH`, `PUT`, `GET` and `DELETE` below `blobs/uploads/`: how a blob gets in.
//!
//! As ECR does: `PATCH` is answered with 201, not 202; `Range` stays at the end of the first `PATCH` although later bytes
//! are kept (so a client that trusts it sends the wrong bytes next); bytes out of order, and a second try in an upload whose body
//! was cut off, are 416; a mount is an ordinary upload unless the account has opted in.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::blobs::{Blobs, Draft};
use super::digest::Digest;
use super::receive::{Interrupted, receive};
use super::reply::RegistryError;
use super::route::query_value;
use super::sessions::Sessions;
use crate::emulator::Emulator;

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Begins an upload, or does all of one.
pub(crate) async fn begin(
    emulator: &Emulator,
    sessions: &Sessions,
    repository: &str,
    query: &str,
    body: Body,
) -> Result<Response, RegistryError> {
    if let Some(digest) = query_value(query, "mount").and_then(|digest| Digest::parse(&digest))
        && let Some(from) = query_value(query, "from")
        && mount(emulator, repository, &from, &digest)
    {
        emulator.store.durable().await.map_err(|error| RegistryError::not_durable(&error))?;
        return Ok(created(repository, &digest));
    }
    let draft = Blobs::of(&emulator.settings).draft().map_err(|error| RegistryError::disk(&error))?;
    if let Some(claimed) = query_value(query, "digest") {
        let claimed = claimed_digest(&claimed)?;
        let draft = receive(body, draft, &mut 0).await.map_err(interrupted)?;
        complete(emulator, repository, draft, &claimed).await?;
        return Ok(created(repository, &claimed));
    }
    let id = sessions.begin(repository, draft);
    Ok(under_way(StatusCode::ACCEPTED, repository, &id, 0))
}

/// More bytes.
pub(crate) async fn append(
    sessions: &Sessions,
    repository: &str,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, RegistryError> {
    let (mut lease, draft) = sessions.lease(repository, id, first_byte(headers)?)?;
    let draft = receive(body, draft, &mut lease.received).await.map_err(interrupted)?;
    let told = lease.put_back(draft);
    Ok(under_way(StatusCode::CREATED, repository, id, told))
}

/// The last bytes, and what all of them are.
pub(crate) async fn finish(
    emulator: &Emulator,
    sessions: &Sessions,
    repository: &str,
    id: &str,
    (query, headers): (&str, &HeaderMap),
    body: Body,
) -> Result<Response, RegistryError> {
    let claimed = query_value(query, "digest").ok_or_else(|| RegistryError::bad_digest("digest is missing"))?;
    let claimed = claimed_digest(&claimed)?;
    let (mut lease, draft) = sessions.lease(repository, id, first_byte(headers)?)?;
    let draft = receive(body, draft, &mut lease.received).await.map_err(interrupted)?;
    lease.close();
    complete(emulator, repository, draft, &claimed).await?;
    Ok(created(repository, &claimed))
}

/// How far an upload is, as far as ECR tells.
pub(crate) fn status(sessions: &Sessions, repository: &str, id: &str) -> Result<Response, RegistryError> {
    let told = sessions.told(repository, id).ok_or_else(RegistryError::no_upload)?;
    Ok(under_way(StatusCode::NO_CONTENT, repository, id, told))
}

/// Gives an upload up.
pub(crate) fn cancel(sessions: &Sessions, repository: &str, id: &str) -> Result<Response, RegistryError> {
    if sessions.cancel(repository, id) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(RegistryError::no_upload())
    }
}

/// Makes the draft a blob of `repository`, if it is what its sender takes it for.
async fn complete(emulator: &Emulator, repository: &str, draft: Draft, claimed: &Digest) -> Result<(), RegistryError> {
    let verified = draft.finish();
    if verified.digest != *claimed {
        let message = format!(
            "None of the provided layer digests match the calculated layer digest: {claimed} was provided, {} was \
             calculated over {} bytes",
            verified.digest,
            verified.size()
        );
        return Err(RegistryError::bad_digest(message));
    }
    let blobs = Blobs::of(&emulator.settings);
    emulator.store.write(|state| {
        let repository =
            state.ecr.repositories.get_mut(repository).ok_or_else(|| RegistryError::no_repository(repository))?;
        blobs.keep(&verified).map_err(|error| RegistryError::disk(&error))?;
        repository.blobs.insert(verified.digest.as_str().to_owned(), verified.size());
        Ok(())
    })?;
    emulator.store.durable().await.map_err(|error| RegistryError::not_durable(&error))?;
    Ok(())
}

/// Whether the blob is in `repository` now. ECR: the account must have opted in, and a manifest of the source must name it.
fn mount(emulator: &Emulator, repository: &str, from: &str, digest: &Digest) -> bool {
    let size = emulator.store.read(|state| {
        let source = state.ecr.repositories.get(from).filter(|_| state.ecr.blob_mounting)?;
        source.parents_of(digest.as_str()).next()?;
        source.blobs.get(digest.as_str()).copied()
    });
    let Some(size) = size else { return false };
    emulator.store.write(|state| {
        let still_there =
            state.ecr.repositories.get(from).is_some_and(|source| source.blobs.contains_key(digest.as_str()));
        let target = state.ecr.repositories.get_mut(repository).filter(|_| still_there);
        target.map(|target| target.blobs.insert(digest.as_str().to_owned(), size)).is_some()
    })
}

fn claimed_digest(text: &str) -> Result<Digest, RegistryError> {
    Digest::parse(text).ok_or_else(|| RegistryError::bad_digest(format!("`{text}` is not a SHA-256 digest")))
}

/// The start of `Content-Range: <first>-<last>`, with or without `bytes `.
fn first_byte(headers: &HeaderMap) -> Result<Option<u64>, RegistryError> {
    let Some(value) = headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    let range = text.strip_prefix("bytes").unwrap_or(text).trim_start_matches([' ', '=']);
    let start = range.split_once('-').and_then(|(start, _)| start.parse().ok());
    let invalid =
        || RegistryError::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", format!("`{text}` is no range of bytes"));
    start.ok_or_else(invalid).map(Some)
}

fn interrupted(why: Interrupted) -> RegistryError {
    match why {
        // Mostly, the client has gone.
        Interrupted::Client => RegistryError::new(
            StatusCode::BAD_REQUEST,
            "BLOB_UPLOAD_INVALID",
            "The connection ended before the layer did",
        ),
        Interrupted::Disk(error) => RegistryError::disk(&error),
    }
}

fn under_way(status: StatusCode, repository: &str, id: &str, told: u64) -> Response {
    let headers = [
        (header::LOCATION, text(&format!("/v2/{repository}/blobs/uploads/{id}"))),
        (header::RANGE, text(&format!("0-{}", told.saturating_sub(1)))),
        (UPLOAD_ID, text(id)),
    ];
    (status, headers).into_response()
}

fn created(repository: &str, digest: &Digest) -> Response {
    let headers = [
        (header::LOCATION, text(&format!("/v2/{repository}/blobs/{digest}"))),
        (CONTENT_DIGEST, text(digest.as_str())),
    ];
    (StatusCode::CREATED, headers).into_response()
}

/// Names, ids and digests were checked: they are plain ASCII.
fn text(plain: &str) -> HeaderValue {
    HeaderValue::from_str(plain).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let start = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_RANGE, value.parse().unwrap());
            first_byte(&headers)
        };
        assert_eq!(start("0-9"), Ok(Some(0)));
        assert_eq!(start("bytes 10-19/*"), Ok(Some(10)));
        assert_eq!(start("bytes=10-19"), Ok(Some(10)));
        assert!(start("ten-19").is_err());
        assert!(start("-1").is_err());
        assert_eq!(first_byte(&HeaderMap::new()), Ok(None));
    }
}

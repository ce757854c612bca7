//! `GET` and `HEAD` of blobs and manifests. ECR sends a client to S3 for a blob; here the bytes come at once.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

use super::blobs::Blobs;
use super::digest::{Digest, Reference};
use super::publish::find;
use super::reply::RegistryError;
use super::uploads::CONTENT_DIGEST;
use crate::emulator::Emulator;
use crate::time::Timestamp;

/// How much of a blob is read at once: fewer, larger reads are what makes it fast; 256 KiB is where it stops to matter.
const READ_AT_ONCE: usize = 256 * 1024;

/// A blob, or the part of it that `Range` asks for. Only through a repository that has it.
pub(crate) async fn blob(
    emulator: &Emulator,
    method: &Method,
    repository: &str,
    digest: &str,
    headers: &HeaderMap,
) -> Result<Response, RegistryError> {
    let digest =
        Digest::parse(digest).ok_or_else(|| RegistryError::bad_digest("provided digest is not a SHA-256 digest"))?;
    let is_there = emulator.store.read(|state| {
        state.ecr.repositories.get(repository).is_some_and(|repository| repository.blobs.contains_key(digest.as_str()))
    });
    if !is_there {
        return Err(RegistryError::no_blob());
    }
    let opened = tokio::fs::File::open(Blobs::of(&emulator.settings).path(&digest)).await;
    let mut file = opened.map_err(|_| RegistryError::no_blob())?;
    let size = file.metadata().await.map_err(|error| RegistryError::disk(&error))?.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let (status, first, length) = match range.map(|range| part(range, size)) {
        None | Some(Part::All) => (StatusCode::OK, 0, size),
        Some(Part::From { first, length }) => (StatusCode::PARTIAL_CONTENT, first, length),
        Some(Part::Outside) => {
            let error =
                RegistryError::new(StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID", "The range is outside the blob");
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response());
        }
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(first)).await.map_err(|error| RegistryError::disk(&error))?;
        Body::from_stream(ReaderStream::with_capacity(file.take(length), READ_AT_ONCE))
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(headers, CONTENT_DIGEST, digest.as_str());
    if status == StatusCode::PARTIAL_CONTENT {
        let last = first + length - 1;
        insert(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
    }
    Ok(response)
}

/// A manifest. ECR remembers when an image was pulled.
pub(crate) async fn manifest(
    emulator: &Emulator,
    method: &Method,
    repository: &str,
    reference: &Reference,
) -> Result<Response, RegistryError> {
    let found = emulator.store.read(|state| {
        let (digest, manifest) = find(state.ecr.repositories.get(repository)?, reference)?;
        Some((Digest::parse(digest)?, manifest.media_type.clone()))
    });
    let (digest, media_type) = found.ok_or_else(RegistryError::no_manifest)?;
    let bytes = tokio::fs::read(Blobs::of(&emulator.settings).path(&digest)).await;
    let bytes = bytes.map_err(|_| RegistryError::no_manifest())?;
    if method == Method::GET {
        emulator.store.write(|state| {
            let repository = state.ecr.repositories.get_mut(repository);
            if let Some(manifest) = repository.and_then(|repository| repository.manifests.get_mut(digest.as_str())) {
                manifest.pulled_at = Some(Timestamp::now());
            }
        });
    }
    let length = bytes.len();
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(bytes) };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, length.into());
    insert(headers, header::CONTENT_TYPE, &media_type);
    insert(headers, CONTENT_DIGEST, digest.as_str());
    Ok(response)
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// What `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    All,
    From { first: u64, length: u64 },
    Outside,
}

/// One range of bytes, as RFC 9110 has it; several ranges, and what is no range, are answered with everything.
fn part(range: &str, size: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::All;
    };
    let (first, last) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(size.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, size.saturating_sub(1)),
        (Err(_), Ok(0)) if first.is_empty() => return Part::Outside,
        (Err(_), Ok(suffix)) if first.is_empty() => (size.saturating_sub(suffix), size.saturating_sub(1)),
        _ => return Part::All,
    };
    if first >= size { Part::Outside } else { Part::From { first, length: last - first + 1 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let from = |first, length| Part::From { first, length };
        for (range, expected) in [
            ("bytes=0-4", from(0, 5)),
            ("bytes=9-9", from(9, 1)),
            ("bytes=3-", from(3, 7)),
            ("bytes=3-99", from(3, 7)),
            ("bytes=-4", from(6, 4)),
            ("bytes=-99", from(0, 10)),
            ("bytes=10-", Part::Outside),
            ("bytes=-0", Part::Outside),
            ("bytes=10-12", Part::Outside),
            ("bytes=4-3", Part::All),
            ("bytes=0-1,3-4", Part::All),
            ("lines=0-1", Part::All),
            ("bytes=-", Part::All),
            ("bytes=a-b", Part::All),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Outside);
    }
}

//! Manifests: resolves and sets tags. A tag is resolved before it is set: setting an immutable tag again is an error on
//! ECR, even for the same image.

use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, StatusCode};

use super::body::Payload;
use super::http::{Ask, Client, Place};
use super::retry::{Trouble, attempt};
use crate::error::Failure;
use crate::image::{Digest, Tag};

/// Accepted media types of manifests. They include indexes, so that the tag of an index is not taken for a free one.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
                        application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest as stored in the layout.
#[derive(Clone, Debug)]
pub struct Document {
    /// Digest of the bytes.
    pub digest: Digest,
    /// Media type of the manifest.
    pub media_type: String,
    /// Exact content.
    pub bytes: Vec<u8>,
}

/// Result of setting a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The tag refers to the image now.
    Given,
    /// Another client has just set it to the same image.
    Already,
}

pub(super) async fn digest_of_tag(client: &Client, repository: &str, tag: &Tag) -> anyhow::Result<Option<Digest>> {
    let what = format!("looking for `{repository}:{tag}`");
    let path = format!("manifests/{tag}");
    let ask = |method| Ask {
        method,
        repository,
        place: Place::Path(&path),
        headers: vec![(ACCEPT, ACCEPTED)],
        payload: Payload::Nothing,
    };
    attempt(
        &what,
        |_| (),
        |_| async {
            let answer = client.ask(ask(Method::HEAD)).await?;
            match answer.status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Ok(None),
                _ => return Err(answer.trouble(&format!("to say what `{tag}` is"))),
            }
            if let Some(digest) = answer.headers.get("docker-content-digest") {
                let parsed = digest.to_str().ok().and_then(|digest| digest.parse().ok());
                let other =
                    || Trouble::Final(anyhow::anyhow!("the registry has `{tag}` under a digest of an unknown kind"));
                return Ok(Some(parsed.ok_or_else(other)?));
            }
            // The response's digest header is optional; the document is not.
            let answer = client.ask(ask(Method::GET)).await?;
            match answer.status {
                StatusCode::OK => Ok(Some(Digest::of(&answer.body))),
                _ => Err(answer.trouble(&format!("to show what `{tag}` is"))),
            }
        },
    )
    .await
}

pub(super) async fn put(client: &Client, repository: &str, tag: &Tag, document: &Document) -> anyhow::Result<Put> {
    let what = format!("tagging `{repository}:{tag}`");
    let path = format!("manifests/{tag}");
    let put = attempt(
        &what,
        |_| (),
        |_| async {
            let answer = client
                .ask(Ask {
                    method: Method::PUT,
                    repository,
                    place: Place::Path(&path),
                    headers: vec![(CONTENT_TYPE, &document.media_type)],
                    payload: Payload::Document(Some(Bytes::from(document.bytes.clone()))),
                })
                .await?;
            if answer.status.is_success() {
                let said = answer.headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
                let ours = document.digest.to_string();
                if said.is_some_and(|said| said != ours) {
                    let text = format!("the registry stored `{tag}` as {} instead of {ours}", said.unwrap_or_default());
                    return Err(Trouble::Final(Failure::failed(text).into()));
                }
                return Ok(None);
            }
            // A new blob may not be visible at once; ECR's code for this differs from the specification's.
            if answer.is(&["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "BLOB_UPLOAD_UNKNOWN"]) {
                return Err(Trouble::passing(answer.words()));
            }
            match answer.status {
                StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => {
                    Ok(Some((answer.words(), answer.trouble(&format!("the tag `{tag}`")))))
                }
                _ => Err(answer.trouble(&format!("the tag `{tag}`"))),
            }
        },
    );
    let Some((words, trouble)) = put.await? else { return Ok(Put::Given) };
    // Another client was quicker, or a response was lost: setting an immutable tag fails even for the same image.
    match (digest_of_tag(client, repository, tag).await?, trouble) {
        (Some(digest), _) if digest == document.digest => Ok(Put::Already),
        (Some(digest), _) => {
            let text = format!("`{repository}:{tag}` is {digest} already, and ours is {}: {words}", document.digest);
            Err(Failure::refused(text).into())
        }
        (None, Trouble::Final(error)) => Err(error),
        (None, _) => Err(Failure::failed(format!("{what} was refused: {words}")).into()),
    }
}

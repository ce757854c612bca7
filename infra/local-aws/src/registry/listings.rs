//! What is in a repository: its tags, page by page, and what refers to a manifest.

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::blobs::Blobs;
use super::digest::Digest;
use super::manifest::{OCI_INDEX, Parsed};
use super::reply::RegistryError;
use super::route::query_value;
use crate::emulator::Emulator;

/// ECR: at most 1,000 tags a page, which is also what it gives unasked.
const TAGS_A_PAGE: usize = 1000;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// `tags/list`.
pub(crate) fn tags(emulator: &Emulator, name: &str, query: &str) -> Result<Response, RegistryError> {
    let asked = match query_value(query, "n").map(|n| n.parse::<usize>()) {
        None => TAGS_A_PAGE,
        Some(Ok(n)) => n.min(TAGS_A_PAGE),
        Some(Err(_)) => {
            return Err(RegistryError::new(
                StatusCode::BAD_REQUEST,
                "PAGINATION_NUMBER_INVALID",
                "`n` is not a number",
            ));
        }
    };
    let last = query_value(query, "last").unwrap_or_default();
    let page = emulator.store.read(|state| {
        let repository = state.ecr.repositories.get(name).ok_or_else(|| RegistryError::no_repository(name))?;
        let after = repository.tags.keys().filter(|tag| last.is_empty() || tag.as_str() > last.as_str());
        // One more than requested shows whether a next page exists.
        Ok(after.take(asked + 1).cloned().collect::<Vec<String>>())
    })?;
    let (tags, more) = if page.len() > asked { (&page[..asked], true) } else { (&page[..], false) };
    let body = json!({ "name": name, "tags": tags }).to_string();
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(last) = tags.last().filter(|_| more)
        && let Ok(link) = format!("</v2/{name}/tags/list?last={last}&n={asked}>; rel=\"next\"").parse()
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `referrers/<digest>`: an index of the manifests that are about this one. Nothing about an unknown one is an empty list.
pub(crate) fn referrers(emulator: &Emulator, name: &str, digest: &str, query: &str) -> Result<Response, RegistryError> {
    let digest =
        Digest::parse(digest).ok_or_else(|| RegistryError::bad_digest("provided digest is not a SHA-256 digest"))?;
    let wanted = query_value(query, "artifactType");
    let blobs = Blobs::of(&emulator.settings);
    let found = emulator.store.read(|state| {
        let repository = state.ecr.repositories.get(name).ok_or_else(|| RegistryError::no_repository(name))?;
        let about = repository.manifests.iter().filter(|(_, held)| held.subject.as_deref() == Some(digest.as_str()));
        let of_type = about.filter(|(_, held)| wanted.is_none() || held.artifact_type == wanted);
        Ok(of_type.map(|(digest, held)| (digest.clone(), held.clone())).collect::<Vec<_>>())
    })?;
    let descriptors: Vec<Value> = found
        .into_iter()
        .map(|(digest, held)| {
            let mut descriptor = json!({ "mediaType": held.media_type, "digest": digest, "size": held.size });
            if let Some(artifact_type) = held.artifact_type {
                descriptor["artifactType"] = artifact_type.into();
            }
            let document = Digest::parse(&digest).and_then(|digest| blobs.read_document(&digest)).unwrap_or_default();
            if let Ok(Parsed { annotations: Some(annotations), .. }) = Parsed::new(&document, Some(&held.media_type)) {
                descriptor["annotations"] = annotations;
            }
            descriptor
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors });
    let mut response = ([(header::CONTENT_TYPE, OCI_INDEX)], index.to_string()).into_response();
    if wanted.is_some() {
        response.headers_mut().insert(FILTERS_APPLIED, header::HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}

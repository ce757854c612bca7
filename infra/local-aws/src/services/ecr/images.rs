//! Images as the API sees them: got, described, listed, deleted. Failures are part of an answer, as AWS has it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{Failure, ImageId, Paging, checked_name, existing, image_id, invalid, listed, not_found};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::registry::blobs::Blobs;
use crate::registry::collect::{self, NotDeleted};
use crate::registry::digest::Digest;
use crate::registry::publish::find;
use crate::settings::ACCOUNT;
use crate::store::ecr::{Manifest, Repository};

/// ECR: at most 100 identifiers a call.
const MOST_IDS: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGet {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    accepted_media_types: Option<Vec<String>>,
}

/// `BatchGetImage`.
pub(super) fn batch_get(emulator: &Emulator, input: BatchGet) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let ids = listed("imageIds", input.image_ids, MOST_IDS)?;
    let blobs = Blobs::of(&emulator.settings);
    let found: Vec<Result<(Digest, String), Failure>> = emulator.store.read(|state| {
        let repository = existing(state, name)?;
        let one = |id: &ImageId| {
            let (digest, manifest) = find(repository, &id.resolve(repository)?).ok_or_else(not_found)?;
            let accepted = input.accepted_media_types.as_ref();
            if accepted.is_some_and(|accepted| !accepted.contains(&manifest.media_type)) {
                let reason = format!(
                    "The image is '{}', which acceptedMediaTypes does not name; the local emulator converts nothing",
                    manifest.media_type
                );
                return Err(("ImageNotFound", reason));
            }
            Ok((Digest::parse(digest).ok_or_else(not_found)?, manifest.media_type.clone()))
        };
        Ok(ids.iter().map(one).collect())
    })?;
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for (id, found) in ids.iter().zip(found) {
        let read = found.and_then(|(digest, media_type)| {
            let document = blobs.read_document(&digest).and_then(|bytes| String::from_utf8(bytes).ok());
            Ok((digest, media_type, document.ok_or_else(not_found)?))
        });
        match read {
            Ok((digest, media_type, document)) => images.push(json!({
                "registryId": ACCOUNT,
                "repositoryName": name,
                "imageId": image_id(Some(digest.as_str()), id.image_tag.as_deref()),
                "imageManifest": document,
                "imageManifestMediaType": media_type,
            })),
            Err(failure) => failures.push(failed(id, &failure)),
        }
    }
    Ok(json!({ "images": images, "failures": failures }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchDelete {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
}

/// `BatchDeleteImage`.
pub(super) fn batch_delete(emulator: &Emulator, input: BatchDelete) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let ids = listed("imageIds", input.image_ids, MOST_IDS)?;
    let blobs = Blobs::of(&emulator.settings);
    let output = emulator.store.write(|state| {
        let (mut gone, mut failures) = (Vec::new(), Vec::new());
        for id in &ids {
            let repository = super::input::existing_mut(state, name)?;
            let deleted = id.resolve(repository).and_then(|reference| {
                collect::delete_image(repository, &reference).map_err(|why| match why {
                    NotDeleted::NotFound => not_found(),
                    NotDeleted::ReferencedBy(indexes) => {
                        let reason = format!("Requested image referenced by manifest list: [{}]", indexes.join(", "));
                        ("ImageReferencedByManifestList", reason)
                    }
                })
            });
            match deleted {
                Ok(deleted) => {
                    if deleted.tags.is_empty() {
                        gone.push(image_id(Some(&deleted.digest), None));
                    }
                    gone.extend(deleted.tags.iter().map(|tag| image_id(Some(&deleted.digest), Some(tag))));
                    collect::discard(state, &blobs, &deleted.loose);
                }
                Err(failure) => failures.push(failed(id, &failure)),
            }
        }
        Ok(json!({ "imageIds": gone, "failures": failures }))
    })?;
    blobs.empty();
    Ok(output)
}

fn failed(id: &ImageId, (code, reason): &Failure) -> Value {
    json!({ "imageId": id.json(), "failureCode": code, "failureReason": reason })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    tag_status: Option<String>,
    image_status: Option<String>,
}

impl Filter {
    /// Whether an image with this many tags is requested. All images here are active.
    fn lets(&self, tags: usize) -> Answer<bool> {
        let by_tag = match self.tag_status.as_deref() {
            None | Some("ANY") => true,
            Some("TAGGED") => tags > 0,
            Some("UNTAGGED") => tags == 0,
            Some(_) => return Err(invalid("tagStatus", "Member must satisfy enum value set: [TAGGED, UNTAGGED, ANY]")),
        };
        match self.image_status.as_deref() {
            None | Some("ACTIVE" | "ANY") => Ok(by_tag),
            Some("ARCHIVED" | "ACTIVATING") => Ok(false),
            Some(_) => {
                let names = "[ACTIVE, ARCHIVED, ACTIVATING, ANY]";
                Err(invalid("imageStatus", format!("Member must satisfy enum value set: {names}")))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_ids: Option<Vec<ImageId>>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<Filter>,
}

/// `DescribeImages`.
pub(super) fn describe(emulator: &Emulator, input: Describe) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let filter = input.filter.unwrap_or_default();
    filter.lets(0)?;
    if let Some(ids) = input.image_ids {
        if input.max_results.is_some() || input.next_token.is_some() {
            return Err(invalid("imageIds", "Member must be null where maxResults or nextToken is given"));
        }
        let ids = listed("imageIds", Some(ids), MOST_IDS)?;
        return emulator.store.read(|state| {
            let repository = existing(state, name)?;
            let mut details: Vec<(&str, Value)> = Vec::new();
            for id in &ids {
                let reference = id.resolve(repository).map_err(|failure| unresolved(name, id, failure))?;
                let (digest, manifest) =
                    find(repository, &reference).ok_or_else(|| unresolved(name, id, not_found()))?;
                if details.iter().all(|(seen, _)| *seen != digest) {
                    details.push((digest, detail(name, repository, digest, manifest)));
                }
            }
            Ok(json!({ "imageDetails": details.into_iter().map(|(_, detail)| detail).collect::<Vec<Value>>() }))
        });
    }
    let paging = Paging::new(input.max_results, input.next_token.as_deref())?;
    emulator.store.read(|state| {
        let repository = existing(state, name)?;
        let wanted = |digest: &str| filter.lets(repository.tags_of(digest).count()).unwrap_or(false);
        let all = repository.manifests.iter().filter(|(digest, _)| wanted(digest));
        let (page, next) =
            paging.cut(all.map(|(digest, manifest)| (digest.clone(), detail(name, repository, digest, manifest))));
        let mut output = json!({ "imageDetails": page });
        if let Some(next) = next {
            output["nextToken"] = next.into();
        }
        Ok(output)
    })
}

/// A failure of another call is an error of `DescribeImages`.
fn unresolved(name: &str, id: &ImageId, (code, reason): Failure) -> AwsError {
    if !matches!(code, "ImageNotFound" | "ImageTagDoesNotMatchDigest") {
        return AwsError::client("InvalidParameterException", reason);
    }
    let text = |member: &Option<String>| member.clone().unwrap_or_else(|| "null".to_owned());
    let (digest, tag) = (text(&id.image_digest), text(&id.image_tag));
    let message = format!(
        "The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository with name \
         '{name}' in the registry with id '{ACCOUNT}'"
    );
    AwsError::client("ImageNotFoundException", message)
}

/// `ImageDetail` on the wire.
fn detail(name: &str, repository: &Repository, digest: &str, manifest: &Manifest) -> Value {
    let mut detail = json!({
        "registryId": ACCOUNT,
        "repositoryName": name,
        "imageDigest": digest,
        "imageSizeInBytes": manifest.image_size,
        "imagePushedAt": manifest.pushed_at,
        "imageManifestMediaType": manifest.media_type,
        "imageStatus": "ACTIVE",
    });
    let tags: Vec<&str> = repository.tags_of(digest).collect();
    if !tags.is_empty() {
        detail["imageTags"] = tags.into();
    }
    if let Some(artifact_type) = &manifest.artifact_type {
        detail["artifactMediaType"] = artifact_type.as_str().into();
    }
    if let Some(pulled_at) = manifest.pulled_at {
        detail["lastRecordedPullTime"] = json!(pulled_at);
    }
    if let Some(subject) = &manifest.subject {
        detail["subjectManifestDigest"] = subject.as_str().into();
    }
    detail
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    registry_id: Option<String>,
    repository_name: Option<String>,
    next_token: Option<String>,
    max_results: Option<i64>,
    filter: Option<Filter>,
}

/// `ListImages`: one entry a tag, and one for each image without any.
pub(super) fn list(emulator: &Emulator, input: List) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let filter = input.filter.unwrap_or_default();
    let (tagged, untagged) = (filter.lets(1)?, filter.lets(0)?);
    let paging = Paging::new(input.max_results, input.next_token.as_deref())?;
    emulator.store.read(|state| {
        let repository = existing(state, name)?;
        let entries = repository.manifests.keys().flat_map(|digest| {
            let mut tags = repository.tags_of(digest).filter(|_| tagged).map(Some).collect::<Vec<_>>();
            if untagged && repository.tags_of(digest).next().is_none() {
                tags.push(None);
            }
            tags.into_iter()
                .map(move |tag| (format!("{digest} {}", tag.unwrap_or_default()), image_id(Some(digest), tag)))
        });
        let (page, next) = paging.cut(entries);
        let mut output = json!({ "imageIds": page });
        if let Some(next) = next {
            output["nextToken"] = next.into();
        }
        Ok(output)
    })
}

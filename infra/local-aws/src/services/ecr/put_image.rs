//! `PutImage`: a manifest by the API instead of by the registry. The same rules, other names for breaking them.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{TAG_PATTERN, checked_name, image_id, invalid, no_repository, required};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::registry::digest::{Digest, is_tag};
use crate::registry::publish::{Offer, Refused, publish};
use crate::registry::reply;
use crate::settings::ACCOUNT;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutImage {
    registry_id: Option<String>,
    repository_name: Option<String>,
    image_manifest: Option<String>,
    image_manifest_media_type: Option<String>,
    image_tag: Option<String>,
    image_digest: Option<String>,
}

/// `PutImage`.
pub(super) fn put(emulator: &Emulator, input: PutImage) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let manifest = required("imageManifest", input.image_manifest)?;
    let tag = input.image_tag.as_deref();
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err(invalid("imageTag", format!("must satisfy regular expression '{TAG_PATTERN}'")));
    }
    let claimed = match input.image_digest.as_deref() {
        None => None,
        Some(text) => {
            let pattern = || invalid("imageDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
            Some(Digest::parse(text).ok_or_else(pattern)?)
        }
    };
    let offer = Offer {
        repository: name,
        tag,
        claimed: claimed.as_ref(),
        media_type: input.image_manifest_media_type.as_deref(),
        bytes: manifest.as_bytes(),
        must_be_new: true,
    };
    let published = publish(emulator, &offer).map_err(|why| refused(name, tag, why))?;
    Ok(json!({
        "image": {
            "registryId": ACCOUNT,
            "repositoryName": name,
            "imageId": image_id(Some(published.digest.as_str()), tag),
            "imageManifest": manifest,
            "imageManifestMediaType": published.media_type,
        },
    }))
}

/// Names that ECR's API has for why a manifest is not taken.
fn refused(name: &str, tag: Option<&str>, why: Refused) -> AwsError {
    let (code, message) = match why {
        Refused::NoRepository => return no_repository(name),
        Refused::Invalid(why) => return invalid("ImageManifest", why),
        Refused::TooLarge => return invalid("imageManifest", "Member must have length less than or equal to 4194304"),
        Refused::DigestMismatch(claimed) => (
            "ImageDigestDoesNotMatchException",
            format!(
                "The image with digest '{claimed}' in repository '{name}' and registry ID '{ACCOUNT}' does not match the \
                 image digest that Amazon ECR has calculated."
            ),
        ),
        Refused::TagIsImmutable(tag) => ("ImageTagAlreadyExistsException", reply::tag_is_immutable(&tag, name)),
        Refused::AlreadyThere(digest) => (
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{name}' in registry \
                 with id '{ACCOUNT}'",
                tag.unwrap_or("null")
            ),
        ),
        Refused::MissingLayers(digests) => ("LayersNotFoundException", reply::missing("Layers", &digests, name)),
        Refused::MissingImages(digests) => {
            ("ReferencedImagesNotFoundException", reply::missing("Images", &digests, name))
        }
        Refused::Disk(message) => return AwsError::server(message),
    };
    AwsError::client(code, message)
}

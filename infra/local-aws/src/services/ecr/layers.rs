//! Layers as the API sees them. They are pushed through the registry: the API's own upload, in parts of base64, is not here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{checked_name, existing, invalid, listed, required};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::registry::auth;
use crate::registry::digest::Digest;
use crate::settings::ACCOUNT;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchCheck {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digests: Option<Vec<String>>,
}

/// `BatchCheckLayerAvailability`. A layer that is not there is `UNAVAILABLE`, not a failure.
pub(super) fn batch_check(emulator: &Emulator, input: BatchCheck) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let digests = listed("layerDigests", input.layer_digests, 100)?;
    emulator.store.read(|state| {
        let repository = existing(state, name)?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for digest in digests {
            let (code, reason) = if digest.is_empty() {
                ("MissingLayerDigest", "Invalid request parameters: layer digest cannot be empty".to_owned())
            } else if Digest::parse(&digest).is_none() {
                ("InvalidLayerDigest", format!("Invalid layer digest '{digest}'"))
            } else {
                layers.push(match repository.blobs.get(&digest) {
                    Some(size) => json!({ "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size }),
                    None => json!({ "layerDigest": digest, "layerAvailability": "UNAVAILABLE" }),
                });
                continue;
            };
            failures.push(json!({ "layerDigest": digest, "failureCode": code, "failureReason": reason }));
        }
        Ok(json!({ "layers": layers, "failures": failures }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DownloadUrl {
    registry_id: Option<String>,
    repository_name: Option<String>,
    layer_digest: Option<String>,
}

/// `GetDownloadUrlForLayer`. AWS's address carries its own permission, and so does this one.
pub(super) fn download_url(emulator: &Emulator, input: &DownloadUrl) -> Answer<Value> {
    let name = checked_name(input.registry_id.as_deref(), input.repository_name.as_deref())?;
    let digest = required("layerDigest", input.layer_digest.as_deref())?;
    let pattern = || invalid("layerDigest", "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'");
    let digest = Digest::parse(digest).ok_or_else(pattern)?;
    let is_there = emulator.store.read(|state| Ok(existing(state, name)?.blobs.contains_key(digest.as_str())))?;
    if !is_there {
        let message = format!(
            "The layer with digest '{digest}' does not exist in the repository with name '{name}' in the registry with id \
             '{ACCOUNT}'"
        );
        return Err(AwsError::client("LayersNotFoundException", message));
    }
    let auth::Credentials { username, password, .. } = auth::credentials(emulator);
    let url = format!("http://{username}:{password}@{}/v2/{name}/blobs/{digest}", emulator.settings.registry());
    Ok(json!({ "downloadUrl": url, "layerDigest": digest.as_str() }))
}

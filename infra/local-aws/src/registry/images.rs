//! What the runner asks about an image before it pulls it: which digest a reference means, for which platforms it is.

use serde::Deserialize;

use super::blobs::Blobs;
use super::digest::{Digest, Reference};
use super::manifest::{Kind, Parsed};
use crate::emulator::Emulator;

/// What a reference means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Of the manifest: what to pull, and what `imageDigest` of a container is.
    pub digest: String,
    /// Of the manifest.
    pub media_type: String,
    /// The platform of an image, those of its images for an index. Empty where it says none.
    pub platforms: Vec<Platform>,
}

/// For which machines an image is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `arm64`.
    pub architecture: String,
    /// Such as `v8`.
    #[serde(default)]
    pub variant: Option<String>,
}

/// Looks a tag or digest up. `None` where the repository or the image is not there.
pub fn resolve(emulator: &Emulator, repository: &str, reference: &str) -> Option<Resolved> {
    let reference = Reference::parse(reference)?;
    let (digest, media_type) = emulator.store.read(|state| {
        let repository = state.ecr.repositories.get(repository)?;
        let digest = match &reference {
            Reference::Tag(tag) => repository.tags.get(tag)?.as_str(),
            Reference::Digest(digest) => digest.as_str(),
        };
        Some((digest.to_owned(), repository.manifests.get(digest)?.media_type.clone()))
    })?;
    let blobs = Blobs::of(&emulator.settings);
    let platforms = Digest::parse(&digest).map(|digest| platforms(&blobs, &digest, &media_type)).unwrap_or_default();
    Some(Resolved { digest, media_type, platforms })
}

fn platforms(blobs: &Blobs, manifest: &Digest, media_type: &str) -> Vec<Platform> {
    let Some(parsed) = blobs.read_document(manifest).and_then(|bytes| Parsed::new(&bytes, Some(media_type)).ok())
    else {
        return Vec::new();
    };
    match parsed.kind {
        Kind::Index => parsed.platforms,
        Kind::Image { config } => {
            let config = Digest::parse(&config).and_then(|config| blobs.read_document(&config));
            config.and_then(|bytes| serde_json::from_slice(&bytes).ok()).into_iter().collect()
        }
    }
}

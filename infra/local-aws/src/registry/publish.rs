//! Taking a manifest in: everything it names must be there, a tag that may not be moved is not, and of two writers of one
//! tag the last one wins. The registry's `PUT` and the API's `PutImage` both come through here.

use super::blobs::{Blobs, Verified};
use super::digest::{Digest, Reference};
use super::manifest::{Kind, MAX_BYTES, Parsed};
use crate::emulator::Emulator;
use crate::store::State;
use crate::store::ecr::{Manifest, Repository};
use crate::time::Timestamp;

/// A manifest that somebody would like to see in a repository.
#[derive(Debug)]
pub(crate) struct Offer<'a> {
    /// Of the repository.
    pub(crate) repository: &'a str,
    /// The tag that shall point to it.
    pub(crate) tag: Option<&'a str>,
    /// The digest that the sender has computed.
    pub(crate) claimed: Option<&'a Digest>,
    /// The media type that came beside the document.
    pub(crate) media_type: Option<&'a str>,
    /// The document, byte for byte.
    pub(crate) bytes: &'a [u8],
    /// Whether it is an error that the same is there already, as it is for the API.
    pub(crate) must_be_new: bool,
}

/// What was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// Of the manifest.
    pub(crate) digest: Digest,
    /// Of the manifest.
    pub(crate) media_type: &'static str,
    /// What it is about.
    pub(crate) subject: Option<String>,
}

/// Why a manifest is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no such repository.
    NoRepository,
    /// It is no manifest.
    Invalid(String),
    /// It is longer than manifests may be.
    TooLarge,
    /// It is not what its sender takes it for.
    DigestMismatch(Digest),
    /// The tag is there and stays where it is, whatever it points to.
    TagIsImmutable(String),
    /// The repository has just this already.
    AlreadyThere(Digest),
    /// Blobs that were never pushed to this repository.
    MissingLayers(Vec<String>),
    /// Manifests that were never pushed to this repository.
    MissingImages(Vec<String>),
    /// The machine's mistake.
    Disk(String),
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Refused {
        Refused::Disk(format!("failed to write to the disk of the local emulator: {error}"))
    }
}

/// Takes a manifest in, wholly or not at all.
pub(crate) fn publish(emulator: &Emulator, offer: &Offer<'_>) -> Result<Published, Refused> {
    if offer.bytes.len() > MAX_BYTES {
        return Err(Refused::TooLarge);
    }
    let parsed = Parsed::new(offer.bytes, offer.media_type)
        .map_err(|super::manifest::Invalid(message)| Refused::Invalid(message))?;
    // Looked at twice, so that a refused manifest costs no write.
    emulator.store.read(|state| admissible(state, offer, &parsed, &Digest::of(offer.bytes)))?;
    let blobs = Blobs::of(&emulator.settings);
    let mut draft = blobs.draft()?;
    draft.append(offer.bytes)?;
    let verified = draft.finish();
    if let Some(claimed) = offer.claimed
        && *claimed != verified.digest
    {
        return Err(Refused::DigestMismatch(claimed.clone()));
    }
    emulator.store.write(|state| {
        admissible(state, offer, &parsed, &verified.digest)?;
        let repository = state.ecr.repositories.get_mut(offer.repository).ok_or(Refused::NoRepository)?;
        blobs.keep(&verified)?;
        let digest = verified.digest.as_str().to_owned();
        let known = repository.manifests.remove(&digest);
        let manifest = record(repository, &parsed, &verified, known.as_ref());
        repository.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = offer.tag {
            repository.tags.insert(tag.to_owned(), digest);
        }
        Ok(Published {
            digest: verified.digest.clone(),
            media_type: parsed.media_type,
            subject: parsed.subject.clone(),
        })
    })
}

/// Whether the state lets `offer` in. Changes nothing.
fn admissible(state: &State, offer: &Offer<'_>, parsed: &Parsed, digest: &Digest) -> Result<(), Refused> {
    let repository = state.ecr.repositories.get(offer.repository).ok_or(Refused::NoRepository)?;
    if let Some(claimed) = offer.claimed
        && claimed != digest
    {
        return Err(Refused::DigestMismatch(claimed.clone()));
    }
    let current = offer.tag.and_then(|tag| repository.tags.get(tag));
    let unchanged = match offer.tag {
        Some(_) => current.is_some_and(|current| current == digest.as_str()),
        None => repository.manifests.contains_key(digest.as_str()),
    };
    if offer.must_be_new && unchanged {
        return Err(Refused::AlreadyThere(digest.clone()));
    }
    if let (Some(tag), Some(_)) = (offer.tag, current)
        && repository.is_immutable(tag)
    {
        return Err(Refused::TagIsImmutable(tag.to_owned()));
    }
    let is_missing = |wanted: &&String| match parsed.kind {
        Kind::Image { .. } => !repository.blobs.contains_key(*wanted),
        Kind::Index => !repository.manifests.contains_key(*wanted),
    };
    let missing: Vec<String> = parsed.references.iter().filter(is_missing).cloned().collect();
    match parsed.kind {
        _ if missing.is_empty() => Ok(()),
        Kind::Image { .. } => Err(Refused::MissingLayers(missing)),
        Kind::Index => Err(Refused::MissingImages(missing)),
    }
}

fn record(repository: &Repository, parsed: &Parsed, verified: &Verified, known: Option<&Manifest>) -> Manifest {
    // ECR: the size of a list is that of the largest image in it.
    let sizes = parsed.references.iter().filter_map(|digest| repository.manifests.get(digest));
    let image_size = match parsed.kind {
        Kind::Image { .. } => parsed.size,
        Kind::Index => sizes.map(|manifest| manifest.image_size).max().unwrap_or_default(),
    };
    Manifest {
        media_type: parsed.media_type.to_owned(),
        artifact_type: parsed.artifact_type.clone(),
        size: verified.size(),
        image_size,
        subject: parsed.subject.clone(),
        references: parsed.references.iter().cloned().collect(),
        pushed_at: known.map_or_else(Timestamp::now, |known| known.pushed_at),
        pulled_at: known.and_then(|known| known.pulled_at),
    }
}

/// What an identifier means in `repository`.
pub(crate) fn find<'a>(repository: &'a Repository, reference: &Reference) -> Option<(&'a str, &'a Manifest)> {
    let digest = match reference {
        Reference::Tag(tag) => repository.tags.get(tag)?.as_str(),
        Reference::Digest(digest) => digest.as_str(),
    };
    repository.manifests.get_key_value(digest).map(|(digest, manifest)| (digest.as_str(), manifest))
}

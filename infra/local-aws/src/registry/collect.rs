//! Removal of images, and of the blobs that no image needs after that: at once where an image or a repository is deleted, at
//! the start of the daemon where a push was left half done.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use super::blobs::Blobs;
use super::digest::{Digest, Reference};
use crate::emulator::Emulator;
use crate::store::State;
use crate::store::ecr::Repository;

/// How long a blob that no manifest names waits for one: as long as a token lasts, since no push can take longer.
const GRACE: Duration = super::auth::LIFETIME;

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// Of the manifest.
    pub(crate) digest: String,
    /// Tags that are gone.
    pub(crate) tags: Vec<String>,
    /// Digests that may have lost their last owner: for `discard`.
    pub(crate) loose: BTreeSet<String>,
}

/// Why an image is not taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotDeleted {
    /// It is not there.
    NotFound,
    /// An index names it.
    ReferencedBy(Vec<String>),
}

/// By tag: takes the tag, and the image with its last tag, as ECR does. By digest: takes the image with all its tags.
pub(crate) fn delete_image(repository: &mut Repository, reference: &Reference) -> Result<Deleted, NotDeleted> {
    let digest = super::publish::find(repository, reference).ok_or(NotDeleted::NotFound)?.0.to_owned();
    let parents: Vec<String> = repository.parents_of(&digest).map(str::to_owned).collect();
    let mut deleted = Deleted { digest, tags: Vec::new(), loose: BTreeSet::new() };
    match reference {
        Reference::Tag(tag) => {
            repository.tags.remove(tag);
            deleted.tags.push(tag.clone());
            let is_last = repository.tags_of(&deleted.digest).next().is_none();
            if is_last && parents.is_empty() {
                deleted.loose = forget_image(repository, &deleted.digest);
            }
        }
        Reference::Digest(_) if !parents.is_empty() => return Err(NotDeleted::ReferencedBy(parents)),
        Reference::Digest(_) => {
            deleted.tags = repository.tags_of(&deleted.digest).map(str::to_owned).collect();
            deleted.loose = forget_image(repository, &deleted.digest);
        }
    }
    Ok(deleted)
}

/// Takes a manifest, its tags, and the blobs that no other manifest of the repository names. Gives the digests that may
/// have lost their last owner: for `discard`.
fn forget_image(repository: &mut Repository, digest: &str) -> BTreeSet<String> {
    let Some(manifest) = repository.manifests.remove(digest) else { return BTreeSet::new() };
    repository.tags.retain(|_, target| target != digest);
    let mut loose = BTreeSet::from([digest.to_owned()]);
    for reference in manifest.references {
        if repository.parents_of(&reference).next().is_none() && repository.blobs.remove(&reference).is_some() {
            loose.insert(reference);
        }
    }
    loose
}

/// All that a repository has: for `discard`, once it is out of the state.
pub(crate) fn everything_in(repository: &Repository) -> BTreeSet<String> {
    repository.manifests.keys().chain(repository.blobs.keys()).cloned().collect()
}

/// Takes away those of `candidates` that no repository has. Called while the store is being changed; `Blobs::empty` frees
/// the space afterwards.
pub(crate) fn discard(state: &State, blobs: &Blobs, candidates: &BTreeSet<String>) {
    for digest in candidates.iter().filter(|digest| !is_owned(state, digest)) {
        if let Some(digest) = Digest::parse(digest) {
            blobs.discard(&digest);
        }
    }
}

fn is_owned(state: &State, digest: &str) -> bool {
    let has =
        |repository: &Repository| repository.manifests.contains_key(digest) || repository.blobs.contains_key(digest);
    state.ecr.repositories.values().any(has)
}

/// Before anything is served: no upload is under way, so what is left of one goes; so do blobs that no repository has, and
/// old ones that no manifest names. What the store names and the disk has lost is as if it had never been pushed.
pub(super) fn tidy(emulator: &Emulator) {
    let blobs = Blobs::of(&emulator.settings);
    blobs.forget_uploads();
    blobs.empty();
    let present = blobs.list();
    let names: BTreeSet<&str> = present.iter().map(|(digest, _)| digest.as_str()).collect();
    let fresh_after = SystemTime::now().checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
    let fresh = |digest: &str| present.iter().any(|(name, at)| name.as_str() == digest && *at > fresh_after);
    let damaged = |repository: &Repository| {
        let mut digests = repository.manifests.keys().chain(repository.blobs.keys());
        digests.any(|digest| !names.contains(digest.as_str()))
    };
    let abandoned =
        |repository: &Repository, digest: &str| repository.parents_of(digest).next().is_none() && !fresh(digest);
    let untidy = |repository: &Repository| {
        damaged(repository) || repository.blobs.keys().any(|digest| abandoned(repository, digest))
    };
    if emulator.store.read(|state| state.ecr.repositories.values().any(untidy)) {
        emulator.store.write(|state| {
            for repository in state.ecr.repositories.values_mut() {
                repository.manifests.retain(|digest, _| names.contains(digest.as_str()));
                let manifests = &repository.manifests;
                repository.tags.retain(|_, digest| manifests.contains_key(digest));
                let unused: Vec<String> = repository
                    .blobs
                    .keys()
                    .filter(|digest| !names.contains(digest.as_str()) || abandoned(repository, digest))
                    .cloned()
                    .collect();
                repository.blobs.retain(|digest, _| !unused.contains(digest));
            }
        });
    }
    emulator.store.read(|state| {
        for (digest, _) in present.iter().filter(|(digest, _)| !is_owned(state, digest.as_str())) {
            blobs.discard(digest);
        }
    });
    blobs.empty();
}

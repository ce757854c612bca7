//! Repositories: which manifests they hold, which tags point to them, who may move a tag. The bytes are the registry's.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::task_definition::Tag;
use crate::time::Timestamp;

/// ECR.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ecr {
    /// Name → repository.
    pub repositories: BTreeMap<String, Repository>,
    /// What the tokens of `GetAuthorizationToken` are made with; made at the first one, so that a login outlives the
    /// daemon.
    #[serde(default)]
    pub token_key: Option<String>,
    /// The account setting `BLOB_MOUNTING`.
    #[serde(default)]
    pub blob_mounting: bool,
}

/// A repository.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// When it was made.
    pub created_at: Timestamp,
    /// Which tags may be moved.
    pub mutability: Mutability,
    /// Wildcards of the exclusion filters.
    pub exclusions: Vec<String>,
    /// Whether images are scanned on push; kept, not carried out.
    pub scan_on_push: bool,
    /// The lifecycle policy as given; kept, not carried out.
    pub lifecycle_policy: Option<String>,
    /// Digest → manifest.
    pub manifests: BTreeMap<String, Manifest>,
    /// Tag → digest.
    pub tags: BTreeMap<String, String>,
    /// Digest → bytes, of blobs that were pushed to, or mounted into, this repository.
    pub blobs: BTreeMap<String, u64>,
    /// Tags of the resource.
    pub resource_tags: Vec<Tag>,
}

/// `imageTagMutability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mutability {
    /// Every tag may be moved.
    #[default]
    Mutable,
    /// No tag may be moved.
    Immutable,
    /// Only tags that no filter matches may be moved.
    MutableWithExclusion,
    /// Only tags that a filter matches may be moved.
    ImmutableWithExclusion,
}

/// A manifest, image or index.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Such as `application/vnd.oci.image.manifest.v1+json`.
    pub media_type: String,
    /// Of the configuration, or of the artifact.
    pub artifact_type: Option<String>,
    /// Bytes of the document.
    pub size: u64,
    /// Bytes of configuration and layers together.
    pub image_size: u64,
    /// Digest of the manifest that this one is about.
    pub subject: Option<String>,
    /// Digests of blobs and manifests that it names.
    pub references: BTreeSet<String>,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// When it was pulled last.
    pub pulled_at: Option<Timestamp>,
}

impl Repository {
    /// An empty one, as `CreateRepository` makes it by default.
    pub fn new(created_at: Timestamp) -> Repository {
        Repository { created_at, ..Repository::default() }
    }

    /// Returns whether `tag`, once there, stays where it points.
    pub fn is_immutable(&self, tag: &str) -> bool {
        let excluded = self.exclusions.iter().any(|filter| matches_wildcard(filter, tag));
        match self.mutability {
            Mutability::Mutable => false,
            Mutability::Immutable => true,
            Mutability::MutableWithExclusion => excluded,
            Mutability::ImmutableWithExclusion => !excluded,
        }
    }

    /// Tags that point to `digest`, in alphabetical order.
    pub fn tags_of<'a>(&'a self, digest: &'a str) -> impl Iterator<Item = &'a str> {
        self.tags.iter().filter(move |(_, target)| *target == digest).map(|(tag, _)| tag.as_str())
    }

    /// Digests of manifests that name `digest` as one of theirs: an index its images.
    pub fn parents_of<'a>(&'a self, digest: &'a str) -> impl Iterator<Item = &'a str> {
        self.manifests.iter().filter(move |(_, held)| held.references.contains(digest)).map(|(name, _)| name.as_str())
    }
}

/// `*` stands for any number of characters, everything else for itself.
fn matches_wildcard(filter: &str, tag: &str) -> bool {
    let mut pieces = filter.split('*');
    let Some(mut rest) = tag.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest1", false),
            ("*", "", true),
            ("*", "anything", true),
            ("dev-*", "dev-1", true),
            ("dev-*", "adev-1", false),
            ("*-dev", "1-dev", true),
            ("*-dev", "1-dev2", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("a**b", "ab", true),
            ("a.c", "abc", false),
        ] {
            assert_eq!(matches_wildcard(filter, tag), expected, "{filter} {tag}");
        }
    }

    #[test]
    fn who_may_move_a_tag() {
        let mut repository = Repository::new(Timestamp::default());
        assert!(!repository.is_immutable("local"));
        for (mutability, local, other) in [
            (Mutability::Mutable, false, false),
            (Mutability::Immutable, true, true),
            (Mutability::MutableWithExclusion, true, false),
            (Mutability::ImmutableWithExclusion, false, true),
        ] {
            repository.mutability = mutability;
            repository.exclusions = vec!["loc*".to_owned()];
            assert_eq!(repository.is_immutable("local"), local, "{mutability:?}");
            assert_eq!(repository.is_immutable("in-1"), other, "{mutability:?}");
        }
    }
}

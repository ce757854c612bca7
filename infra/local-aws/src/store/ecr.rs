//! Repositories: which manifests they hold, which tags point to them. The bytes are the registry's.

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
}

/// A repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// When it was made.
    pub created_at: Timestamp,
    /// `MUTABLE`, `IMMUTABLE`, `MUTABLE_WITH_EXCLUSION`, `IMMUTABLE_WITH_EXCLUSION`.
    pub mutability: String,
    /// Wildcards of the exclusion filters.
    pub exclusions: Vec<String>,
    /// Whether images are scanned on push; kept.
    pub scan_on_push: bool,
    /// The lifecycle policy as given; kept, not carried out.
    pub lifecycle_policy: Option<String>,
    /// Digest → manifest.
    pub manifests: BTreeMap<String, Manifest>,
    /// Tag → digest.
    pub tags: BTreeMap<String, String>,
    /// Digests of blobs that were pushed to, or mounted into, this repository.
    pub blobs: BTreeSet<String>,
    /// Tags of the resource.
    pub resource_tags: Vec<Tag>,
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

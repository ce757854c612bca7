//! The OCI layout model: index, manifest and config, parsed from untrusted bytes. Not here: files (`effects::layouts`)
//! and the requirements of an image (`proof`).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::keys::only_exact_keys;
use super::Digest;

mod keys;

/// Maximum size of an index, manifest or config, in bytes: the limit of registries for a manifest (OCI distribution
/// specification: 4 MiB).
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// Maximum number of layers of an image: the limit of overlayfs mounts in Docker and containerd.
pub const MAX_LAYERS: usize = 127;

/// The source of a layout's bytes.
pub trait Source: Sync {
    /// Opens the layout's `index.json`.
    fn index(&self) -> io::Result<Box<dyn Read + Send>>;

    /// Opens a blob by its digest. Returns `NotFound` if the layout does not have it.
    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>>;
}

/// A descriptor: media type, digest and size of a blob.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// Its content address.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The platform of a manifest, as an index states it.
    pub platform: Option<ClaimedPlatform>,
}

/// A platform as a document states it; any text.
#[derive(Clone, Debug, Deserialize)]
pub struct ClaimedPlatform {
    /// The operating system.
    pub os: String,
    /// The architecture.
    pub architecture: String,
    /// The architecture's variant, if stated.
    pub variant: Option<String>,
}

/// The layout's entry point.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u8,
    /// The manifests of the index.
    pub manifests: Vec<Descriptor>,
}

/// The manifest of an image.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u8,
    /// The image's config.
    pub config: Descriptor,
    /// Its layers, the lowest first.
    pub layers: Vec<Descriptor>,
}

/// The image's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The platform as stated.
    pub platform: ClaimedPlatform,
    /// The time of creation, as written.
    pub created: Option<String>,
    /// The first words of the command line.
    pub entrypoint: Vec<String>,
    /// The remaining words.
    pub cmd: Vec<String>,
    /// `USER`; empty means root.
    pub user: String,
    /// Keys of `ExposedPorts`, such as `8000/tcp`.
    pub exposed_ports: BTreeSet<String>,
    /// Paths that are volumes.
    pub volumes: BTreeSet<String>,
    /// `NAME=value` lines.
    pub env: Vec<String>,
    /// The working directory; empty means `/`.
    pub working_dir: String,
    /// The signal that stops the container.
    pub stop_signal: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Digests of the uncompressed layers, the lowest first.
    pub diff_ids: Vec<Digest>,
}

#[derive(Deserialize)]
struct RawConfig {
    os: String,
    architecture: String,
    variant: Option<String>,
    created: Option<String>,
    config: Option<RawRuntime>,
    rootfs: RawRootfs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRuntime {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    user: Option<String>,
    exposed_ports: Option<BTreeMap<String, IgnoredAny>>,
    volumes: Option<BTreeMap<String, IgnoredAny>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    stop_signal: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RawRootfs {
    diff_ids: Vec<Digest>,
}

/// The compression of a layer's tar stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

const LAYER_TYPES: &[(&str, Compression)] = &[
    ("application/vnd.oci.image.layer.v1.tar", Compression::Plain),
    ("application/vnd.oci.image.layer.v1.tar+gzip", Compression::Gzip),
    ("application/vnd.oci.image.layer.v1.tar+zstd", Compression::Zstd),
    ("application/vnd.docker.image.rootfs.diff.tar", Compression::Plain),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", Compression::Gzip),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", Compression::Zstd),
];

impl Descriptor {
    /// Returns whether the descriptor refers to an index of manifests.
    pub fn is_index(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json"
        )
    }

    /// Returns whether the descriptor refers to an image manifest.
    pub fn is_manifest(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json"
        )
    }

    /// Returns whether the descriptor refers to an image config.
    pub fn is_config(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json"
        )
    }

    /// Returns the compression of the media type; `None` for a media type that runtimes do not unpack.
    pub fn layer_compression(&self) -> Option<Compression> {
        LAYER_TYPES.iter().find(|(name, _)| *name == self.media_type).map(|(_, compression)| *compression)
    }
}

impl Index {
    /// Parses `index.json`.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Index> {
        only_exact_keys(bytes)?;
        let index: Index = serde_json::from_slice(bytes).context("failed to parse the index")?;
        if index.schema_version != 2 {
            bail!("schemaVersion is {}, not 2", index.schema_version);
        }
        Ok(index)
    }
}

impl Manifest {
    /// Parses an image manifest.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Manifest> {
        only_exact_keys(bytes)?;
        let manifest: Manifest = serde_json::from_slice(bytes).context("failed to parse the manifest")?;
        if manifest.schema_version != 2 {
            bail!("schemaVersion is {}, not 2", manifest.schema_version);
        }
        if !manifest.config.is_config() {
            bail!("its config has the media type `{}`, which is no image's", manifest.config.media_type);
        }
        Ok(manifest)
    }
}

impl Config {
    /// Parses an image config.
    pub fn parse(bytes: &[u8]) -> anyhow::Result<Config> {
        only_exact_keys(bytes)?;
        let raw: RawConfig = serde_json::from_slice(bytes).context("failed to parse the config")?;
        let runtime = raw.config.unwrap_or_default();
        Ok(Config {
            platform: ClaimedPlatform { os: raw.os, architecture: raw.architecture, variant: raw.variant },
            created: raw.created,
            entrypoint: runtime.entrypoint.unwrap_or_default(),
            cmd: runtime.cmd.unwrap_or_default(),
            user: runtime.user.unwrap_or_default(),
            exposed_ports: runtime.exposed_ports.unwrap_or_default().into_keys().collect(),
            volumes: runtime.volumes.unwrap_or_default().into_keys().collect(),
            env: runtime.env.unwrap_or_default(),
            working_dir: runtime.working_dir.unwrap_or_default(),
            stop_signal: runtime.stop_signal,
            labels: runtime.labels.unwrap_or_default(),
            diff_ids: raw.rootfs.diff_ids,
        })
    }
}

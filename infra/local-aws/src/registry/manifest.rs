//! What a manifest says, as far as a registry cares: its type, what it names, what it is about. Pure.

use serde::Deserialize;

use super::images::Platform;

/// ECR and the distribution specification: a manifest has at most 4 MiB.
pub(crate) const MAX_BYTES: usize = 4 * 1024 * 1024;

const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Why a document is no manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

/// A manifest that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// One of the four that ECR takes.
    pub(crate) media_type: &'static str,
    /// Image or index.
    pub(crate) kind: Kind,
    /// `artifactType`, or the type of the configuration.
    pub(crate) artifact_type: Option<String>,
    /// Digest of the manifest that this one is about.
    pub(crate) subject: Option<String>,
    /// Digests that must be in the repository: blobs of an image, manifests of an index.
    pub(crate) references: Vec<String>,
    /// Bytes of configuration and layers together.
    pub(crate) size: u64,
    /// Platforms that an index names.
    pub(crate) platforms: Vec<Platform>,
    /// For the list of referrers.
    pub(crate) annotations: Option<serde_json::Value>,
}

/// Image or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A configuration and layers.
    Image {
        /// Digest of the configuration.
        config: String,
    },
    /// A list of manifests.
    Index,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u32,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    /// Layers that lie elsewhere and are never pushed.
    #[serde(default)]
    urls: Vec<String>,
}

impl Parsed {
    /// Reads `bytes`. `claimed` is the media type beside the document, which must not contradict the one inside.
    pub(crate) fn new(bytes: &[u8], claimed: Option<&str>) -> Result<Parsed, Invalid> {
        let document: Document = serde_json::from_slice(bytes)
            .map_err(|error| Invalid(format!("Invalid JSON syntax or not a manifest: {error}")))?;
        let media_type = media_type(document.media_type.as_deref(), claimed)?;
        if document.schema_version != 2 {
            return Err(Invalid(format!("Schema version {} is not supported", document.schema_version)));
        }
        let mut parsed = Parsed {
            media_type,
            kind: Kind::Index,
            artifact_type: document.artifact_type,
            subject: document.subject.map(|subject| subject.digest),
            references: Vec::new(),
            size: 0,
            platforms: Vec::new(),
            annotations: document.annotations,
        };
        if matches!(media_type, OCI_INDEX | DOCKER_LIST) {
            let manifests = document.manifests.ok_or_else(|| Invalid("`manifests` is missing".to_owned()))?;
            for manifest in manifests {
                parsed.references.push(manifest.digest);
                parsed.platforms.extend(manifest.platform);
            }
        } else {
            let config = document.config.ok_or_else(|| Invalid("`config` is missing".to_owned()))?;
            let layers = document.layers.ok_or_else(|| Invalid("`layers` is missing".to_owned()))?;
            parsed.kind = Kind::Image { config: config.digest.clone() };
            parsed.artifact_type = parsed.artifact_type.or_else(|| config.media_type.clone());
            for descriptor in std::iter::once(config).chain(layers) {
                parsed.size = parsed.size.saturating_add(descriptor.size);
                if descriptor.urls.is_empty() {
                    parsed.references.push(descriptor.digest);
                }
            }
        }
        Ok(parsed)
    }
}

fn media_type(inside: Option<&str>, beside: Option<&str>) -> Result<&'static str, Invalid> {
    // `Content-Type` may carry parameters.
    let beside = beside.and_then(|beside| beside.split(';').next()).map(str::trim);
    if let (Some(inside), Some(beside)) = (inside, beside)
        && inside != beside
    {
        return Err(Invalid(format!("The manifest has the media type `{inside}`, the request `{beside}`")));
    }
    let given = inside.or(beside).ok_or_else(|| Invalid("The media type of the manifest is missing".to_owned()))?;
    [OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST]
        .into_iter()
        .find(|known| *known == given)
        .ok_or_else(|| Invalid(format!("The manifest's media type `{given}` is not supported")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn image() -> Value {
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_IMAGE,
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:c", "size": 10 },
            "layers": [
                { "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": "sha256:l", "size": 5 },
                { "mediaType": "x", "digest": "sha256:far", "size": 7, "urls": ["https://example.com"] },
            ],
        })
    }

    fn parse(document: &Value, claimed: Option<&str>) -> Result<Parsed, Invalid> {
        Parsed::new(document.to_string().as_bytes(), claimed)
    }

    #[test]
    fn an_image() {
        let parsed = parse(&image(), Some(OCI_IMAGE)).unwrap();
        assert_eq!(parsed.kind, Kind::Image { config: "sha256:c".to_owned() });
        assert_eq!(parsed.references, ["sha256:c", "sha256:l"]);
        assert_eq!(parsed.size, 22);
        assert_eq!(parsed.artifact_type.as_deref(), Some("application/vnd.oci.image.config.v1+json"));
        assert_eq!(parsed.subject, None);
    }

    #[test]
    fn an_index() {
        let index = json!({
            "schemaVersion": 2,
            "manifests": [
                { "digest": "sha256:a", "size": 1, "platform": { "os": "linux", "architecture": "arm64", "variant": "v8" } },
                { "digest": "sha256:b", "size": 1 },
            ],
            "subject": { "mediaType": OCI_IMAGE, "digest": "sha256:s", "size": 3 },
        });
        let parsed = parse(&index, Some(OCI_INDEX)).unwrap();
        assert_eq!(parsed.kind, Kind::Index);
        assert_eq!(parsed.references, ["sha256:a", "sha256:b"]);
        assert_eq!(parsed.platforms.len(), 1);
        assert_eq!(parsed.subject.as_deref(), Some("sha256:s"));
    }

    #[test]
    fn the_media_type_is_known_and_told_once_or_alike() {
        assert!(parse(&image(), None).is_ok());
        assert!(parse(&image(), Some(&format!("{OCI_IMAGE}; charset=utf-8"))).is_ok());
        assert!(parse(&image(), Some(DOCKER_IMAGE)).is_err());
        let mut silent = image();
        silent.as_object_mut().unwrap().remove("mediaType");
        assert!(parse(&silent, Some(DOCKER_IMAGE)).is_ok());
        assert!(parse(&silent, None).is_err());
        assert!(parse(&silent, Some("application/json")).is_err());
    }

    #[test]
    fn what_is_no_manifest() {
        for (key, value) in [
            ("schemaVersion", json!(1)),
            ("schemaVersion", Value::Null),
            ("config", Value::Null),
            ("config", json!({ "digest": 1 })),
            ("layers", Value::Null),
            ("layers", json!([{ "digest": "sha256:l", "size": -1 }])),
        ] {
            let mut document = image();
            document[key] = value.clone();
            assert!(parse(&document, None).is_err(), "{key}: {value}");
        }
        for bytes in ["", "{", "[]", "null", "\u{0}"] {
            assert!(Parsed::new(bytes.as_bytes(), Some(OCI_IMAGE)).is_err(), "{bytes:?}");
        }
    }
}

//! Normalisation of an exported layout, so that equal inputs give equal layouts everywhere: every layer above the base
//! gets one time on all its entries and is compressed with zstd. The base's own layers are unchanged, so that a
//! registry which has them needs no second copy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write as _};

use anyhow::Context;
use camino::Utf8Path;
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::layouts::Layout;
use super::{files, layout_store};
use crate::image::Digest;
use crate::image::digest::{Hashing, HashingReader};
use crate::image::layer::MAX_IMAGE_BYTES;
use crate::image::layout::{Compression, Config, Descriptor, Manifest, Source};
use crate::image::timestamps::copy_normalized;

/// zstd's own default, as BuildKit uses it.
const COMPRESSION_LEVEL: i32 = 3;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

/// Result of normalising a layer, so that the next build does not read an unchanged one again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    digest: Digest,
    diff_id: Digest,
    size: u64,
}

/// Results by the builder's digest of a layer and the time of its entries.
pub type Memory = BTreeMap<String, Stamped>;

/// Rewrites the layout in place. `bases` are the layers (uncompressed digests) of possible base images. Layers that are
/// in `memory` and in `last`, the layout of the last build, are reused.
///
/// Content that does not match its digest or cannot be parsed is left unchanged: a rewritten document would have a
/// valid digest, and the verification of the image must reject it.
///
/// # Errors
/// Files cannot be read or written.
pub fn normalize(
    layout: &Layout,
    bases: &[Vec<Digest>],
    epoch: u64,
    last: &Utf8Path,
    memory: &Memory,
) -> anyhow::Result<Memory> {
    let Some((manifest, config, mut diff_ids)) = documents(layout) else { return Ok(Memory::new()) };
    let base = bases.iter().filter(|base| diff_ids.starts_with(base)).map(Vec::len).max().unwrap_or_default();
    let mut layers = Vec::new();
    let mut remembered = Memory::new();
    for (number, (layer, diff_id)) in manifest.layers.iter().zip(&mut diff_ids).enumerate() {
        let is_base = number < base;
        let as_it_is = json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size});
        if is_base && layer.layer_compression() != Some(Compression::Plain) {
            layers.push(as_it_is);
            continue;
        }
        let key = if is_base { layer.digest.to_string() } else { format!("{}@{epoch}", layer.digest) };
        let known = memory.get(&key).filter(|known| take(last, layout.directory(), &known.digest));
        let stamped = match known {
            Some(known) => Some(known.clone()),
            None => stamp(layout, layer, diff_id, (!is_base).then_some(epoch))
                .with_context(|| format!("failed to rewrite layer {number} ({})", layer.digest))?,
        };
        let Some(stamped) = stamped else {
            layers.push(as_it_is);
            continue;
        };
        *diff_id = stamped.diff_id;
        layers.push(json!({"mediaType": LAYER, "digest": stamped.digest, "size": stamped.size}));
        remembered.insert(key, stamped);
    }
    // Partial output of a layer that was left unchanged.
    let _ = fs::remove_file(layout.directory().join("layer"));
    write_documents(layout.directory(), config, &diff_ids, &layers)?;
    Ok(remembered)
}

/// Returns the manifest, the configuration and its list of layers; `None` where the documents do not match their
/// digests or each other.
fn documents(layout: &Layout) -> Option<(Manifest, Value, Vec<Digest>)> {
    let (digest, manifest) = layout.only_manifest().ok()?;
    let config_bytes = layout.document(&manifest.config.digest).ok()?;
    let is_true =
        Digest::of(&layout.document(&digest).ok()?) == digest && Digest::of(&config_bytes) == manifest.config.digest;
    let diff_ids = Config::parse(&config_bytes).ok()?.diff_ids;
    let config = serde_json::from_slice::<Value>(&config_bytes).ok()?;
    (is_true && diff_ids.len() == manifest.layers.len()).then_some((manifest, config, diff_ids))
}

/// Writes configuration, manifest and index.
fn write_documents(
    directory: &Utf8Path,
    mut config: Value,
    diff_ids: &[Digest],
    layers: &[Value],
) -> anyhow::Result<()> {
    let claimed = |key: &str| config.get(key).cloned().unwrap_or_default();
    let platform = json!({"architecture": claimed("architecture"), "os": claimed("os")});
    if let Some(ids) = config.pointer_mut("/rootfs/diff_ids") {
        *ids = json!(diff_ids);
    }
    let config = write(directory, &config, CONFIG)?;
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
    let mut manifest = write(directory, &manifest, MANIFEST)?;
    if let Some(descriptor) = manifest.as_object_mut() {
        descriptor.insert("platform".to_owned(), platform);
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
    files::write_atomically(&directory.join("index.json"), index.to_string().as_bytes())
}

/// Links a blob of the last layout into this one; returns `false` where it is missing or damaged on disk.
fn take(last: &Utf8Path, directory: &Utf8Path, digest: &Digest) -> bool {
    let blob = |layout: &Utf8Path| layout.join("blobs/sha256").join(digest.hex());
    let is_sound = layout_store::digest_of(&blob(last)).is_ok_and(|found| found == *digest);
    is_sound && (blob(directory).is_file() || fs::hard_link(blob(last), blob(directory)).is_ok())
}

/// Reads one layer completely and rewrites it, with `epoch` on its entries where one is given. `None` for a layer that
/// does not match its digests.
fn stamp(layout: &Layout, layer: &Descriptor, diff_id: &Digest, epoch: Option<u64>) -> anyhow::Result<Option<Stamped>> {
    let Some(compression) = layer.layer_compression() else { return Ok(None) };
    let Ok(blob) = layout.open(&layer.digest) else { return Ok(None) };
    let mut blob = BufReader::with_capacity(1 << 18, HashingReader::new(blob));
    let temporary = layout.directory().join("layer");
    let file = File::create(&temporary).with_context(|| format!("failed to create `{temporary}`"))?;
    let packed = zstd::Encoder::new(Hashing::new(BufWriter::new(file)), COMPRESSION_LEVEL);
    let mut stamped = Hashing::new(packed.context("failed to start zstd")?);
    let read = {
        let plain: Box<dyn Read> = match compression {
            Compression::Plain => Box::new(&mut blob),
            Compression::Gzip => Box::new(MultiGzDecoder::new(&mut blob)),
            Compression::Zstd => Box::new(zstd::Decoder::with_buffer(&mut blob).context("failed to start zstd")?),
        };
        let mut plain = BufReader::with_capacity(1 << 18, HashingReader::new(plain.take(MAX_IMAGE_BYTES)));
        let copied = match epoch {
            Some(epoch) => copy_normalized(&mut plain, &mut stamped, epoch),
            None => std::io::copy(&mut plain, &mut stamped).map(|_| ()),
        };
        copied.map(|()| plain.into_inner().digest())
    };
    let plain = match read {
        Ok(digest) => digest,
        // Invalid data; all other errors are of the disk.
        Err(error) if is_of_the_data(error.kind()) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    std::io::copy(&mut blob, &mut std::io::sink())?;
    if plain != *diff_id || blob.into_inner().digest() != layer.digest {
        return Ok(None);
    }
    let (packed, diff_id, _) = stamped.finish();
    let (mut file, digest, size) = packed.finish().context("failed to finish the layer")?.finish();
    file.flush().with_context(|| format!("failed to write `{temporary}`"))?;
    let blob = layout.directory().join("blobs/sha256").join(digest.hex());
    fs::rename(&temporary, &blob).with_context(|| format!("failed to write `{blob}`"))?;
    Ok(Some(Stamped { digest, diff_id, size }))
}

/// Returns whether decoders and tar report invalid data with this error.
fn is_of_the_data(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other)
}

fn write(directory: &Utf8Path, value: &Value, media_type: &str) -> anyhow::Result<Value> {
    let bytes = value.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    files::write_atomically(&directory.join("blobs/sha256").join(digest.hex()), &bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

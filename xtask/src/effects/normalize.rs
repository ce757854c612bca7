//! A layout as the builder exported it → the layout that the same inputs give everywhere: every layer above the base
//! gets one time on all its entries and is compressed with zstd. The base's own layers stay as they are, so that
//! registries which have them need not get them again.

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

/// What a layer became, so that an unchanged one is not read again by the next build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    digest: Digest,
    diff_id: Digest,
    size: u64,
}

/// By the builder's digest of a layer and the time put on it.
pub type Memory = BTreeMap<String, Stamped>;

/// Rewrites the layout in place. `bases` are the layers (uncompressed digests) of base images the image may stand on.
/// What `memory` knows and `last`, the layout of the last build, holds is taken from there.
///
/// Whatever is not what its digest says, or cannot be read as what it claims to be, is left as it is: a rewritten
/// document would vouch for it, and to judge it is the proof's business.
///
/// # Errors
/// Where files cannot be read or written.
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
    // What a layer that was left as it is has made so far.
    let _ = fs::remove_file(layout.directory().join("layer"));
    write_documents(layout.directory(), config, &diff_ids, &layers)?;
    Ok(remembered)
}

/// The manifest, the configuration as it stands and its list of layers, of a layout whose documents are what their digests
/// say and fit together.
fn documents(layout: &Layout) -> Option<(Manifest, Value, Vec<Digest>)> {
    let (digest, manifest) = layout.only_manifest().ok()?;
    let config_bytes = layout.document(&manifest.config.digest).ok()?;
    let is_true =
        Digest::of(&layout.document(&digest).ok()?) == digest && Digest::of(&config_bytes) == manifest.config.digest;
    let diff_ids = Config::parse(&config_bytes).ok()?.diff_ids;
    let config = serde_json::from_slice::<Value>(&config_bytes).ok()?;
    (is_true && diff_ids.len() == manifest.layers.len()).then_some((manifest, config, diff_ids))
}

/// Writes configuration, manifest and index anew.
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

/// Links a blob of the last layout into this one; `false` where it is not there, or was damaged on disk.
fn take(last: &Utf8Path, directory: &Utf8Path, digest: &Digest) -> bool {
    let blob = |layout: &Utf8Path| layout.join("blobs/sha256").join(digest.hex());
    let is_sound = layout_store::digest_of(&blob(last)).is_ok_and(|found| found == *digest);
    is_sound && (blob(directory).is_file() || fs::hard_link(blob(last), blob(directory)).is_ok())
}

/// Reads one layer to its end and writes it anew, with `epoch` on its entries where one is given. `None` for a layer that
/// is not what its digests say.
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
        // Bytes that are no such stream; everything else is the disk's.
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

/// Errors by which decoders and tar say that bytes are not what they should be.
fn is_of_the_data(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::UnexpectedEof | ErrorKind::Other)
}

fn write(directory: &Utf8Path, value: &Value, media_type: &str) -> anyhow::Result<Value> {
    let bytes = value.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    files::write_atomically(&directory.join("blobs/sha256").join(digest.hex()), &bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

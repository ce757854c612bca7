//! One layer, read once as a stream: digest of the blob, decompression, digest of the contents, tar entries. The result
//! is a list of entries and findings; nothing is unpacked. Not here: stacking layers (`proof::root`).

pub(crate) mod archive;
mod blob;
mod decode;
pub(crate) mod entry;
pub(crate) mod header;
mod limits;
pub(crate) mod pipe;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::thread;

use anyhow::{Context, anyhow};

use self::archive::Walk;
use self::blob::Blob;
use self::decode::{Decoded, End};
use self::entry::Entry;
pub use self::limits::{Budget, MAX_IMAGE_BYTES};
use super::Digest;
use super::layout::{Compression, Descriptor, Source};
use super::proof::finding::{self, Findings, Rule};

/// Window that is always granted, as a power of two: 8 MiB, which RFC 9659 requires of every decoder and BuildKit's
/// default level uses.
const USUAL_WINDOW: u32 = 23;

/// Window granted to one layer at a time: 32 MiB, which BuildKit's highest level uses.
const WIDE_WINDOW: u32 = 25;

/// The content of one layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The blob's digest.
    pub digest: Digest,
    /// Entries in the order of the archive.
    pub entries: Vec<Entry>,
    /// Problems of the layer itself.
    pub findings: Findings,
}

/// A layer's descriptor and the digest of its contents, as the documents state them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub descriptor: &'a Descriptor,
    pub diff_id: Option<&'a Digest>,
}

/// Reads one layer. Returns errors for failures to read the source; problems of the bytes are findings. `wide` is
/// locked while a layer uses the wide window, so that at most one layer does.
pub(crate) fn read<S: Source + ?Sized>(
    source: &S,
    claim: Claim<'_>,
    budget: &Budget,
    wide: &Mutex<()>,
) -> anyhow::Result<Layer> {
    let first = attempt(source, claim, budget, USUAL_WINDOW)?;
    if first.1 != Some(End::Window) {
        return Ok(first.0);
    }
    drop(first);
    // A poisoned lock means that another layer's thread panicked; this layer can still be judged.
    let _only = wide.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(attempt(source, claim, budget, WIDE_WINDOW)?.0)
}

fn attempt<S: Source + ?Sized>(
    source: &S,
    claim: Claim<'_>,
    budget: &Budget,
    window: u32,
) -> anyhow::Result<(Layer, Option<End>)> {
    let descriptor = claim.descriptor;
    let mut layer = Layer { digest: descriptor.digest, entries: Vec::new(), findings: Findings::default() };
    let blob = match source.open(&descriptor.digest) {
        Ok(blob) => blob,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            layer.findings.add(&finding::BLOB_MISSING, || format!("layer {} is not in the layout", descriptor.digest));
            return Ok((layer, None));
        }
        Err(error) => return Err(anyhow!(error).context(format!("failed to open layer `{}`", descriptor.digest))),
    };
    let count = AtomicU64::new(0);
    let (blob_writer, blob_reader) = pipe::pipe();
    let (writer, mut reader) = pipe::hashing_pipe();
    let (fed, decoded, (entries, stopped)) = thread::scope(|scope| {
        let count = &count;
        let feeder = scope.spawn(move || blob::feed(blob, descriptor.size, blob_writer, count));
        let decoder = scope.spawn(move || decode::decode(blob_reader, count, window, budget, &writer));
        let walked = Walk::new(&mut reader, budget, &mut layer.findings, descriptor.digest).run();
        reader.drain();
        (feeder.join(), decoder.join(), walked)
    });
    // Neither thread has a panicking path. A panic would be a bug of this program, not of the image.
    let panicked = |_| anyhow!("a thread that read layer `{}` panicked", descriptor.digest);
    let blob = fed.map_err(panicked)?.with_context(|| format!("layer `{}`", descriptor.digest))?;
    let decoded = decoded.map_err(panicked)?;
    layer.entries = entries;
    report_stream(&mut layer.findings, claim, &blob, &decoded, window);
    if decoded.end == End::Complete {
        if let Some((rule, text)) = stopped {
            layer.findings.add(rule, || format!("layer {}: {text}", descriptor.digest.short()));
        }
        let found = reader.digest();
        if let (Some(expected), Some(found)) = (claim.diff_id, found)
            && *expected != found
        {
            layer.findings.add(&finding::DIFF_ID, || {
                format!("layer {} unpacks to {found}, but the config says {expected}", descriptor.digest.short())
            });
        }
    }
    Ok((layer, Some(decoded.end)))
}

/// Reports problems of the compressed stream.
fn report_stream(findings: &mut Findings, claim: Claim<'_>, blob: &Blob, decoded: &Decoded, window: u32) {
    let descriptor = claim.descriptor;
    let name = descriptor.digest.short();
    let intact = report_blob(findings, "layer", descriptor, blob.size, blob.digest);
    match descriptor.layer_compression() {
        None => findings.add(&finding::LAYER_MEDIA_TYPE, || {
            format!(
                "layer {name} has the media type `{}`, which runtimes do not unpack",
                finding::printable(descriptor.media_type.as_bytes())
            )
        }),
        Some(declared) if declared != decoded.compression && blob.size > 0 => {
            findings.add(&finding::LAYER_COMPRESSION, || {
                format!("layer {name} is declared {} but is {}", word(declared), word(decoded.compression))
            });
        }
        Some(_) => {}
    }
    let whole = if intact {
        "the blob is the one that was described, so it was written like that"
    } else {
        "the blob was altered"
    };
    let (rule, text): (&Rule, String) = match &decoded.end {
        End::Complete => return,
        End::Truncated => (&finding::LAYER_TRUNCATED, format!("its compressed stream ends early ({whole})")),
        End::Corrupt(reason) => (&finding::LAYER_CORRUPT, format!("{reason} ({whole})")),
        End::Window => {
            (&finding::LAYER_WINDOW, format!("it needs a zstd window over {} MiB to unpack", (1_u64 << window) >> 20))
        }
        End::Bomb { bytes } => (
            &finding::LAYER_BOMB,
            format!(
                "over {} MiB came out of {} KiB, more than {} to 1; reading stopped there",
                bytes >> 20,
                decoded.read_when_stopped >> 10,
                limits::MAX_RATIO
            ),
        ),
        End::TooLarge => (
            &finding::IMAGE_TOO_LARGE,
            format!(
                "the image's layers unpack to more than {} GiB; reading stopped there",
                limits::MAX_IMAGE_BYTES >> 30
            ),
        ),
    };
    findings.add(rule, || format!("layer {name}: {text}"));
}

/// Compares a blob with its descriptor. Returns `true` if both size and digest match.
pub(crate) fn report_blob(
    findings: &mut Findings,
    what: &str,
    descriptor: &Descriptor,
    size: u64,
    digest: Digest,
) -> bool {
    let name = descriptor.digest.short();
    if size != descriptor.size {
        let more = if size > descriptor.size { "more than " } else { "" };
        let shown = size.min(descriptor.size);
        let found = if size > descriptor.size { shown } else { size };
        findings.add(&finding::BLOB_SIZE, || {
            format!("{what} {name} has {more}{found} bytes, its descriptor says {}", descriptor.size)
        });
        return false;
    }
    if digest != descriptor.digest {
        findings.add(&finding::BLOB_DIGEST, || format!("{what} {name} holds other bytes: they hash to {digest}"));
        return false;
    }
    true
}

fn word(compression: Compression) -> &'static str {
    match compression {
        Compression::Plain => "uncompressed",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};
    use std::sync::Mutex;

    use super::{Claim, read};
    use crate::image::Digest;
    use crate::image::layer::limits::{Budget, MAX_IMAGE_BYTES};
    use crate::image::layout::{Descriptor, Source};

    /// A source with one layer that contains only an end mark.
    struct Empty;

    impl Source for Empty {
        fn index(&self) -> io::Result<Box<dyn Read + Send>> {
            Err(io::ErrorKind::NotFound.into())
        }

        fn open(&self, _: &Digest) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::repeat(0).take(1024)))
        }
    }

    #[test]
    fn rejects_layer_over_budget() {
        let digest = Digest::of(&[0; 1024]);
        let media_type = "application/vnd.oci.image.layer.v1.tar".to_owned();
        let descriptor = Descriptor { media_type, digest, size: 1024, platform: None };
        let claim = Claim { descriptor: &descriptor, diff_id: Some(&digest) };
        for (used, ids) in [(MAX_IMAGE_BYTES - 1024, vec![]), (MAX_IMAGE_BYTES - 1023, vec!["image-too-large"])] {
            let budget = Budget::default();
            assert!(budget.draw_bytes(used));
            let layer = read(&Empty, claim, &budget, &Mutex::new(())).unwrap();
            let found: Vec<_> = layer.findings.into_list().iter().map(|finding| finding.id).collect();
            assert_eq!(found, ids);
        }
    }
}

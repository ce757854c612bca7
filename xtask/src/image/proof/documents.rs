//! Index, manifest and config of a layout: read within limits and checked against their digests and each other.

use std::io::{ErrorKind, Read};

use anyhow::Context;

use super::finding::{self, Findings, Rule, printable};
use crate::image::layer::report_blob;
use crate::image::layout::{ClaimedPlatform, Config, Descriptor, Index, MAX_DOCUMENT, MAX_LAYERS, Manifest, Source};
use crate::image::{Digest, Platform};

/// The documents of the single image.
pub(super) struct Documents {
    pub manifest_digest: Digest,
    pub manifest: Manifest,
    /// The config; `None` if it is unusable, with a finding that has the reason.
    pub config: Option<Config>,
    /// Bytes of manifest and config.
    pub bytes: u64,
}

impl Documents {
    /// Reads the documents. Returns `None`, with a finding, if there is no single image to check.
    pub(super) fn read<S: Source + ?Sized>(
        source: &S,
        platform: Platform,
        findings: &mut Findings,
    ) -> anyhow::Result<Option<Documents>> {
        let Some(descriptor) = single_manifest(source, findings)? else { return Ok(None) };
        let Some(bytes) = blob(source, "manifest", &descriptor, findings)? else { return Ok(None) };
        let Some(manifest) = parsed(Manifest::parse(&bytes), &finding::MANIFEST_MALFORMED, "manifest", findings) else {
            return Ok(None);
        };
        if manifest.layers.len() > MAX_LAYERS {
            let count = manifest.layers.len();
            findings.add(&finding::LAYER_COUNT, || {
                format!("the manifest has {count} layers, runtimes mount at most {MAX_LAYERS}")
            });
            return Ok(None);
        }
        if let Some(claimed) = &descriptor.platform {
            compare("the index", claimed, platform, findings);
        }
        let config = match blob(source, "config", &manifest.config, findings)? {
            Some(bytes) => parsed(Config::parse(&bytes), &finding::CONFIG_MALFORMED, "config", findings),
            None => None,
        };
        if let Some(config) = &config {
            compare("the config", &config.platform, platform, findings);
            let (diff_ids, layers) = (config.diff_ids.len(), manifest.layers.len());
            if diff_ids != layers {
                findings.add(&finding::LAYER_COUNT, || {
                    format!("the config lists {diff_ids} layers, the manifest {layers}")
                });
            }
        }
        let bytes = descriptor.size.saturating_add(manifest.config.size);
        Ok(Some(Documents { manifest_digest: descriptor.digest, manifest, config, bytes }))
    }
}

/// Finds the single image manifest that the index must refer to.
fn single_manifest<S: Source + ?Sized>(source: &S, findings: &mut Findings) -> anyhow::Result<Option<Descriptor>> {
    let mut bytes = Vec::new();
    let index = source.index().context("failed to open the layout's `index.json`")?;
    index.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).context("failed to read the layout's `index.json`")?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        findings.add(&finding::INDEX_MALFORMED, || format!("the index is larger than {} MiB", MAX_DOCUMENT >> 20));
        return Ok(None);
    }
    let Some(mut index) = parsed(Index::parse(&bytes), &finding::INDEX_MALFORMED, "index", findings) else {
        return Ok(None);
    };
    let count = index.manifests.len();
    let Some(descriptor) = index.manifests.pop().filter(|_| count == 1) else {
        findings.add(&finding::INDEX_NOT_SINGLE, || format!("the index names {count} manifests, expected one image"));
        return Ok(None);
    };
    if descriptor.is_index() {
        findings.add(&finding::INDEX_NESTED, || {
            format!("{} is an index of manifests, expected one image", descriptor.digest.short())
        });
        return Ok(None);
    }
    if !descriptor.is_manifest() {
        let media_type = printable(descriptor.media_type.as_bytes());
        findings.add(&finding::MANIFEST_MALFORMED, || {
            format!("the index names a `{media_type}`, expected an image manifest")
        });
        return Ok(None);
    }
    Ok(Some(descriptor))
}

/// Reads a whole small blob. Returns `None`, with a finding, if it does not match its descriptor.
fn blob<S: Source + ?Sized>(
    source: &S,
    what: &'static str,
    descriptor: &Descriptor,
    findings: &mut Findings,
) -> anyhow::Result<Option<Vec<u8>>> {
    let digest = descriptor.digest;
    if descriptor.size > MAX_DOCUMENT {
        let (rule, limit) = (
            if what == "config" { &finding::CONFIG_MALFORMED } else { &finding::MANIFEST_MALFORMED },
            MAX_DOCUMENT >> 20,
        );
        findings.add(rule, || format!("the {what} is larger than {limit} MiB"));
        return Ok(None);
    }
    let stream = match source.open(&digest) {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            findings.add(&finding::BLOB_MISSING, || format!("{what} {digest} is not in the layout"));
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("failed to open {what} `{digest}`")),
    };
    let mut bytes = Vec::new();
    stream
        .take(descriptor.size + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("failed to read {what} `{digest}`"))?;
    let intact = report_blob(findings, what, descriptor, bytes.len() as u64, Digest::of(&bytes));
    Ok(if intact { Some(bytes) } else { None })
}

fn parsed<T>(result: anyhow::Result<T>, rule: &'static Rule, what: &str, findings: &mut Findings) -> Option<T> {
    result
        .map_err(|error| findings.add(rule, || format!("the {what}: {}", printable(format!("{error:#}").as_bytes()))))
        .ok()
}

/// Compares the stated platform with the expected one. A variant other than the first needs instructions that Fargate
/// does not guarantee.
fn compare(who: &str, claimed: &ClaimedPlatform, expected: Platform, findings: &mut Findings) {
    let baseline = match expected {
        Platform::LinuxAmd64 => "v1",
        Platform::LinuxArm64 => "v8",
    };
    let variant = claimed.variant.as_deref().filter(|variant| !variant.is_empty() && *variant != baseline);
    if claimed.os == expected.os() && claimed.architecture == expected.architecture() && variant.is_none() {
        return;
    }
    let claim = match variant {
        Some(variant) => format!("{}/{}/{variant}", claimed.os, claimed.architecture),
        None => format!("{}/{}", claimed.os, claimed.architecture),
    };
    findings.add(&finding::PLATFORM, || format!("{who} says {}, expected {expected}", printable(claim.as_bytes())));
}

//! The parts of a base image's configuration that affect builds on it: variables and `ONBUILD` triggers. Read once per
//! digest and stored beside the substitutes, so that an unchanged build sends no request.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use super::substitutes;
use crate::effects::engine::Engine;
use crate::effects::layouts::Layout;
use crate::effects::{files, process};
use crate::image::base::ResolvedBase;
use crate::image::dockerfile::BaseFacts;
use crate::image::{Digest, Platform, substitute};

/// Time limit for the manifest and the configuration. A registry answers within a second or two.
const LIMIT: Duration = Duration::from_secs(15);

/// Returns the facts of each base that are known without a request; `None` if those of one are unknown.
pub fn known(root: &Utf8Path, bases: &BTreeMap<String, ResolvedBase>) -> Option<BTreeMap<String, BaseFacts>> {
    bases.values().map(|base| Some((base.name.clone(), read(root, &base.digest)?))).collect()
}

/// Reads the configuration of each unknown base: of substitutes from their layout, of others through buildx.
/// A base without an available configuration is omitted: images on it count their whole context.
pub fn learn(
    root: &Utf8Path,
    engine: &Engine,
    platform: Platform,
    bases: &BTreeMap<String, ResolvedBase>,
) -> anyhow::Result<BTreeMap<String, BaseFacts>> {
    let mut facts = BTreeMap::new();
    for base in bases.values() {
        if read(root, &base.digest).is_none() {
            let config = if base.substitute {
                let folder = substitutes::shelf(root).join(substitute::folder_name(&base.name));
                Some(of_layout(&folder).with_context(|| format!("failed to read the substitute of `{}`", base.name))?)
            } else {
                of_registry(engine, platform, base)?
            };
            if let Some(config) = config {
                files::write_atomically(&path(root, &base.digest), &config)?;
            }
        }
        facts.extend(read(root, &base.digest).map(|known| (base.name.clone(), known)));
    }
    Ok(facts)
}

/// Returns the uncompressed digests of the layers of each base whose configuration is known.
pub fn layers(root: &Utf8Path, bases: &BTreeMap<String, ResolvedBase>) -> Vec<Vec<Digest>> {
    /// The part of an image configuration that lists layers.
    #[derive(serde::Deserialize)]
    struct Configuration {
        rootfs: RootFileSystem,
    }
    #[derive(serde::Deserialize)]
    struct RootFileSystem {
        diff_ids: Vec<Digest>,
    }
    let configurations = bases.values().filter_map(|base| fs::read(path(root, &base.digest)).ok());
    let parsed = configurations.filter_map(|bytes| serde_json::from_slice::<Configuration>(&bytes).ok());
    parsed.map(|configuration| configuration.rootfs.diff_ids).collect()
}

/// Returns the platform in a base's own configuration, if known, in OCI's notation: `linux/arm64`. BuildKit builds on
/// a single image of another platform without a warning, and labels the result with the requested platform.
pub fn claimed_platform(root: &Utf8Path, base: &ResolvedBase) -> Option<String> {
    let config: Value = serde_json::from_slice(&fs::read(path(root, &base.digest)).ok()?).ok()?;
    Some(format!("{}/{}", config.get("os")?.as_str()?, config.get("architecture")?.as_str()?))
}

fn path(root: &Utf8Path, digest: &Digest) -> Utf8PathBuf {
    root.join("target/slipway/bases/configurations").join(format!("{}.json", digest.hex()))
}

fn read(root: &Utf8Path, digest: &Digest) -> Option<BaseFacts> {
    BaseFacts::from_image_config(&fs::read(path(root, digest)).ok()?).ok()
}

fn of_layout(folder: &Utf8Path) -> anyhow::Result<Vec<u8>> {
    let layout = Layout::open(folder)?;
    let (_, manifest) = layout.only_manifest()?;
    layout.document(&manifest.config.digest)
}

/// Returns the configuration from `imagetools inspect`, which prints one, or one per platform of an index.
fn of_registry(engine: &Engine, platform: Platform, base: &ResolvedBase) -> anyhow::Result<Option<Vec<u8>>> {
    let reference = base.reference.strip_prefix("docker-image://").unwrap_or(&base.reference);
    let mut command = engine.docker();
    command.args(["buildx", "imagetools", "inspect", "--format", "{{json .Image}}", reference]);
    let finished = process::run_bounded(&mut command, LIMIT).context("failed to run `docker buildx imagetools`")?;
    let Some(finished) = finished.filter(|finished| finished.status.success()) else { return Ok(None) };
    let Ok(image) = serde_json::from_str::<Value>(&finished.stdout) else { return Ok(None) };
    let image = image.get(platform.to_string()).unwrap_or(&image);
    Ok(image.get("config").is_some().then(|| image.to_string().into_bytes()))
}

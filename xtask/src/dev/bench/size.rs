//! Bytes of the app's layers above its base, against those of the original recipe on the same app.

use anyhow::ensure;
use camino::Utf8Path;

use super::Row;
use super::measure;
use super::original::{self, Originals};
use super::stage::Stage;
use crate::effects::engine;
use crate::effects::layouts::Layout;
use crate::report::Report;

/// Limit: ratio of our bytes to those of the original recipe.
const BAR: f64 = 1.0 / 6.0;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let engine = engine::ensure(root, report)?;
    let stage = Stage::copy(root, "size")?;
    measure::run(stage.xtask(&engine, &["build", "--image", "app"])?)?;
    let ours = layers(&stage.root.join("target/slipway/images/app"))?;

    report.detail("building the original recipe");
    let destination = stage.root.join("original");
    Originals::of(&stage, &engine, report)?.layout(&original::APP, &destination)?;
    let original = layers(&destination)?;

    // Both images begin with the layers of the base.
    let shared = ours.iter().zip(&original).take_while(|(ours, original)| ours == original).count();
    ensure!(shared > 0, "the two images share no base layer, so their layers cannot be compared");
    let above =
        |layers: &[(String, u64)]| layers.iter().skip(shared).map(|(_, bytes)| *bytes).sum::<u64>() as f64 / 1e6;
    let (ours, original) = (above(&ours), above(&original));
    Ok(vec![
        Row::plain("app layers above the base", format!("{ours:.1} MB")),
        Row::plain("  those of the original recipe", format!("{original:.1} MB")),
        Row::at_most("  ours as a share of the original's", ours / original, BAR, ""),
    ])
}

/// Returns digest and compressed bytes of each layer.
fn layers(directory: &Utf8Path) -> anyhow::Result<Vec<(String, u64)>> {
    let (_, manifest) = Layout::open(directory)?.only_manifest()?;
    Ok(manifest.layers.iter().map(|layer| (layer.digest.to_string(), layer.size)).collect())
}

//! Bytes of the app's layers above its base, against those of the original recipe on the same app.

use anyhow::{Context, ensure};
use camino::Utf8Path;

use super::Row;
use super::stage::Stage;
use crate::effects::bases::{self, Wanted};
use crate::effects::layouts::Layout;
use crate::effects::{engine, files, host, measure, project_files};
use crate::project::EnvironmentName;
use crate::report::Report;

/// The bar: our layers may have this part of the bytes of the original's.
const BAR: f64 = 1.0 / 6.0;

/// The base that both stand on.
const BASE: &str = "python:3.13-slim";

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let engine = engine::ensure(root, report)?;
    let stage = Stage::copy(root, "size")?;
    measure::run(stage.xtask(&engine, &["build", "--image", "app"])?)?;
    let ours = layers(&stage.root.join("target/slipway/images/app"))?;

    let project = project_files::load(&stage.root)?;
    let environment = project_files::load_environment(&stage.root, EnvironmentName::Local, &project)?;
    let names = [BASE.to_owned()].into();
    let wanted = Wanted {
        root: &stage.root,
        names: &names,
        platform: project.platform,
        environment: &environment,
        may_record: true,
    };
    let resolved = bases::resolve(&engine, &wanted, report)?;
    let base = resolved.get(BASE).with_context(|| format!("failed to resolve `{BASE}`"))?;
    report.detail("building the original recipe");
    let destination = stage.root.join("original");
    let empty = stage.root.join("empty");
    files::write_atomically(&empty, b"")?;
    let certificates = host::certificates().unwrap_or(empty);
    let mut docker = engine.docker();
    docker
        .args(["buildx", "build", "--quiet", "--provenance=false", "--platform", &project.platform.to_string()])
        .args(["--build-context", &format!("{BASE}={}", base.reference)])
        .args(["--secret", &format!("id=ca-certificates,src={certificates}")])
        .args(["--output", &format!("type=oci,dest={destination},tar=false,compression=zstd")])
        .args(["--file", "bench/original/Dockerfile", "app"])
        .current_dir(&stage.root);
    measure::run(docker)?;
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
        Row::at_most("  ours as a part of the original's", ours / original, BAR, ""),
    ])
}

/// Digest and compressed bytes of each layer.
fn layers(directory: &Utf8Path) -> anyhow::Result<Vec<(String, u64)>> {
    let (_, manifest) = Layout::open(directory)?.only_manifest()?;
    Ok(manifest.layers.iter().map(|layer| (layer.digest.to_string(), layer.size)).collect())
}

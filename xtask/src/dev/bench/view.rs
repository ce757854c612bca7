//! `build` after a one-line change in a view, against the bare bake run of the same plan, in alternation.

use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::Value;

use super::Row;
use super::measure;
use super::stage::Stage;
use crate::effects::engine::Engine;
use crate::effects::{engine, files, layout_store};
use crate::plan::bake::BUILDX_VARIABLES;
use crate::report::Report;

/// Limit: ratio of the seconds of `build` to those of the bare run.
const BAR: f64 = 1.10;

const ROUNDS: usize = 7;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let engine = engine::ensure(root, report)?;
    let stage = Stage::copy(root, "view")?;
    measure::run(stage.xtask(&engine, &["build"])?)?;
    let (mut ours, mut fresh, mut seeded) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        stage.change_view(3 * round)?;
        ours.push(measure::run(stage.xtask(&engine, &["build"])?)?.seconds);
        stage.change_view(3 * round + 1)?;
        fresh.push(bare(&stage, &engine, false)?);
        stage.change_view(3 * round + 2)?;
        seeded.push(bare(&stage, &engine, true)?);
    }
    let paired = |other: &[f64]| measure::median(ours.iter().zip(other).map(|(ours, other)| ours / other));
    Ok(vec![
        Row::plain("build after a change in a view", format!("{:.3} s", measure::median(ours.iter().copied()))),
        Row::at_most("  against the bare bake run of the same plan", paired(&fresh), BAR, "x"),
        Row::plain("  against a bare bake run into a folder seeded by hand", format!("{:.3} x", paired(&seeded))),
    ])
}

/// Returns the seconds of `docker buildx bake` with the plan that `build --dry-run` prints. The destination is empty or, if
/// `seeded`, has the blobs of the last layout, as in `build`.
fn bare(stage: &Stage, engine: &Engine, seeded: bool) -> anyhow::Result<f64> {
    let output =
        stage.xtask(engine, &["build", "--dry-run", "--output", "json"])?.output().context("failed to plan")?;
    let text = String::from_utf8(output.stdout).context("failed to read the plan")?;
    let finished: Value =
        serde_json::from_str(text.lines().last().unwrap_or_default()).context("failed to read the plan")?;
    let document = finished["bake"].to_string();
    // Images and destinations are those of the plan.
    for (image, target) in finished["bake"]["target"].as_object().into_iter().flatten() {
        let output = target["output"][0].as_str().unwrap_or_default();
        let Some(destination) = output.split(',').find_map(|part| part.strip_prefix("dest=")) else { continue };
        let destination = stage.root.join(destination);
        files::remove_directory(&destination)?;
        if seeded {
            layout_store::seed(&stage.root.join("target/slipway/cache/seeds").join(image), &destination)?;
        }
    }
    let mut docker = engine.docker();
    docker.args(engine.step_network().arguments()).envs(BUILDX_VARIABLES).current_dir(&stage.root);
    docker.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = docker.spawn().context("failed to start `docker buildx bake`")?;
    let mut stdin = child.stdin.take().context("failed to open the standard input of bake")?;
    std::io::Write::write_all(&mut stdin, document.as_bytes()).context("failed to send the plan")?;
    drop(stdin);
    let status = child.wait().context("failed to wait for bake")?;
    ensure!(status.success(), "the bare bake run failed: {status}");
    Ok(begun.elapsed().as_secs_f64())
}

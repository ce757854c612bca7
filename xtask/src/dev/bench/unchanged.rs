//! A no-op `build` of this repository, with an engine address at which no docker command could succeed.

use camino::Utf8Path;

use super::Row;
use super::measure;
use super::stage::Stage;
use crate::effects::engine;
use crate::report::Report;

/// Limit in seconds.
const BAR: f64 = 0.150;

const RUNS: usize = 11;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let engine = engine::ensure(root, report)?;
    let stage = Stage::copy(root, "unchanged")?;
    measure::run(stage.xtask(&engine, &["build"])?)?;
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        let mut command = stage.xtask(&engine, &["build"])?;
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        seconds.push(measure::run(command)?.seconds);
    }
    Ok(vec![Row::at_most("build of this repository, no-op, no docker", measure::median(seconds), BAR, "s")])
}

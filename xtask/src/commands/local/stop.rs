//! `local stop`: stops tasks as AWS does, then the daemon. The state is kept for the next start.

use camino::Utf8Path;
use serde_json::json;

use crate::effects::engine;
use crate::effects::local_daemon::{self, Ending, Place, leftovers, program};
use crate::report::Report;

pub(super) fn run(root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    let place = Place::of_repository(root);
    let outcome = if place.folder().exists() || local_daemon::running(&place).is_some() {
        let _lock = place.hold(report)?;
        stop(root, &place, report)?
    } else {
        "unchanged"
    };
    report.result(match outcome {
        "stopped" => "the local daemon and its tasks have ended; what it knows stays",
        _ => "the local daemon is not running",
    });
    report.closing(json!({"outcome": outcome }));
    Ok(())
}

fn stop(root: &Utf8Path, place: &Place, report: &Report) -> anyhow::Result<&'static str> {
    let ending = match local_daemon::running(place) {
        Some(daemon) => {
            report.step("ending the tasks of the local daemon, then the daemon");
            Some(local_daemon::stop(place, daemon)?)
        }
        None => None,
    };
    if ending == Some(Ending::Graceful) {
        return Ok("stopped");
    }
    // The daemon was killed, now or earlier, so its containers may still be running.
    let Some(engine) = engine::find(root)? else { return Ok(if ending.is_some() { "stopped" } else { "unchanged" }) };
    let left = leftovers::find(&engine, place)?;
    if left.is_empty() {
        return Ok(if ending.is_some() { "stopped" } else { "unchanged" });
    }
    report.warn(format!("the daemon was killed and left {left}: removing them"));
    leftovers::sweep(&program::compiled(root, report)?, place, &engine.address()?)?;
    Ok("stopped")
}

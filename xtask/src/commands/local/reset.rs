//! `local reset`: removal of the emulator, its state and its containers.

use std::io::{BufRead, IsTerminal, Write};

use camino::Utf8Path;
use serde_json::json;

use crate::effects::engine;
use crate::effects::local_daemon::reset;
use crate::error::Failure;
use crate::report::Report;

pub(super) fn run(root: &Utf8Path, yes: bool, report: &Report) -> anyhow::Result<()> {
    if !yes && !confirmed()? {
        report.result("nothing was removed");
        report.closing(json!({"outcome": "unchanged" }));
        return Ok(());
    }
    let engine = match engine::find_or_wake(root, report) {
        Ok(engine) => engine,
        Err(error) => {
            report.warn(format!("{error:#}"));
            None
        }
    };
    let removed = reset::reset(root, engine.as_ref(), false, report)?;
    if let Some(why) = &removed.unseen {
        report.warn(format!("containers, networks and volumes could not be looked at: {why}"));
        report.detail(
            "once that engine answers, `docker ps --all --filter label=slipway.local.instance` shows what is left there",
        );
    }
    let outcome = if removed.is_nothing() { "unchanged" } else { "reset" };
    report.result(match outcome {
        "reset" => "the local daemon is gone, with its containers, networks, volumes, images and files",
        _ => "there is no local daemon",
    });
    report.closing(json!({"outcome": outcome, "unseen": removed.unseen }));
    Ok(())
}

/// Requests confirmation on a terminal. Without a terminal, returns a usage failure.
fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        let failure = Failure::usage("`reset` removes pushed images, services, parameters and the data of the tasks");
        return Err(failure.hint("say that you mean it: `--yes`").into());
    }
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "This removes pushed images, services, parameters and the data of the tasks. Go on? [y/N] ");
    let _ = stderr.flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

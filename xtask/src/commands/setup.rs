//! `cargo xtask setup`: prepares the engine for builds; `--remove` removes the private engine and the local daemon.

use camino::Utf8Path;
use serde_json::json;

use crate::effects::engine::{self, Kind};
use crate::effects::local_daemon::reset;
use crate::effects::lock::{self, Lock};
use crate::report::Report;

/// The arguments of `setup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Whether to remove the local daemon and the private engine instead.
    pub remove: bool,
}

/// Sets up the engine, or removes it. The outcome is `ready`, `removed` or `unchanged`.
pub fn run(setup: &Setup, root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    if setup.remove { remove(root, report) } else { prepare(root, report) }
}

fn prepare(root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    let engine = engine::ensure(root, report)?;
    report.result(format!("ready: {engine}"));
    if let Some(host) = engine.host() {
        report.result(format!("to use it by hand: DOCKER_HOST={host}"));
        report.result("to remove it without a trace: cargo xtask setup --remove");
    }
    let versions = engine.versions();
    report.closing(json!({"outcome": "ready",
        "engine": {
            "kind": match engine.kind() { Kind::Found => "found", Kind::Private => "private" },
            "host": engine.host(),
            "client": versions.client,
            "server": versions.server,
            "buildx": versions.buildx,
        },
    }));
    Ok(())
}

fn remove(root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    // A concurrent build would lose its engine.
    let waiting = || report.step("a build is running in this repository, waiting for it");
    let _lock = Lock::acquire(&root.join(lock::BUILD), waiting)?;
    // The local daemon's process, and its containers in the user's own engine, are removed separately.
    let local = reset::reset(root, engine::find(root)?.as_ref(), true, report)?;
    if !local.is_nothing() {
        report.result("the local daemon is removed: process, containers, networks, volumes and files");
    }
    let had_engine = engine::remove(root, report)?;
    report.result(match had_engine {
        true => "the private engine is removed: processes, network, rules, mounts and files",
        false => "there is no private engine",
    });
    let outcome = if had_engine || !local.is_nothing() { "removed" } else { "unchanged" };
    report.closing(json!({"outcome": outcome }));
    Ok(())
}

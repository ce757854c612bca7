//! Checks of the Docker client, the engine, buildx and the connection to the registry.

use std::process::Command;
use std::time::Duration;

use camino::Utf8Path;

use super::Check;
use crate::effects::engine::probe::Probe;
use crate::effects::engine::{self, Engine, Export, packages};
use crate::effects::{host, process};

/// Time limit of the registry check. A reachable registry responds within a second.
const REGISTRY_LIMIT: Duration = Duration::from_secs(6);

pub(super) fn all(root: &Utf8Path) -> anyhow::Result<Vec<Check>> {
    let found = engine::find(root)?;
    Ok(match &found {
        Some(engine) => {
            let versions = engine.versions();
            vec![
                Check::ok("docker", "client").version(&versions.client),
                Check::ok("engine", engine.describe()).version(&versions.server),
                Check::ok("buildx", "0.13 or newer").version(&versions.buildx),
                export(engine),
                registry(engine),
            ]
        }
        None => without_engine(&engine::probe_user()),
    })
}

/// Returns the checks without an engine: a warning where `setup` or the first build can provide one.
fn without_engine(probe: &Probe) -> Vec<Check> {
    let reason = packages::unsupported(host::distribution().as_ref(), host::is_root());
    let obstacle = probe.obstacle().unwrap_or_else(|| "no engine answers".to_owned());
    let client = match &probe.client {
        Some(version) => Check::ok("docker", "client").version(version),
        None => Check::ok("docker", "no client: that of the private engine is used"),
    };
    match reason {
        None => {
            vec![client, Check::warn("engine", format!("{obstacle}, a private one can be set up"), "cargo xtask setup")]
        }
        Some(reason) => {
            vec![
                client,
                Check::fail(
                    "engine",
                    format!("{obstacle}, and {reason}"),
                    "install Docker with buildx 0.13 or newer and start it",
                ),
            ]
        }
    }
}

fn export(engine: &Engine) -> Check {
    match engine.export() {
        Export::OciLayout => Check::ok("oci-export", "images are exported as OCI layouts"),
        Export::Save => Check::warn(
            "oci-export",
            "classic image store: images are exported with docker save, which is slower",
            "turn on the containerd image store (\"features\": {\"containerd-snapshotter\": true} in daemon.json)",
        ),
    }
}

/// Checks that the registry is reachable. Every response counts, including a refusal.
fn registry(engine: &Engine) -> Check {
    use crate::image::base::Answer;
    const HINT: &str = "reach it, or name mirrors under [bases]; in `local`, substitutes are used";
    // The smallest public image of the default registry.
    let mut command: Command = engine.docker();
    command.args(["buildx", "imagetools", "inspect", "hello-world"]);
    let unreachable = |why: String| Check::warn("registry", format!("docker.io does not answer: {why}"), HINT);
    match process::run_bounded(&mut command, REGISTRY_LIMIT) {
        Ok(Some(finished)) if finished.status.success() => Check::ok("registry", "docker.io answers"),
        Ok(Some(finished)) => match Answer::from_error(&finished.stderr) {
            Answer::Unreachable(why) => unreachable(why),
            Answer::Refused(why) => Check::warn("registry", format!("docker.io answers, but refuses: {why}"), HINT),
            Answer::Found(_) | Answer::Missing => Check::ok("registry", "docker.io answers"),
        },
        Ok(None) => unreachable(format!("nothing within {} s", REGISTRY_LIMIT.as_secs())),
        Err(error) => unreachable(error.to_string()),
    }
}

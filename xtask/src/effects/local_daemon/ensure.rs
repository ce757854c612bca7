//! A running daemon: keeps the existing one, or starts a new one with its prerequisites.

use std::net::SocketAddr;

use serde_json::Value;

use super::{Place, Running, Start, holder, program};
use crate::effects::{engine, local_daemon};
use crate::error::Failure;
use crate::project::{EnvironmentName, Local, parse};
use crate::report::Report;

use camino::Utf8Path;

/// Action that was necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The daemon was already running with the same settings.
    Unchanged,
    /// The daemon was not running.
    Started,
    /// The daemon ran with another program or other settings, or did not answer.
    Restarted,
}

/// Returns the running daemon of a repository with this seed; starts or restarts it as needed.
///
/// # Errors
/// No engine on this machine, an address is in use, the daemon does not start.
pub fn ensure(
    root: &Utf8Path,
    local: &Local,
    region: &str,
    seed: &Value,
    report: &Report,
) -> anyhow::Result<(Running, Outcome)> {
    let place = Place::of_repository(root);
    let _lock = place.hold(report)?;
    let running = local_daemon::running(&place);
    if running.is_none() {
        // Checked before minutes are spent on an engine and a compiler.
        check_addresses(local)?;
    }
    let engine = engine::ensure(root, report)?;
    let address = engine.address()?;
    if !address.starts_with("unix://") {
        let failure = Failure::failed(format!(
            "the Docker engine is at `{address}`, and the local daemon works with one on this machine only"
        ));
        return Err(failure.hint("point DOCKER_HOST or the docker context to a `unix://` socket").into());
    }
    let program = program::compiled(root, report)?;
    let start = Start::new(program, local.endpoint, region, &address, seed)?;
    let outcome = match running {
        Some(daemon) => {
            let is_same = local_daemon::started(&place).as_ref() == Some(&start);
            if is_same && local_daemon::status(daemon.endpoint).is_some() {
                return Ok((daemon, Outcome::Unchanged));
            }
            let why = if is_same { "it does not answer" } else { "its program or its settings have changed" };
            report.step(format!("starting the local daemon anew: {why}; its tasks go on"));
            local_daemon::end(&place, daemon);
            check_addresses(local)?;
            Outcome::Restarted
        }
        None => {
            report.step("starting the local daemon");
            Outcome::Started
        }
    };
    Ok((local_daemon::start(&place, &start, seed)?, outcome))
}

/// Checks that both addresses are free.
fn check_addresses(local: &Local) -> anyhow::Result<()> {
    check_address(local.endpoint, "endpoint")?;
    check_address(local.balancer, "balancer")
}

fn check_address(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    if local_daemon::is_free(address) {
        return Ok(());
    }
    let holder = holder::of(address).map(|holder| format!(" by {holder}")).unwrap_or_default();
    let file = parse::environment_file(EnvironmentName::LOCAL);
    Err(Failure::failed(format!("{address} is taken{holder}"))
        .hint(format!("end that process, or name another address: `{key}` under `[local]` in `{file}`"))
        .into())
}

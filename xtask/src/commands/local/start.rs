//! `local start`: engine, program, seed, process; each only where it is needed.

use std::net::SocketAddr;

use camino::Utf8Path;

use super::{Target, status};
use crate::effects::engine;
use crate::effects::local_daemon::{self, Place, Start, holder, program};
use crate::error::Failure;
use crate::plan::local;
use crate::project::parse;
use crate::report::Report;

pub(super) fn run(root: &Utf8Path, target: &Target, report: &Report) -> anyhow::Result<()> {
    let place = Place::of_repository(root);
    let _lock = place.hold(report)?;
    let running = local_daemon::running(&place);
    if running.is_none() {
        // Said before minutes are spent on an engine and a compiler.
        check_addresses(target)?;
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
    let seed = local::seed(&target.names, &target.local);
    let start = Start::new(program, target.local.endpoint, &target.environment.region, &address, &seed)?;
    let outcome = match running {
        Some(daemon) => {
            let is_same = local_daemon::started(&place).as_ref() == Some(&start);
            if is_same && local_daemon::status(daemon.endpoint).is_some() {
                report.result(format!("the local daemon is running already, process {}", daemon.id));
                return status::show(target, "unchanged", report);
            }
            let why = if is_same { "it does not answer" } else { "its program or its settings have changed" };
            report.step(format!("starting the local daemon anew: {why}; its tasks go on"));
            local_daemon::end(&place, daemon);
            check_addresses(target)?;
            "restarted"
        }
        None => {
            report.step("starting the local daemon");
            "started"
        }
    };
    let daemon = local_daemon::start(&place, &start, &seed)?;
    report.result(format!("{outcome}: the local daemon, process {}, log in `{}`", daemon.id, place.log()));
    status::show(target, outcome, report)
}

/// Both addresses must be free.
fn check_addresses(target: &Target) -> anyhow::Result<()> {
    check_address(target.local.endpoint, "endpoint")?;
    check_address(target.local.balancer, "balancer")
}

fn check_address(address: SocketAddr, key: &str) -> anyhow::Result<()> {
    if local_daemon::is_free(address) {
        return Ok(());
    }
    let holder = holder::of(address).map(|holder| format!(" by {holder}")).unwrap_or_default();
    let file = parse::environment_file(crate::project::EnvironmentName::Local);
    Err(Failure::failed(format!("{address} is taken{holder}"))
        .hint(format!("end that process, or name another address: `{key}` under `[local]` in `{file}`"))
        .into())
}

//! `cargo xtask local`: start, stop, status, logs and reset of the local AWS emulator (environment `local`).

mod logs;
mod reset;
mod start;
mod status;
mod stop;

use camino::Utf8Path;

use crate::effects::project_files;
use crate::error::Failure;
use crate::plan::local::{self, Names};
use crate::project::{Environment, EnvironmentName, Local};
use crate::report::Report;

/// The subcommand of `local`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Starts the daemon, unless it is running.
    Start,
    /// Stops its tasks and the daemon. The state is kept.
    Stop,
    /// Shows whether it is running, and its services.
    Status,
    /// Shows logs.
    Logs(Logs),
    /// Removes the emulator with its state and containers.
    Reset {
        /// Whether to skip the confirmation.
        yes: bool,
    },
}

/// Selection of the logs that are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Whether to continue until interrupted.
    pub follow: bool,
    /// Whether to show the logs of all containers instead of the daemon's.
    pub service: bool,
    /// Name of the containers to show.
    pub container: Option<String>,
    /// Task to show.
    pub task: Option<String>,
}

/// The environment `local` and the values derived from it.
struct Target {
    environment: Environment,
    local: Local,
    names: Names,
}

/// Executes a request.
///
/// # Errors
/// Bad configuration (2), interrupted (130), all other failures (1).
pub fn run(root: &Utf8Path, environment: EnvironmentName, request: &Request, report: &Report) -> anyhow::Result<()> {
    if !environment.is_local() {
        let failure = Failure::usage(format!("`{environment}` is on AWS: only `local` has an emulator"));
        return Err(failure.hint("leave out `--env`").into());
    }
    match request {
        Request::Start => start::run(root, &load(root)?, report),
        Request::Stop => stop::run(root, report),
        Request::Status => status::run(root, &load(root)?, report),
        Request::Logs(logs) => logs::run(root, logs, report),
        Request::Reset { yes } => reset::run(root, *yes, report),
    }
}

fn load(root: &Utf8Path) -> anyhow::Result<Target> {
    let project = project_files::load(root)?;
    let environment = project_files::load_environment(root, EnvironmentName::LOCAL, &project)?;
    let names = local::names(&project, &environment);
    let local = environment.local.clone().unwrap_or_default();
    Ok(Target { environment, local, names })
}

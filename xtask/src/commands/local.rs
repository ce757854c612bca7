//! `cargo xtask local`: the local AWS emulator that the environment `local` deploys to, started, looked at, ended.

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

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Start the daemon, unless it runs.
    Start,
    /// End its tasks and the daemon. The state stays.
    Stop,
    /// Say whether it runs and what it has.
    Status,
    /// Show output.
    Logs(Logs),
    /// Remove everything.
    Reset {
        /// Do not ask.
        yes: bool,
    },
}

/// Whose output is shown, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// Go on until interrupted.
    pub follow: bool,
    /// Of all containers instead of the daemon.
    pub service: bool,
    /// Of the containers of this name.
    pub container: Option<String>,
    /// Of this task.
    pub task: Option<String>,
}

/// The environment `local` and what follows from it.
struct Target {
    environment: Environment,
    local: Local,
    names: Names,
}

/// Carries out a request.
///
/// # Errors
/// Bad configuration (2), interrupted (130), everything else (1).
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

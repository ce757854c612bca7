//! How the AWS of an environment is reached: AWS itself, an endpoint that somebody named, or the emulator, which is started
//! where it does not run.

use camino::Utf8Path;

use crate::effects::aws::{self, Caller};
use crate::effects::local_daemon::{self, ensure};
use crate::error::Failure;
use crate::plan::local;
use crate::project::{Environment, Project};
use crate::report::Report;

/// Endpoint and caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Of all services; `None`: AWS's own.
    pub endpoint: Option<String>,
    /// Whose credentials sign.
    pub caller: Caller,
}

/// What to do about an emulator that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Start it, with all that it needs.
    Start,
    /// Say so: this verb only looks.
    Refuse,
}

/// Finds the way.
///
/// # Errors
/// The emulator cannot be started, or does not run and must not be started.
pub fn reach(
    root: &Utf8Path,
    project: &Project,
    environment: &Environment,
    missing: Missing,
    report: &Report,
) -> anyhow::Result<Reach> {
    let is_local = environment.name.is_local();
    let caller = if is_local { Caller::Anybody } else { Caller::Surroundings };
    let named = aws::endpoint_of_environment().or_else(|| environment.endpoint.clone());
    let endpoint = match (&environment.local, named) {
        (Some(local), None) => {
            match missing {
                Missing::Start => {
                    let seed = local::seed(&local::names(project, environment), local);
                    ensure::ensure(root, local, &environment.region, &seed, report)?;
                }
                Missing::Refuse => {
                    let place = local_daemon::Place::of_repository(root);
                    local_daemon::running(&place).ok_or_else(|| {
                        Failure::failed("the local daemon does not run").hint("cargo xtask local start")
                    })?;
                }
            }
            Some(format!("http://{}", local.endpoint))
        }
        (_, named) => named,
    };
    Ok(Reach { endpoint, caller })
}

/// Refuses another account than the environment's.
///
/// # Errors
/// Refused (3).
pub fn guard(environment: &Environment, found: Option<&str>) -> Result<(), Failure> {
    match (&environment.account, found) {
        (Some(wanted), Some(found)) if wanted != found => {
            let text = format!("`{}` is in the AWS account {wanted}, and the caller is in {found}", environment.name);
            Err(Failure::refused(text).hint("use the credentials of the right account: AWS_PROFILE, or log in again"))
        }
        _ => Ok(()),
    }
}

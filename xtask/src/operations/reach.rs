//! Connection to the AWS of an environment: AWS itself, a configured endpoint, or the emulator, which is started if it
//! does not run.

use camino::Utf8Path;

use crate::effects::aws::{self, CredentialSource};
use crate::effects::local_daemon::{self, ensure};
use crate::error::Failure;
use crate::plan::local;
use crate::project::{Environment, Project};
use crate::report::Report;

/// An endpoint and the source of its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Endpoint of all services; `None` for AWS's own.
    pub endpoint: Option<String>,
    /// Source of the credentials that sign requests.
    pub caller: CredentialSource,
}

/// Handling of an emulator that does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Start the emulator and its prerequisites.
    Start,
    /// Return an error: this verb only reads.
    Refuse,
}

/// Returns the connection of an environment.
///
/// # Errors
/// Returns an error if the emulator cannot be started, or does not run and must not be started.
pub fn reach(
    root: &Utf8Path,
    project: &Project,
    environment: &Environment,
    missing: Missing,
    report: &Report,
) -> anyhow::Result<Reach> {
    let is_local = environment.name.is_local();
    let caller = if is_local { CredentialSource::Anonymous } else { CredentialSource::DefaultChain };
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

/// Rejects an account other than the environment's.
///
/// # Errors
/// Returns refused (3).
pub fn guard(environment: &Environment, found: Option<&str>) -> Result<(), Failure> {
    match (&environment.account, found) {
        (Some(wanted), Some(found)) if wanted != found => {
            let text = format!("`{}` is in the AWS account {wanted}, and the caller is in {found}", environment.name);
            Err(Failure::refused(text).hint("use the credentials of the right account: AWS_PROFILE, or log in again"))
        }
        _ => Ok(()),
    }
}

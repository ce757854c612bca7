//! The command line, checked: typed flags, settings and the seed. Errors are reported before anything starts.

use std::fmt;
use std::net::SocketAddr;

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand};

use crate::seed::Seed;
use crate::settings::{Settings, UnknownMembers};

/// The local AWS emulator that the environment `local` deploys to. `cargo xtask local` starts it.
#[derive(Debug, Parser)]
pub struct Flags {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until stopped
    Serve(Serve),
    /// Remove every container, network and volume that a daemon with this state has left in the engine
    Sweep(Sweep),
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address to listen on, loopback only; port 0 takes a free one and writes it to `daemon.json` of the state
    #[arg(long)]
    pub endpoint: SocketAddr,
    /// AWS region in ARNs
    #[arg(long)]
    pub region: String,
    /// Folder for everything that outlives the daemon
    #[arg(long)]
    pub state: Utf8PathBuf,
    /// Address of the Docker engine
    #[arg(long)]
    pub engine: String,
    /// File with the initial state, as JSON
    #[arg(long)]
    pub seed: Option<Utf8PathBuf>,
    /// Members of `RegisterTaskDefinition` that the emulator does not know or does not run
    #[arg(long, value_enum, default_value_t)]
    pub unknown_members: UnknownMembers,
}

/// Flags of `sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    /// Folder of the state
    #[arg(long)]
    pub state: Utf8PathBuf,
    /// Address of the Docker engine
    #[arg(long)]
    pub engine: String,
}

/// A wrong command line or seed: exit code 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadUsage(pub String);

impl fmt::Display for BadUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadUsage {}

impl Serve {
    /// Checks the flags and returns settings and seed.
    ///
    /// # Errors
    /// `BadUsage`: an address that is not loopback, no region, a relative state path, an invalid seed.
    pub fn checked(self) -> Result<(Settings, Seed), BadUsage> {
        let Serve { endpoint, region, state, engine, seed, unknown_members } = self;
        if !endpoint.ip().is_loopback() {
            return Err(BadUsage(format!(
                "--endpoint {endpoint} can be reached from outside: only loopback addresses such as 127.0.0.1 are served"
            )));
        }
        let is_region = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if region.is_empty() || !is_region(&region) {
            return Err(BadUsage(format!("--region {region:?} is not a region such as eu-central-1")));
        }
        // Containers mount folders below it, and its text names them.
        if !state.is_absolute() {
            return Err(BadUsage(format!("--state {state} is not an absolute path")));
        }
        let seed = match seed {
            None => Seed::default(),
            Some(file) => Seed::load(&file).map_err(|error| BadUsage(format!("--seed: {error}")))?,
        };
        let instance = Settings::instance_of(&state);
        Ok((Settings { endpoint, region, state, engine, instance, unknown_members }, seed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: &[(&str, &str)]) -> Result<Settings, String> {
        let mut typed = vec!["local-aws", "serve"];
        let given = [("--endpoint", "127.0.0.1:0"), ("--region", "r"), ("--state", "/s"), ("--engine", "unix:///e")];
        for (name, default) in given {
            let value = change.iter().find(|(changed, _)| *changed == name).map_or(default, |(_, value)| value);
            typed.extend([name, value]);
        }
        let further = change.iter().filter(|(name, _)| given.iter().all(|(known, _)| known != name));
        typed.extend(further.flat_map(|(name, value)| [*name, *value]));
        match Flags::try_parse_from(typed).map_err(|error| error.to_string())?.command {
            Command::Serve(serve) => serve.checked().map(|(settings, _)| settings).map_err(|error| error.0),
            Command::Sweep(_) => Err("sweep".into()),
        }
    }

    #[test]
    fn only_loopback_is_served() {
        assert!(check(&[]).is_ok());
        assert!(check(&[("--endpoint", "[::1]:4510")]).is_ok());
        for wrong in ["0.0.0.0:4510", "[::]:4510", "192.168.1.2:4510"] {
            assert!(check(&[("--endpoint", wrong)]).unwrap_err().contains("loopback"), "{wrong}");
        }
        assert!(check(&[("--endpoint", "localhost")]).is_err());
        assert!(check(&[("--region", "")]).is_err());
        assert!(check(&[("--state", "here")]).unwrap_err().contains("absolute"));
    }

    #[test]
    fn unknown_members_are_refused_by_default() {
        let given = |value| check(&[("--unknown-members", value)]).map(|settings| settings.unknown_members);
        assert_eq!(check(&[]).unwrap().unknown_members, UnknownMembers::Refuse);
        assert_eq!(given("keep"), Ok(UnknownMembers::Keep));
        assert!(given("drop").unwrap_err().contains("[possible values: refuse, keep]"));
    }
}

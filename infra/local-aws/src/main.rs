//! `local-aws serve` and `local-aws sweep`: typed flags in, exit code out.

use std::net::SocketAddr;
use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};
use local_aws::settings::Settings;

/// The stand-in for AWS that the environment `local` deploys to. `cargo xtask local` starts it.
#[derive(Debug, Parser)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until told to end
    Serve {
        /// Where to listen, loopback only
        #[arg(long)]
        endpoint: SocketAddr,
        /// AWS region in ARNs
        #[arg(long)]
        region: String,
        /// Folder for everything that outlives the daemon
        #[arg(long)]
        state: Utf8PathBuf,
        /// Address of the Docker engine
        #[arg(long)]
        engine: String,
        /// What is there at the start, as JSON
        #[arg(long)]
        seed: Option<Utf8PathBuf>,
    },
    /// Remove every container, network and volume that a daemon with this state has left in the engine
    Sweep {
        /// Folder of the state
        #[arg(long)]
        state: Utf8PathBuf,
        /// Address of the Docker engine
        #[arg(long)]
        engine: String,
    },
}

fn main() -> ExitCode {
    let result = run(Flags::parse().command);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        Command::Serve { endpoint, region, state, engine, seed: _ } => {
            let instance = Settings::instance_of(&state);
            runtime.block_on(local_aws::daemon::serve(Settings { endpoint, region, state, engine, instance }))
        }
        Command::Sweep { state, engine } => {
            runtime.block_on(local_aws::runner::sweep(&engine, &Settings::instance_of(&state)))
        }
    }
}

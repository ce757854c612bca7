//! `local-aws serve` and `local-aws sweep`: typed flags in, exit code out. 1: failed. 2: wrong command line or seed.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use local_aws::flags::{BadUsage, Command, Flags, Sweep};
use local_aws::settings::Settings;

/// What is still being written when the daemon ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(Flags::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<BadUsage>() { 2 } else { 1 })
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = match command {
        Command::Serve(serve) => {
            let (settings, seed) = serve.checked()?;
            runtime.block_on(local_aws::daemon::serve(settings, &seed))
        }
        Command::Sweep(Sweep { state, engine }) => {
            runtime.block_on(local_aws::runner::sweep(&engine, &Settings::instance_of(&state)))
        }
    };
    runtime.shutdown_timeout(LAST_WORDS);
    result
}

//! Entry point: parse, dispatch, render the error, exit code.

use std::process::ExitCode;

use clap::Parser;
use xtask::commands::{bench, build, doctor, local, push, setup, test};
use xtask::effects::{host, interrupt};
use xtask::error::{Failure, exit_of};
use xtask::flags::{Command, Flags};
use xtask::report::{self, Report};

fn main() -> ExitCode {
    // Clap prints its own errors, with suggestions, and exits with 2 as we do.
    let flags = Flags::parse();
    match run(flags.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::show_error(&error);
            ExitCode::from(exit_of(&error) as u8)
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let report = Report::new(command.output(), host::is_ci());
    let closing = |error: &anyhow::Error| report.failed(error);
    let root = interrupt::install().and_then(|()| host::current_repository()).inspect_err(closing)?;
    match command {
        Command::Build(flags) => {
            let request = build::Request {
                environment: flags.shared.env,
                images: flags.images,
                no_cache: flags.no_cache,
                file: flags.file,
                tags: flags.tags,
                explain: flags.explain,
                dry_run: flags.dry_run,
            };
            build::run(&root, &request, &report).map(|_| ())
        }
        Command::Push(flags) => {
            let request = push::Request {
                environment: flags.shared.env,
                images: flags.images,
                as_built: flags.as_built,
                dry_run: flags.dry_run,
            };
            push::run(&root, &request, &report).inspect_err(closing)
        }
        Command::Setup(flags) => {
            setup::run(&setup::Setup { remove: flags.remove }, &root, &report).inspect_err(closing)
        }
        Command::Doctor(_) => match doctor::run(&root, &report).inspect_err(closing)? {
            doctor::Outcome::Passed => Ok(()),
            doctor::Outcome::Failed => Err(Failure::failed("something that is needed is missing").into()),
        },
        Command::Local(flags) => {
            let (environment, request) = flags.verb.request();
            local::run(&root, environment, &request, &report).inspect_err(closing)
        }
        Command::Test(flags) => {
            let request = test::Request { fast: flags.fast, only: flags.only };
            test::run(&root, &request, &report)
        }
        Command::Bench(flags) => match flags.prove {
            Some(layout) => bench::prove_once(&layout),
            None => bench::run(&root, &flags.only, &report),
        },
    }
}

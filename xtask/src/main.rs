//! Entry point: parse, dispatch, render the error, exit code.

use std::process::ExitCode;

use camino::Utf8Path;
use clap::Parser;
use xtask::commands::{
    bench, build, deploy, doctor, exec, history, local, logs, push, rollback, run, scale, setup, status, test, verify,
};
use xtask::effects::{host, interrupt};
use xtask::error::{Exit, Failure, exit_of};
use xtask::flags::{Command, Flags};
use xtask::report::{self, Report};

fn main() -> ExitCode {
    // Clap prints its own errors, with suggestions, and exits with 2 as we do.
    let flags = Flags::parse();
    match dispatch(flags.command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report::show_error(&error);
            ExitCode::from(exit_of(&error) as u8)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    let report = Report::new(command.output(), host::is_ci());
    let closing = |error: &anyhow::Error| report.failed(error);
    let root = interrupt::install().and_then(|()| host::current_repository()).inspect_err(closing)?;
    match command {
        // These close by themselves, whatever happens.
        Command::Build(flags) => build::run(&root, &flags.request(), &report).map(drop)?,
        Command::Deploy(flags) => deploy(&root, &flags.request(), &report)?,
        Command::Rollback(flags) => rollback::run(&root, &flags.request(), &report)?,
        Command::Test(flags) => test::run(&root, &test::Request { fast: flags.fast, only: flags.only }, &report)?,
        Command::Bench(flags) => match flags.prove {
            Some(layout) => bench::prove_once(&layout)?,
            None => bench::run(&root, &flags.only, &report)?,
        },
        other => return closed(other, &root, &report).inspect_err(closing),
    }
    Ok(0)
}

/// Verbs whose failures are closed for them.
fn closed(command: Command, root: &Utf8Path, report: &Report) -> anyhow::Result<u8> {
    match command {
        Command::Push(flags) => push::run(root, &flags.request(), report).map(drop)?,
        Command::Verify(flags) => match verify::run(root, &flags.request(), report)? {
            verify::Outcome::Passed => {}
            // The findings and the closing event are out: only the exit code is left to say it.
            verify::Outcome::Failed => return Ok(Exit::Failed as u8),
        },
        Command::Setup(flags) => setup::run(&setup::Setup { remove: flags.remove }, root, report)?,
        Command::Status(flags) => status::run(root, flags.shared.env, flags.service.as_deref(), report)?,
        Command::History(flags) => history::run(root, &flags.request(), report)?,
        Command::Logs(flags) => logs::run(root, &flags.request(), report)?,
        Command::Run(flags) => return run::run(root, &flags.request(), report),
        Command::Exec(flags) => return exec::run(root, &flags.request(), report),
        Command::Scale(flags) => scale::run(root, &flags.request(), report)?,
        Command::Doctor(_) => match doctor::run(root, report)? {
            doctor::Outcome::Passed => {}
            doctor::Outcome::Failed => return Err(Failure::failed("something that is needed is missing").into()),
        },
        Command::Local(flags) => {
            let (environment, request) = flags.verb.request();
            local::run(root, environment, &request, report)?;
        }
        _ => {}
    }
    Ok(0)
}

/// `deploy` with the two verbs that are parts of it.
fn deploy(root: &Utf8Path, request: &deploy::Request, report: &Report) -> anyhow::Result<()> {
    let (environment, dry_run) = (request.environment, request.dry_run);
    let build = |report: &Report| build::run(root, &build::Request::all(environment, dry_run), report);
    let push = |aws, report: &Report| push::run(root, &push::Request::all(environment, aws, dry_run), report);
    deploy::run(root, request, deploy::Parts { build: &build, push: &push }, report)
}

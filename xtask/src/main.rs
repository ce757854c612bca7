//! Entry point: parse, dispatch, render the error, exit code.

use std::process::ExitCode;

use camino::Utf8Path;
use clap::{CommandFactory, Parser};
use xtask::commands::{
    build, completions, deploy, doctor, exec, history, local, logs, man, push, rollback, run, scale, setup, status,
    verify,
};
use xtask::effects::{host, interrupt};
use xtask::error::{Exit, Failure, exit_of};
use xtask::flags::{Command, Flags};
use xtask::report::{self, Report, trace};

fn main() -> ExitCode {
    // Clap prints its own errors, with suggestions, and exits with 2 as well.
    let flags = Flags::parse();
    match trace::install(flags.verbose).map_err(Into::into).and_then(|()| dispatch(flags.command)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report::show_error(&error);
            ExitCode::from(exit_of(&error) as u8)
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<u8> {
    let report = Report::new(command.output(), host::is_ci());
    // These two describe the command line itself and need no project.
    match &command {
        Command::Completions(flags) => return completions::run(Flags::command(), flags.shell, &report).map(|()| 0),
        Command::Man(flags) => return man::run(Flags::command(), flags.directory.as_deref(), &report).map(|()| 0),
        _ => {}
    }
    let closing = |error: &anyhow::Error| report.failed(error);
    let root = interrupt::install().and_then(|()| host::current_repository()).inspect_err(closing)?;
    match command {
        // These print their closing event themselves, also after a failure.
        Command::Build(flags) => build::run(&root, &flags.request(), &report).map(drop)?,
        Command::Deploy(flags) => deploy(&root, &flags.request(), &report)?,
        Command::Rollback(flags) => rollback::run(&root, &flags.request(), &report)?,
        #[cfg(feature = "dev")]
        Command::Dev(verb) => verb.run(&root, &report)?,
        other => return closed(other, &root, &report).inspect_err(closing),
    }
    Ok(0)
}

/// Runs a verb whose closing event after a failure is printed by the caller.
fn closed(command: Command, root: &Utf8Path, report: &Report) -> anyhow::Result<u8> {
    match command {
        Command::Push(flags) => push::run(root, &flags.request(), report).map(drop)?,
        Command::Verify(flags) => match verify::run(root, &flags.request(), report)? {
            verify::Outcome::Passed => {}
            // The findings and the closing event are printed: only the exit code is left.
            verify::Outcome::Failed => return Ok(Exit::Failed as u8),
        },
        Command::Setup(flags) => setup::run(&setup::Setup { remove: flags.remove }, root, report)?,
        Command::Status(flags) => status::run(root, flags.shared.environment(), flags.service.as_deref(), report)?,
        Command::History(flags) => history::run(root, &flags.request(), report)?,
        Command::Logs(flags) => logs::run(root, &flags.request(), report)?,
        Command::Run(flags) => return run::run(root, &flags.request(), report),
        Command::Exec(flags) => return exec::run(root, &flags.request(), report),
        Command::Scale(flags) => scale::run(root, &flags.request(), report)?,
        Command::Doctor(_) => match doctor::run(root, report)? {
            doctor::Outcome::Passed => {}
            doctor::Outcome::Failed => return Err(Failure::failed("a prerequisite is missing").into()),
        },
        Command::Local(flags) => {
            let (environment, request) = flags.verb.request();
            local::run(root, environment, &request, report)?;
        }
        _ => {}
    }
    Ok(0)
}

/// Runs `deploy` with the two verbs that are parts of it.
fn deploy(root: &Utf8Path, request: &deploy::Request, report: &Report) -> anyhow::Result<()> {
    let (environment, dry_run) = (request.environment, request.dry_run);
    let build = |report: &Report| build::run(root, &build::Request::all(environment, dry_run), report);
    let push = |aws, report: &Report| push::run(root, &push::Request::all(environment, aws, dry_run), report);
    deploy::run(root, request, deploy::Parts { build: &build, push: &push }, report)
}

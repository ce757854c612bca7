//! `cargo xtask test`: sets up what the suites need, runs them and prints one closing line of counts.

mod counts;
mod local_aws;
mod runner;
pub mod suites;

use std::io::Write;
use std::process::Command;

use camino::Utf8Path;

use self::counts::Counts;
use self::suites::{Suite, select};
use crate::dev::{packages, postgres, python};
use crate::effects::engine::{self, Kind};
use crate::effects::interrupt;
use crate::error::Failure;
use crate::report::Report;

/// Runs the suites and prints the closing line; a suite that fails does not stop the others. `fast` leaves out the
/// suites that need an engine; an empty `only` selects all. A private engine that was not running before is stopped at
/// the end: its images and cache stay for the next run.
///
/// # Errors
/// A failure (exit code 1) where a test failed or a suite could not be set up, after all suites ran.
pub fn run(root: &Utf8Path, fast: bool, only: &[Suite], report: &Report) -> anyhow::Result<()> {
    let suites = select(fast, only);
    if suites.is_empty() {
        return Err(Failure::usage("no suite is left to run")
            .hint("`--fast` leaves out the suites that need an engine")
            .into());
    }
    let had_engine = runs_private_engine(root)?;
    let result = run_suites(root, suites, report);
    if !had_engine && runs_private_engine(root)? {
        engine::stop(root, report)?;
    }
    let total = result?;
    // CI reads this very line: alone, on standard output, the last one.
    let _ = writeln!(std::io::stdout().lock(), "{total}");
    if total.failed > 0 || total.passed == 0 {
        return Err(Failure::failed(format!("{} of the tests failed", total.failed)).into());
    }
    Ok(())
}

fn runs_private_engine(root: &Utf8Path) -> anyhow::Result<bool> {
    Ok(engine::find(root)?.is_some_and(|engine| engine.kind() == Kind::Private))
}

fn run_suites(root: &Utf8Path, suites: Vec<Suite>, report: &Report) -> anyhow::Result<Counts> {
    let mut total = Counts::default();
    let mut lines = Vec::new();
    let (beside, mut in_turn) = split_lanes(suites);
    let mut done = Vec::new();
    // Two lanes: Rust's tests wait for clocks more than they compute. The output of the second lane is buffered until
    // the first one has finished, so that the output of each suite stays together.
    if !beside.is_empty() {
        let rust = in_turn.remove(0);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let one = |suite| {
                    let mut output = Vec::new();
                    let ended = timed(root, suite, report, &mut output);
                    (suite, output, ended)
                };
                beside.iter().copied().map(one).collect::<Vec<_>>()
            });
            report.step(format!("suite {rust:?}, and others beside it"));
            done.push((rust, timed(root, rust, report, &mut std::io::stderr())));
            // A lane that panicked has no counts: each of its suites counts as failed.
            let panicked = |_| {
                let failed = Counts { failed: 1, ..Counts::default() };
                beside.iter().map(|suite| (*suite, b"the suite panicked\n".to_vec(), (failed, 0.0))).collect()
            };
            for (suite, output, ended) in second.join().unwrap_or_else(panicked) {
                report.step(format!("suite {suite:?}"));
                let _ = std::io::stderr().lock().write_all(&output);
                done.push((suite, ended));
            }
        });
    }
    for suite in in_turn {
        if interrupt::requested() {
            return Err(Failure::interrupted("interrupted between two suites").into());
        }
        report.step(format!("suite {suite:?}"));
        done.push((suite, timed(root, suite, report, &mut std::io::stderr())));
    }
    for (suite, (counts, seconds)) in done {
        lines.push(format!("{:<16} {counts} in {seconds:.0} s", format!("{suite:?}")));
        total += counts;
    }
    report.step("all suites");
    for line in lines {
        report.detail(line);
    }
    Ok(total)
}

/// Splits the suites into those that run beside the Rust suite (fast, without cargo) and the others in their order.
fn split_lanes(suites: Vec<Suite>) -> (Vec<Suite>, Vec<Suite>) {
    match suites.first() {
        Some(Suite::Rust) => suites.into_iter().partition(|suite| suite.is_fast() && *suite != Suite::Rust),
        _ => (Vec::new(), suites),
    }
}

/// Runs one suite and returns its counts and seconds. A suite that cannot start counts as one failure.
fn timed(root: &Utf8Path, suite: Suite, report: &Report, show: &mut dyn Write) -> (Counts, f32) {
    let started = std::time::Instant::now();
    let counts = run_suite(root, suite, report, show).unwrap_or_else(|error| {
        report.warn(format!("suite {suite:?} could not run: {error:#}"));
        for hint in crate::error::hints_of(&error) {
            report.detail(format!("hint: {hint}"));
        }
        Counts { failed: 1, ..Counts::default() }
    });
    (counts, started.elapsed().as_secs_f32())
}

fn run_suite(root: &Utf8Path, suite: Suite, report: &Report, show: &mut dyn Write) -> anyhow::Result<Counts> {
    let command = match suite {
        Suite::Rust => cargo(root, &["test", "--workspace", "--quiet", "--no-fail-fast"]),
        Suite::Containers => one_by_one(root, "containers"),
        Suite::Browser => one_by_one(root, "browser"),
        Suite::Engine => one_by_one(root, "engine"),
        Suite::LocalContainers => local_aws::containers(root, report)?,
        Suite::Conformance => local_aws::conformance(root, report)?,
        Suite::DjangoSqlite => django(root, report)?,
        Suite::DjangoPostgres => {
            let server = postgres::Postgres::start(&postgres::binaries(root, report)?)?;
            let mut pytest = django(root, report)?;
            pytest.env("DATABASE_URL", server.url());
            return runner::run(pytest, show);
        }
        Suite::Nginx => {
            let nginx = packages::unpacked(root, "nginx", &["nginx"], report)?;
            let bin = python::venv(root, "nginx", "nginx/tests/requirements.txt".into(), report)?;
            let mut pytest = Command::new(bin.join("python"));
            pytest.args(["-m", "pytest", "-q", "tests"]).current_dir(root.join("nginx"));
            pytest.env("NGINX_BIN", nginx.file("/usr/sbin/nginx")).env("LD_LIBRARY_PATH", nginx.libraries());
            pytest
        }
    };
    runner::run(command, show)
}

fn django(root: &Utf8Path, report: &Report) -> anyhow::Result<Command> {
    let bin = python::venv(root, "app", "app/requirements/dev.txt".into(), report)?;
    let mut pytest = Command::new(bin.join("python"));
    pytest.args(["-m", "pytest", "-q"]).current_dir(root.join("app")).env_remove("DATABASE_URL");
    Ok(pytest)
}

/// Command of a test target whose tests share an engine, so that they run one after another.
fn one_by_one(root: &Utf8Path, target: &str) -> Command {
    cargo(root, &["test", "-p", "xtask", "--quiet", "--test", target, "--", "--test-threads=1"])
}

/// Command of the cargo that started this process, without the variables that cargo sets for its child: nested builds
/// would see changed inputs and rebuild.
fn cargo(root: &Utf8Path, arguments: &[&str]) -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars().filter(|(name, _)| {
        name.starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" || name == "CARGO_MANIFEST_PATH"
    }) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(root);
    command
}

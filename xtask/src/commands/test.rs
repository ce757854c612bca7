//! `cargo xtask test`: sets up what the suites need, runs them, and closes with one plain line of counts.

mod local_aws;

use std::io::Write;
use std::process::Command;

use camino::Utf8Path;

use crate::effects::engine::{self, Kind};
use crate::effects::{interrupt, packages, postgres, python, tests};
use crate::error::Failure;
use crate::plan::counts::Counts;
use crate::plan::suites::{Suite, select};
use crate::report::Report;

/// What `test` was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Only the suites that need no engine.
    pub fast: bool,
    /// Only these suites; all where the list is empty.
    pub only: Vec<Suite>,
}

/// Runs the suites one after another, whatever fails, and prints the closing line. A private engine that was not running
/// before is stopped at the end: its images and cache stay for the next run.
///
/// # Errors
/// A failure (exit code 1) where a test failed or a suite could not be set up, after all suites ran.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let suites = select(request.fast, &request.only);
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
    for suite in suites {
        if interrupt::requested() {
            return Err(Failure::interrupted("interrupted between two suites").into());
        }
        let name = format!("{suite:?}");
        report.step(format!("suite {name}"));
        let started = std::time::Instant::now();
        let counts = run_suite(root, suite, report).unwrap_or_else(|error| {
            report.warn(format!("suite {name} could not run: {error:#}"));
            for hint in crate::error::hints_of(&error) {
                report.detail(format!("hint: {hint}"));
            }
            Counts { failed: 1, ..Counts::default() }
        });
        lines.push(format!("{name:<16} {counts} in {:.0} s", started.elapsed().as_secs_f32()));
        total += counts;
    }
    report.step("all suites");
    for line in lines {
        report.detail(line);
    }
    Ok(total)
}

fn run_suite(root: &Utf8Path, suite: Suite, report: &Report) -> anyhow::Result<Counts> {
    match suite {
        Suite::Rust => tests::run(cargo(root, &["test", "--workspace", "--quiet", "--no-fail-fast"])),
        Suite::Containers => tests::run(one_by_one(root, "containers")),
        Suite::Browser => tests::run(one_by_one(root, "browser")),
        Suite::Engine => tests::run(one_by_one(root, "engine")),
        Suite::LocalContainers => local_aws::containers(root, report),
        Suite::Referees => local_aws::referees(root, report),
        Suite::DjangoSqlite => tests::run(django(root, report)?),
        Suite::DjangoPostgres => {
            let server = postgres::Postgres::start(&postgres::binaries(root, report)?)?;
            let mut pytest = django(root, report)?;
            pytest.env("DATABASE_URL", server.url());
            tests::run(pytest)
        }
        Suite::Nginx => {
            let nginx = packages::unpacked(root, "nginx", &["nginx"], report)?;
            let bin = python::venv(root, "nginx", "nginx/tests/requirements.txt".into(), report)?;
            let mut pytest = Command::new(bin.join("python"));
            pytest.args(["-m", "pytest", "-q", "tests"]).current_dir(root.join("nginx"));
            pytest.env("NGINX_BIN", nginx.file("/usr/sbin/nginx")).env("LD_LIBRARY_PATH", nginx.libraries());
            tests::run(pytest)
        }
    }
}

fn django(root: &Utf8Path, report: &Report) -> anyhow::Result<Command> {
    let bin = python::venv(root, "app", "app/requirements/dev.txt".into(), report)?;
    let mut pytest = Command::new(bin.join("python"));
    pytest.args(["-m", "pytest", "-q"]).current_dir(root.join("app")).env_remove("DATABASE_URL");
    Ok(pytest)
}

/// A test target that shares an engine between its tests.
fn one_by_one(root: &Utf8Path, target: &str) -> Command {
    cargo(root, &["test", "-p", "xtask", "--quiet", "--test", target, "--", "--test-threads=1"])
}

/// The cargo that started us, without the variables that it sets for its child: with them, nested builds would look
/// changed and start over.
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

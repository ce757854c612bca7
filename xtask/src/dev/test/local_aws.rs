//! The suites of the local AWS emulator: its own tests that need an engine, and the conformance tests with Amazon's own
//! clients and models.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::cargo;
use super::suites::unlisted_targets;
use crate::dev::{packages, python};
use crate::effects::local_daemon::program;
use crate::effects::{engine, host, process};
use crate::error::Failure;
use crate::report::Report;

/// Folder of the conformance tests.
const CONFORMANCE: &str = "infra/local-aws/conformance";

/// `cargo metadata` reads two small files.
const METADATA_LIMIT: Duration = Duration::from_secs(60);

/// Command of all test targets of the emulator that need an engine. Its tests share one, so they run one after another.
pub(super) fn containers(root: &Utf8Path, report: &Report) -> anyhow::Result<Command> {
    let metadata = process::run(&mut cargo(root, &["metadata", "--no-deps", "--format-version=1"]), METADATA_LIMIT)?;
    let targets = unlisted_targets(&metadata, "local-aws").context("failed to read the output of `cargo metadata`")?;
    anyhow::ensure!(!targets.is_empty(), "the package local-aws has no tests that need an engine");
    let mut command = cargo(root, &["test", "-p", "local-aws", "--quiet", "--no-fail-fast"]);
    for target in &targets {
        command.args(["--test", target]);
    }
    command.args(["--", "--test-threads=1"]);
    tools(root, &mut command, report)?;
    Ok(command)
}

/// Command of the conformance tests: the AWS CLI, botocore's models and moto against a daemon. Their table of comparisons is part of the output.
pub(super) fn conformance(root: &Utf8Path, report: &Report) -> anyhow::Result<Command> {
    let bin = python::venv(root, "conformance", &Utf8Path::new(CONFORMANCE).join("requirements.txt"), report)?;
    let mut pytest = Command::new(bin.join("python"));
    pytest.args(["-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]).current_dir(root.join(CONFORMANCE));
    pytest.env("PYTHONDONTWRITEBYTECODE", "1");
    pytest.env(program::VARIABLE, program::compiled(root, report)?);
    let docker = tools(root, &mut pytest, report)?;
    // The AWS CLI of the environment first, then the engine's client.
    let path = std::env::var("PATH").unwrap_or_default();
    pytest.env("PATH", [bin.as_str(), docker.parent().map_or("", Utf8Path::as_str), &path].join(":"));
    Ok(pytest)
}

/// Sets the variables by which tests find an engine, a small program for images, and registry clients. Returns the docker
/// client.
fn tools(root: &Utf8Path, command: &mut Command, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    let engine = engine::ensure(root, report)?;
    let docker = engine.docker();
    let client = docker.get_program().to_string_lossy().into_owned();
    let client = match client.contains('/') {
        true => Utf8PathBuf::from(client),
        false => host::find_program(&client).ok_or_else(|| Failure::failed("no docker client is on PATH"))?,
    };
    for (name, value) in docker.get_envs() {
        if let (Some(name), Some(value)) = (name.to_str().filter(|name| *name != "PATH"), value) {
            command.env(name, value);
        }
    }
    command.env("SLIPWAY_TEST_ENGINE", engine.address()?).env("SLIPWAY_TEST_DOCKER", &client);
    let busybox = packages::unpacked(root, "busybox", &["busybox-static"], report)?;
    let file =
        ["/bin/busybox", "/usr/bin/busybox"].map(|path| busybox.file(path)).into_iter().find(|file| file.is_file());
    command.env("SLIPWAY_TEST_BUSYBOX", file.context("the package busybox-static has no busybox")?);
    let skopeo = packages::unpacked(root, "skopeo", &["skopeo"], report)?;
    command.env("SLIPWAY_TEST_SKOPEO", skopeo.runnable("/usr/bin/skopeo")?);
    match packages::crane(root, report) {
        Ok(crane) => {
            command.env("SLIPWAY_TEST_CRANE", crane);
        }
        Err(error) => report.warn(format!("crane is not available, its tests are skipped: {error:#}")),
    }
    Ok(client)
}

//! Virtual environments of the host's Python, one per requirements file, under `target/slipway/venvs/`.

use std::fs;
use std::process::Command;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::files;
use crate::error::Failure;
use crate::image::Digest;
use crate::report::Report;

/// Oldest Python that Django 5.2 supports.
const OLDEST: (u32, u32) = (3, 10);

/// Creates a virtual environment with the locked `requirements` and returns its `bin` folder; a no-op while the content of
/// the file and the version of Python are unchanged.
///
/// # Errors
/// A failure with a hint if the host has no supported Python or `pip` cannot install.
pub fn venv(root: &Utf8Path, name: &str, requirements: &Utf8Path, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    let locked = fs::read(root.join(requirements)).with_context(|| format!("failed to read `{requirements}`"))?;
    let python = host_python()?;
    let venv = root.join(format!("target/slipway/venvs/{name}"));
    let marker = venv.join("installed");
    let wanted = format!("{}\n{}\n", Digest::of(&locked), python.version);
    if fs::read_to_string(&marker).is_ok_and(|found| found == wanted) {
        return Ok(venv.join("bin"));
    }
    report.step(format!("installing `{requirements}` for Python {} into `{venv}`", python.version));
    files::remove_directory(&venv)?;
    succeed(Command::new(&python.program).args(["-m", "venv", venv.as_str()]), "make a virtual environment")?;
    let pip = Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"])
        .arg(root.join(requirements))
        .status();
    if !pip.context("failed to start `pip`")?.success() {
        return Err(Failure::failed(format!("failed to install `{requirements}` with pip"))
            .hint("check that the package index is reachable: `pip config list` shows its address")
            .into());
    }
    files::write_atomically(&marker, wanted.as_bytes())?;
    Ok(venv.join("bin"))
}

struct Python {
    program: String,
    version: String,
}

/// Returns the newest supported Python on PATH.
fn host_python() -> anyhow::Result<Python> {
    let names = (OLDEST.1..=14).rev().map(|minor| format!("python3.{minor}")).chain(["python3".to_owned()]);
    for program in names {
        let version = Command::new(&program)
            .args(["-c", "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])"])
            .output();
        let Some(output) = version.ok().filter(|output| output.status.success()) else { continue };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let mut parts = version.split('.').map_while(|part| part.parse::<u32>().ok());
        if (parts.next(), parts.next()) >= (Some(OLDEST.0), Some(OLDEST.1)) {
            return Ok(Python { program, version });
        }
    }
    Err(Failure::failed(format!("no Python {}.{} or newer with `venv` on PATH", OLDEST.0, OLDEST.1))
        .hint("on Debian: apt-get install python3-venv")
        .into())
}

fn succeed(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("failed to {what}"))?;
    if status.success() { Ok(()) } else { Err(Failure::failed(format!("failed to {what}: {status}")).into()) }
}

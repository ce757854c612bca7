//! Programs that tests and measurements need and the host lacks: packages of the host's own archive, unpacked under
//! `target/slipway/tools/<name>/`. The host's installed packages do not change.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::apt::{self, Archive};
use crate::effects::{files, host};
use crate::error::Failure;
use crate::report::Report;

/// Unpacked packages: programs and their libraries.
#[derive(Clone, Debug)]
pub struct Unpacked {
    root: Utf8PathBuf,
}

impl Unpacked {
    /// Returns the path of an unpacked file from its path on an installed system.
    pub fn file(&self, path: &str) -> Utf8PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Returns a script that runs a program of the packages with their libraries.
    ///
    /// # Errors
    /// The packages have no such program, or the script cannot be written.
    pub fn runnable(&self, path: &str) -> anyhow::Result<Utf8PathBuf> {
        let program = self.file(path);
        anyhow::ensure!(program.is_file(), "the package has no `{path}`");
        let name = program.file_name().unwrap_or_default();
        let script = self.root.with_file_name(name);
        let text = format!("#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{program}' \"$@\"\n", self.libraries());
        if fs::read_to_string(&script).is_ok_and(|found| found == text) {
            return Ok(script);
        }
        files::write_atomically(&script, text.as_bytes())?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("failed to make `{script}` executable"))?;
        Ok(script)
    }

    /// Returns `LD_LIBRARY_PATH` for the programs.
    pub fn libraries(&self) -> String {
        let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
        ["lib", "usr/lib"].map(|folder| self.root.join(folder).join(&triple).into_string()).join(":")
    }
}

/// Unpacks packages and their missing dependencies into the folder `name`; a no-op if they are unpacked already.
///
/// # Errors
/// A failure with a hint if the host is neither Debian nor Ubuntu, or if its archive does not answer.
pub fn unpacked(root: &Utf8Path, name: &str, packages: &[&str], report: &Report) -> anyhow::Result<Unpacked> {
    unpacked_of(root, name, packages, None, report)
}

/// As `unpacked`, from another suite of the host's archive: for programs with few dependencies.
///
/// # Errors
/// As `unpacked`.
pub fn unpacked_of(
    root: &Utf8Path,
    name: &str,
    packages: &[&str],
    suite: Option<&str>,
    report: &Report,
) -> anyhow::Result<Unpacked> {
    let folder = root.join("target/slipway/tools").join(name);
    let ready = Unpacked { root: folder.join("root") };
    let marker = folder.join("packages");
    let wanted = packages.join("\n");
    if fs::read_to_string(&marker).is_ok_and(|found| found == wanted) {
        return Ok(ready);
    }
    let by_hand = || format!("install {} and try again", packages.join(", "));
    let host = host::distribution().filter(|host| !host.codename.is_empty()).ok_or_else(|| {
        Failure::failed(format!("`{name}` is missing, and only the archives of Debian and Ubuntu are supported"))
            .hint(by_hand())
    })?;
    report.step(format!("fetching {name} for the tests: {}", packages.join(", ")));
    files::remove_directory(&folder)?;
    let archive = Archive::prepare(&folder.join("apt"), &host, suite.unwrap_or(&host.codename))?;
    archive.update(report)?;
    let installed = apt::installed()?;
    let requested = packages.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let missing =
        archive.closure(packages)?.into_iter().filter(|name| requested.contains(name) || !installed.contains(name));
    let missing = missing.collect::<Vec<_>>();
    let downloads = folder.join("debs");
    archive.download(&archive.offers(&missing)?, &missing, &downloads, report)?;
    for file in downloads.read_dir_utf8().with_context(|| format!("failed to list `{downloads}`"))? {
        let file = file.with_context(|| format!("failed to list `{downloads}`"))?;
        apt::unpack(file.path(), &ready.root)?;
    }
    // The indexes are a hundred megabytes, and the next set of packages reads newer ones.
    files::remove_directory(&folder.join("apt"))?;
    files::remove_directory(&downloads)?;
    files::write_atomically(&marker, wanted.as_bytes())?;
    Ok(ready)
}

/// Returns the registry client crane: from PATH, or from Debian's `sid` (no released suite has it yet).
///
/// # Errors
/// As `unpacked`.
pub fn crane(root: &Utf8Path, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    if let Some(own) = host::find_program("crane") {
        return Ok(own);
    }
    unpacked_of(root, "crane", &["crane"], Some("sid"), report)?.runnable("/usr/bin/crane")
}

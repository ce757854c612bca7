//! Checks of the machine itself: system, tools, disk, certificates.

use std::process::Command;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::Check;
use crate::effects::{host, process};

/// Time limit of programs that only print their version.
const LIMIT: Duration = Duration::from_secs(10);
/// Recommended free space: engine 0.3 GB, bases 0.1 GB, and a build cache of some gigabytes.
const WANTED_BYTES: u64 = 5_000_000_000;
/// Minimum free space; less does not suffice for a single build.
const NEEDED_BYTES: u64 = 1_000_000_000;

pub(super) fn all(root: &Utf8Path) -> Vec<Check> {
    let mut checks = vec![system(), root_user(), tool("git", &["--version"], "install git"), rust(), python()];
    checks.push(postgresql());
    checks.push(disk(root));
    checks.push(certificates());
    checks.extend(archive_keyring());
    checks
}

fn system() -> Check {
    let name = host::distribution().map_or_else(|| std::env::consts::OS.to_owned(), |found| found.pretty);
    let architecture = host::architecture();
    match architecture {
        "amd64" | "arm64" => Check::ok("system", format!("{name}, {architecture}")),
        other => Check::warn("system", format!("{name}, {other}"), "build on x86_64 or arm64: Fargate runs no other"),
    }
}

fn root_user() -> Check {
    if host::is_root() {
        return Check::ok("root", "a private engine can be set up where no Docker answers");
    }
    Check::ok("root", "not root: the engine must be one that is installed")
}

/// Checks that a program is installed. Its version is read from the first line of its output.
fn tool(id: &'static str, arguments: &[&str], fix: &str) -> Check {
    match first_line(Command::new(id).args(arguments)) {
        Some(line) => Check::ok(id, "found").version(version_in(&line)),
        None => Check::fail(id, "not found", fix),
    }
}

fn rust() -> Check {
    // The oldest supported compiler: `rust-version` of the workspace.
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    let fix = format!("install Rust {oldest} or newer with rustup");
    let check = tool("rustc", &["--version"], &fix);
    let is_old = check.version.as_deref().is_some_and(|version| numbers(version) < numbers(oldest));
    if is_old { Check::fail("rustc", format!("older than {oldest}"), fix) } else { check }
}

/// Checks for Python, which the application's own tests need. Builds of images do not.
fn python() -> Check {
    const FIX: &str = "install Python 3.10 or newer with venv (Debian: apt-get install python3-venv)";
    let program = "import sys, venv, ensurepip; print('%d.%d.%d' % sys.version_info[:3])";
    let Some(version) = first_line(Command::new("python3").args(["-c", program])) else {
        return Check::warn("python", "no python3 with venv: the application's tests cannot run here", FIX);
    };
    if numbers(&version) < vec![3, 10] {
        return Check::warn("python", "older than 3.10", FIX).version(version);
    }
    Check::ok("python", "found, with venv").version(version)
}

fn postgresql() -> Check {
    const FIX: &str = "install PostgreSQL's server programs (Debian: apt-get install postgresql)";
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let mut folders: Vec<Utf8PathBuf> =
        folders.filter_map(|entry| Some(Utf8PathBuf::from_path_buf(entry.path()).ok()?.join("bin"))).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(numbers(folder.as_str())));
    let on_path = host::find_program("initdb").and_then(|program| program.parent().map(Utf8Path::to_owned));
    folders.splice(0..0, on_path);
    let is_whole =
        |folder: &&Utf8PathBuf| ["initdb", "pg_ctl"].iter().all(|name| host::is_executable(&folder.join(name)));
    let Some(folder) = folders.iter().find(is_whole) else {
        return Check::warn("postgresql", "no initdb and pg_ctl: tests with a database cannot run here", FIX);
    };
    let version = first_line(Command::new(folder.join("initdb")).arg("--version")).unwrap_or_default();
    Check::ok("postgresql", format!("initdb and pg_ctl in `{folder}`")).version(version_in(&version))
}

fn disk(root: &Utf8Path) -> Check {
    let Some(free) = host::free_bytes(root) else {
        return Check::warn("disk", "the free space is unknown", "see that about 5 GB are free");
    };
    let message = format!("{}.{} GB free", free / 1_000_000_000, free % 1_000_000_000 / 100_000_000);
    let hint = "free some space: engine, bases and build cache need about 5 GB";
    match free {
        WANTED_BYTES.. => Check::ok("disk", message),
        NEEDED_BYTES.. => Check::warn("disk", message, hint),
        _ => Check::fail("disk", message, hint),
    }
}

fn certificates() -> Check {
    match host::certificates() {
        Some(path) => Check::ok("certificates", format!("`{path}`, given to builds as a secret")),
        None => Check::warn(
            "certificates",
            "no CA bundle: package installation inside builds may fail behind a proxy",
            "install ca-certificates, or set SSL_CERT_FILE",
        ),
    }
}

/// Checks the archive's keyring; only where packages would be read from the archive.
fn archive_keyring() -> Option<Check> {
    let id = host::distribution()?.id;
    if id != "debian" && id != "ubuntu" {
        return None;
    }
    let found = ["gpg", "pgp"]
        .map(|extension| Utf8PathBuf::from(format!("/usr/share/keyrings/{id}-archive-keyring.{extension}")))
        .into_iter()
        .find(|path| path.is_file());
    Some(match found {
        Some(path) => Check::ok("archive-keyring", format!("`{path}`")),
        None => Check::warn(
            "archive-keyring",
            "the distribution's keys are missing: no private engine can be set up",
            format!("apt-get install {id}-archive-keyring"),
        ),
    })
}

fn first_line(command: &mut Command) -> Option<String> {
    let text = process::run(command, LIMIT).ok()?;
    text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

/// Returns the first word that begins with a digit.
fn version_in(line: &str) -> String {
    line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(line).to_owned()
}

/// Returns the numbers of a version, for comparison.
fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{numbers, version_in};

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version_in("git version 2.39.5"), "2.39.5");
        assert_eq!(version_in("initdb (PostgreSQL) 15.13 (Debian 15.13-0)"), "15.13");
        assert!(numbers("3.9.2") < numbers("3.10"));
        assert!(numbers("1.95.0") > numbers("1.90"));
    }
}

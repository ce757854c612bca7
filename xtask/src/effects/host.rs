//! The machine that runs this tool: distribution, user, certificates, CI, repository root, free space.
//! The findings are interpreted in `commands/doctor` and `effects/engine`.

use std::env;
use std::fs;
use std::io::IsTerminal;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;
use crate::project::SecretSource;

/// Paths of the system's CA bundle on Debian and Ubuntu, Fedora, openSUSE, Alpine and macOS.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Variables that name a CA bundle, most general first.
const BUNDLE_VARIABLES: [&str; 3] = ["SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"];

/// Content of `/etc/os-release`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// `ID`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as `12`; empty in rolling releases.
    pub version: String,
    /// `VERSION_CODENAME`, such as `bookworm`; empty where the distribution has none.
    pub codename: String,
    /// `PRETTY_NAME`, for people.
    pub pretty: String,
}

impl Distribution {
    /// Parses an os-release file: `KEY=value`, where the value may be quoted.
    pub fn parse(text: &str) -> Distribution {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
                .unwrap_or_default()
        };
        Distribution {
            id: value("ID"),
            version: value("VERSION_ID"),
            codename: value("VERSION_CODENAME"),
            pretty: value("PRETTY_NAME"),
        }
    }

    /// Returns the first number of the version, such as 12 or 24; `None` in rolling releases.
    pub fn major(&self) -> Option<u32> {
        self.version.split('.').next()?.parse().ok()
    }
}

/// Returns this machine's distribution; `None` without an os-release file (macOS).
pub fn distribution() -> Option<Distribution> {
    let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release")).ok()?;
    Some(Distribution::parse(&text))
}

/// Returns whether the user is root, who may create mounts, bridges and firewall rules.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the name of this machine, as shown to others in a lease.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns whether standard input and standard output are a terminal.
pub fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Returns whether this is a CI run, by the variable that every CI service sets.
pub fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

/// Returns Debian's name of this machine's architecture, which equals OCI's for both architectures of Fargate.
pub fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Returns the host's CA bundle: the file that a variable names, else the system's; `None` where neither is readable.
pub fn certificates() -> Option<Utf8PathBuf> {
    let named = BUNDLE_VARIABLES.iter().filter_map(|name| env::var(name).ok()).map(Utf8PathBuf::from);
    let system = SYSTEM_BUNDLES.iter().map(Utf8PathBuf::from);
    named.chain(system).find(|path| path.is_absolute() && path.is_file() && fs::File::open(path).is_ok())
}

/// Returns why a build cannot read a secret from its source, as a clause; `None` where it can. Never shows the value.
pub fn secret_obstacle(root: &Utf8Path, source: &SecretSource) -> Option<String> {
    match source {
        // A host without its own certificates has none to add to the image's.
        SecretSource::HostCertificates => None,
        SecretSource::Variable(name) => match env::var_os(name) {
            None => Some(format!("the variable `{name}` is not set")),
            Some(value) => value.is_empty().then(|| format!("the variable `{name}` is empty")),
        },
        SecretSource::File(path) => match fs::File::open(root.join(path)).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some(format!("`{path}` is not a file")),
            Err(error) => Some(format!("failed to read `{path}`: {error}")),
        },
    }
}

/// Returns the repository that contains `start`: the nearest ancestor with `infra/slipway.toml`, else the nearest Cargo
/// workspace.
pub fn repository_root(start: &Utf8Path) -> Option<Utf8PathBuf> {
    let is_workspace = |folder: &Utf8Path| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
    };
    let project = start.ancestors().find(|folder| folder.join("infra/slipway.toml").is_file());
    project.or_else(|| start.ancestors().find(|folder| is_workspace(folder))).map(Utf8Path::to_owned)
}

/// Returns the repository that contains the current directory.
///
/// # Errors
/// A usage failure where no repository contains it.
pub fn current_repository() -> anyhow::Result<Utf8PathBuf> {
    let here = env::current_dir().context("failed to find the current directory")?;
    let here = Utf8PathBuf::from_path_buf(here)
        .map_err(|path| Failure::usage(format!("the path {} is not UTF-8", path.display())))?;
    let missing = || {
        Failure::usage(format!("`{here}` is in no Slipway project"))
            .hint("change into a repository that has `infra/slipway.toml`")
    };
    Ok(repository_root(&here).ok_or_else(missing)?)
}

/// Returns the free bytes of the file system of `path`, or of its nearest existing ancestor.
pub fn free_bytes(path: &Utf8Path) -> Option<u64> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    let stat = rustix::fs::statvfs(existing.as_std_path()).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Returns the first executable of that name in the folders of `PATH`.
pub fn find_program(name: &str) -> Option<Utf8PathBuf> {
    let path = env::var("PATH").ok()?;
    env::split_paths(&path)
        .filter_map(|folder| Utf8PathBuf::from_path_buf(folder.join(name)).ok())
        .find(|file| is_executable(file))
}

/// Returns whether the path is a file with any executable bit.
pub fn is_executable(file: &Utf8Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::{Distribution, repository_root};

    #[test]
    fn os_release_with_and_without_quotes() {
        let debian =
            Distribution::parse("PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\nVERSION_CODENAME=bookworm\n");
        assert_eq!((debian.id.as_str(), debian.codename.as_str(), debian.major()), ("debian", "bookworm", Some(12)));
        let ubuntu = Distribution::parse("ID='ubuntu'\nVERSION_ID=24.04\nID_LIKE=debian\n");
        assert_eq!((ubuntu.id.as_str(), ubuntu.major(), ubuntu.codename.as_str()), ("ubuntu", Some(24), ""));
        assert_eq!(Distribution::parse(""), Distribution::default());
    }

    #[test]
    fn this_repository_is_found_from_below() {
        let here = Utf8Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(repository_root(&here.join("src/effects")).as_deref(), here.parent());
        assert_eq!(repository_root(Utf8Path::new("/nonexistent/x")), None);
    }
}

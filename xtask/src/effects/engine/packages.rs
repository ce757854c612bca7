//! The packages of the private engine: selection, suite, download and unpacking.

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::place::Place;
use crate::effects::apt::{self, Archive, megabytes};
use crate::effects::host::{self, Distribution};
use crate::effects::interrupt;
use crate::error::Failure;
use crate::report::Report;

/// The first Debian release whose Docker exports OCI layouts with the default driver (Docker 26, buildx 0.13).
const DOCKER_SUITE: &str = "trixie";

/// Packages by suite.
#[derive(Debug, PartialEq, Eq)]
struct Selection {
    docker_suite: String,
    docker: Vec<&'static str>,
    /// Packages of the host's own suite, since they run with the host's C library and kernel.
    tools: Vec<&'static str>,
}

/// Returns why this machine cannot run a private engine, in one sentence; `None` where it can.
pub fn unsupported(host: Option<&Distribution>, is_root: bool) -> Option<String> {
    let Some(host) = host else { return Some("a private engine needs Debian or Ubuntu".to_owned()) };
    if select(host).is_none() {
        return Some(format!("a private engine needs Debian 12 or Ubuntu 24.04 or newer, this is {}", host.pretty));
    }
    (!is_root).then(|| "a private engine needs root".to_owned())
}

fn select(host: &Distribution) -> Option<Selection> {
    let mut docker = vec!["docker.io", "docker-buildx"];
    let docker_suite = match (host.id.as_str(), host.major()) {
        _ if host.codename.is_empty() => return None,
        // Docker of Debian 13 needs a C library of 2.34 or newer. Debian 12 has it, Debian 11 does not.
        ("debian", Some(12)) => DOCKER_SUITE.to_owned(),
        ("debian", Some(..12)) => return None,
        ("ubuntu", Some(24..)) | ("debian", _) => host.codename.clone(),
        _ => return None,
    };
    if host.id == "debian" {
        docker.push("docker-cli");
    }
    let tools = vec!["containerd", "runc", "iptables", "tini", "busybox-static", "mmdebstrap"];
    Some(Selection { docker_suite, docker, tools })
}

/// Downloads and unpacks missing packages. The result is complete or absent, even after an interrupt.
pub(super) fn unpack(place: &Place, report: &Report) -> anyhow::Result<()> {
    let root = place.root();
    if root.exists() {
        return Ok(());
    }
    let host = host::distribution();
    let unusable = unsupported(host.as_ref(), host::is_root());
    let (Some(host), None) = (host, &unusable) else {
        return Err(no_engine(unusable.as_deref().unwrap_or("the distribution is unknown")).into());
    };
    let Some(selection) = select(&host) else { return Err(no_engine("the distribution is unknown").into()) };
    report.step(format!("setting up a private Docker engine under `{}`; nothing is installed", place.folder()));
    let work = place.folder().join("unpacking");
    remove_folder(&work)?;
    let tree = work.join("root");
    fs::create_dir_all(&tree).with_context(|| format!("failed to create `{tree}`"))?;
    let own = Archive::prepare(&work.join("apt-host"), &host, &host.codename)?;
    own.update(report)?;
    let mut tools: Vec<String> = selection.tools.iter().map(|name| (*name).to_owned()).collect();
    tools.extend(missing_libraries(&own)?);
    let docker: Vec<String> = selection.docker.iter().map(|name| (*name).to_owned()).collect();
    if selection.docker_suite == host.codename {
        tools.extend(docker);
        fetch(&own, &tools, &work, report)?;
    } else {
        let other = Archive::prepare(&work.join("apt-docker"), &host, &selection.docker_suite)?;
        other.update(report)?;
        fetch(&other, &docker, &work, report)?;
        fetch(&own, &tools, &work, report)?;
    }
    for package in packages_in(&work.join("debs"))? {
        interrupt::check()?;
        apt::unpack(&package, &tree)?;
    }
    fs::rename(&tree, &root).with_context(|| format!("failed to move `{tree}` to `{root}`"))?;
    remove_folder(&work)
}

/// Returns the failure for a machine without an engine, with the packages to install.
pub(super) fn no_engine(reason: &str) -> Failure {
    Failure::failed(format!("no usable Docker engine answers, and {reason}"))
        .hint("install Docker with buildx 0.13 or newer and start it: Docker Desktop, or Docker Engine with its buildx plugin")
}

/// Returns shared libraries that the tools need and the host does not have.
fn missing_libraries(archive: &Archive) -> anyhow::Result<BTreeSet<String>> {
    let installed = apt::installed()?;
    let closure = archive.closure(&["containerd", "runc", "iptables"])?;
    Ok(closure.into_iter().filter(|name| name.starts_with("lib") && !installed.contains(name)).collect())
}

fn fetch(archive: &Archive, packages: &[String], work: &Utf8Path, report: &Report) -> anyhow::Result<()> {
    let offers = archive.offers(packages)?;
    let total: u64 = offers.iter().map(|offer| offer.bytes).sum();
    report.detail(format!(
        "downloading {} packages of `{}`, {}, from {}",
        offers.len(),
        archive.suite,
        megabytes(total),
        archive.addresses()
    ));
    for offer in &offers {
        report.detail(format!("  {:>9}  {}", megabytes(offer.bytes), offer.file.replace("%3a", ":")));
    }
    archive.download(&offers, packages, &work.join("debs"), report)
}

fn packages_in(folder: &Utf8Path) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to read `{folder}`"))?;
    let mut files: Vec<Utf8PathBuf> = entries
        .filter_map(|entry| Utf8PathBuf::from_path_buf(entry.ok()?.path()).ok())
        .filter(|path| path.extension() == Some("deb"))
        .collect();
    files.sort();
    Ok(files)
}

/// Removes a folder with its content; a missing folder is no error.
pub(super) fn remove_folder(folder: &Utf8Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove `{folder}`"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{select, unsupported};
    use crate::effects::host::Distribution;

    fn distribution(id: &str, version: &str, codename: &str) -> Distribution {
        Distribution {
            id: id.into(),
            version: version.into(),
            codename: codename.into(),
            pretty: format!("{id} {version}"),
        }
    }

    #[test]
    fn the_suite_of_docker_by_distribution() {
        for (id, version, codename, suite) in [
            ("debian", "12", "bookworm", Some("trixie")),
            ("debian", "13", "trixie", Some("trixie")),
            ("debian", "", "forky", Some("forky")),
            ("debian", "11", "bullseye", None),
            ("ubuntu", "24.04", "noble", Some("noble")),
            ("ubuntu", "20.04", "focal", None),
            ("fedora", "42", "", None),
            ("alpine", "3.20", "", None),
        ] {
            let found = select(&distribution(id, version, codename)).map(|selection| selection.docker_suite);
            assert_eq!(found.as_deref(), suite, "{id} {version}");
        }
    }

    #[test]
    fn one_sentence_for_machines_that_cannot() {
        assert_eq!(unsupported(Some(&distribution("debian", "12", "bookworm")), true), None);
        for (host, root) in [
            (None, true),
            (Some(distribution("fedora", "42", "")), true),
            (Some(distribution("debian", "12", "bookworm")), false),
        ] {
            assert!(unsupported(host.as_ref(), root).is_some());
        }
    }
}

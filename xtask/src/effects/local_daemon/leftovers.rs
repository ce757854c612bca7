//! The daemon's resources in the Docker engine, found by label: containers, networks, volumes. They are removed by
//! `local-aws sweep`.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::Utf8Path;

use super::Place;
use crate::effects::engine::Engine;
use crate::effects::process;
use crate::image::Digest;

/// Label of all the daemon's resources; its value is the daemon's instance (`local-aws`, module `settings`).
pub const LABEL: &str = "slipway.local.instance";

const LIST_LIMIT: Duration = Duration::from_secs(30);
/// Time limit of a sweep. The engine needs about a tenth of a second for each container that it kills.
const SWEEP_LIMIT: Duration = Duration::from_secs(300);

/// Counts of the resources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Number of containers, running or not.
    pub containers: usize,
    /// Number of Docker networks.
    pub networks: usize,
    /// Number of Docker volumes.
    pub volumes: usize,
}

impl Leftovers {
    /// Returns whether no resource exists.
    pub fn is_empty(self) -> bool {
        self == Leftovers::default()
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} containers, {} networks, {} volumes", self.containers, self.networks, self.volumes)
    }
}

/// Returns the instance that identifies this place's resources: 12 hexadecimal digits of SHA-256 over the state's path.
pub fn instance(place: &Place) -> String {
    Digest::of(place.state().as_str().as_bytes()).hex().chars().take(12).collect()
}

/// Counts the resources of this place's daemon.
///
/// # Errors
/// The engine does not answer.
pub fn find(engine: &Engine, place: &Place) -> anyhow::Result<Leftovers> {
    let filter = format!("label={LABEL}={}", instance(place));
    let count = |what: &[&str]| {
        let mut docker = engine.docker();
        docker.args(what).args(["--quiet", "--filter", &filter]);
        process::run(&mut docker, LIST_LIMIT).map(|listed| listed.lines().count())
    };
    Ok(Leftovers {
        containers: count(&["ps", "--all"])?,
        networks: count(&["network", "ls"])?,
        volumes: count(&["volume", "ls"])?,
    })
}

/// Removes the images that tasks pulled from a registry that is about to be removed, since they could not be pulled
/// again. The registry of another daemon has another address.
///
/// # Errors
/// The engine does not answer.
pub fn remove_images(engine: &Engine, registry: SocketAddr) -> anyhow::Result<()> {
    // `*` does not match a slash, so there is one filter each for names of one to three parts.
    let filters = ["*", "*/*", "*/*/*"].map(|name| format!("--filter=reference={registry}/{name}"));
    let mut list = engine.docker();
    list.args(["image", "ls", "--digests", "--format={{.Repository}} {{.Tag}} {{.Digest}}"]).args(filters);
    let listed = process::run(&mut list, LIST_LIMIT)?;
    // Removed by these names only: the same image may be in use under another name.
    let names: BTreeSet<String> = listed.lines().filter_map(name_of).collect();
    if !names.is_empty() {
        process::run(engine.docker().args(["image", "rm"]).args(names), SWEEP_LIMIT)?;
    }
    Ok(())
}

/// Returns the image name in a line of the list, if any: with its tag, else with its digest.
fn name_of(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let (repository, tag, digest) = (words.next(), words.next(), words.next());
    let there = |word: Option<&str>| word.filter(|word| !word.is_empty() && *word != "<none>").map(str::to_owned);
    let repository = there(repository)?;
    match (there(tag), there(digest)) {
        (Some(tag), _) => Some(format!("{repository}:{tag}")),
        (None, Some(digest)) => Some(format!("{repository}@{digest}")),
        (None, None) => None,
    }
}

/// Removes all resources of this place's daemon in the engine at this address.
///
/// # Errors
/// The engine does not answer, or a resource cannot be removed.
pub fn sweep(program: &Utf8Path, place: &Place, engine: &str) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(["sweep", "--state", place.state().as_str(), "--engine", engine]);
    process::run(&mut command, SWEEP_LIMIT)
        .map(drop)
        .with_context(|| format!("failed to clean up in the engine at {engine}"))
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn an_image_goes_by_its_tag_or_by_its_digest() {
        assert_eq!(name_of("h:1/a/b v1 sha256:aa").as_deref(), Some("h:1/a/b:v1"));
        assert_eq!(name_of("h:1/a/b <none> sha256:aa").as_deref(), Some("h:1/a/b@sha256:aa"));
        assert_eq!(name_of("h:1/a/b <none> <none>"), None);
    }
}

//! What the daemon has made in the Docker engine, found by its label: containers, networks, volumes. Removing them is
//! `local-aws sweep`'s work.

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

/// The label that everything of a daemon has; its value is the daemon's instance (`local-aws`, module `settings`).
pub const LABEL: &str = "slipway.local.instance";

const LIST_LIMIT: Duration = Duration::from_secs(30);
/// The engine needs about a tenth of a second for each container that it kills.
const SWEEP_LIMIT: Duration = Duration::from_secs(300);

/// How many of each there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Running or not.
    pub containers: usize,
    /// Docker networks.
    pub networks: usize,
    /// Docker volumes.
    pub volumes: usize,
}

impl Leftovers {
    /// Whether there is nothing.
    pub fn is_empty(self) -> bool {
        self == Leftovers::default()
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} containers, {} networks, {} volumes", self.containers, self.networks, self.volumes)
    }
}

/// What tells the things of this place from those of every other: 12 hexadecimal digits of SHA-256 over the state's path.
pub fn instance(place: &Place) -> String {
    Digest::of(place.state().as_str().as_bytes()).hex().chars().take(12).collect()
}

/// Looks for what the daemon of this place has made.
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

/// Removes what tasks have pulled from a registry that is about to go: it could not be pulled again. Another daemon's
/// registry has another address.
///
/// # Errors
/// The engine does not answer.
pub fn remove_images(engine: &Engine, registry: SocketAddr) -> anyhow::Result<()> {
    // `*` does not match a slash: names of one to three parts.
    let filters = ["*", "*/*", "*/*/*"].map(|name| format!("--filter=reference={registry}/{name}"));
    let mut list = engine.docker();
    list.args(["image", "ls", "--digests", "--format={{.Repository}} {{.Tag}} {{.Digest}}"]).args(filters);
    let listed = process::run(&mut list, LIST_LIMIT)?;
    // By these names only: the same image may be somebody else's under another one.
    let names: BTreeSet<String> = listed.lines().filter_map(name_of).collect();
    if !names.is_empty() {
        process::run(engine.docker().args(["image", "rm"]).args(names), SWEEP_LIMIT)?;
    }
    Ok(())
}

/// The name that a line of the list stands for, if any: with its tag, else with its digest.
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

/// Removes everything that the daemon of this place has made in the engine at this address.
///
/// # Errors
/// The engine does not answer, or something cannot be removed.
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

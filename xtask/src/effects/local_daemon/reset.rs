//! Removal of the emulator: process, containers, networks, volumes, control groups, files.

use std::fs;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::leftovers::{self, Leftovers};
use super::{Place, kill, program, running, started};
use crate::effects::engine::Engine;
use crate::effects::files;
use crate::error::Failure;
use crate::report::Report;

/// Summary of the removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Whether the daemon was running.
    pub daemon: bool,
    /// Resources removed from the engine that answers.
    pub swept: Leftovers,
    /// Whether its folder existed.
    pub files: bool,
    /// The engine that could not be checked, with the reason.
    pub unseen: Option<String>,
}

impl Removed {
    /// Returns whether nothing existed.
    pub fn is_nothing(&self) -> bool {
        *self == Removed::default()
    }
}

/// Removes the emulator. `engine` is the one that answers, if any; `going` states that unreachable engines are about to
/// be removed with their content.
///
/// # Errors
/// A resource cannot be removed. A retry removes the remaining ones.
pub fn reset(root: &Utf8Path, engine: Option<&Engine>, going: bool, report: &Report) -> anyhow::Result<Removed> {
    let place = Place::of_repository(root);
    let mut removed = Removed { files: place.folder().exists(), ..Removed::default() };
    if let Some(engine) = engine {
        removed.swept = leftovers::find(engine, &place)?;
    }
    if !removed.files && removed.swept.is_empty() && running(&place).is_none() {
        return Ok(removed);
    }
    let _lock = place.hold(report)?;
    if let Some(daemon) = running(&place) {
        report.detail(format!("ending the daemon, process {}", daemon.id));
        kill(&place, daemon);
        anyhow::ensure!(running(&place) != Some(daemon), "failed to end process {}", daemon.id);
        removed.daemon = true;
    }
    let started = started(&place);
    let answering = match engine {
        Some(engine) => {
            let address = engine.address()?;
            // Includes resources that it created until it was stopped.
            removed.swept = leftovers::find(engine, &place)?;
            if started.is_some() || !removed.swept.is_empty() {
                report.detail(format!("removing {} from the engine at {address}", removed.swept));
                leftovers::sweep(
                    &any_program(root, started.as_ref().map(|start| &start.program), report)?,
                    &place,
                    &address,
                )?;
            }
            if let Some(start) = &started {
                leftovers::remove_images(engine, start.endpoint)?;
            }
            Some(address)
        }
        None => None,
    };
    if let Some(start) = started.filter(|start| answering.as_ref() != Some(&start.engine) && !going) {
        // The daemon used another engine than the one that answers now.
        let swept = any_program(root, Some(&start.program), report)
            .and_then(|program| leftovers::sweep(&program, &place, &start.engine));
        removed.unseen = swept.err().map(|error| format!("{error:#}"));
    }
    remove_files(&place)?;
    Ok(removed)
}

/// Returns the recorded program if it still exists, else compiles it.
fn any_program(root: &Utf8Path, known: Option<&Utf8PathBuf>, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    match known.filter(|program| program.is_file()) {
        Some(program) => Ok(program.clone()),
        None => program::compiled(root, report),
    }
}

/// Removes the folder. It contains the lock, so it is renamed first: no process uses a partially deleted folder.
fn remove_files(place: &Place) -> anyhow::Result<()> {
    let doomed = Utf8PathBuf::from(format!("{}.removed-{}", place.folder(), std::process::id()));
    fs::rename(place.folder(), &doomed).with_context(|| format!("failed to move `{}`", place.folder()))?;
    files::remove_directory(&doomed).map_err(|error| {
        Failure::failed(format!("{error:#}"))
            .hint("files of the containers belong to their users: remove the folder as root")
            .into()
    })
}

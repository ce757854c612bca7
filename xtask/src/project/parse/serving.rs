//! `[services.<name>.release]` and `[verify]`: what runs before a release serves, and what is requested of it afterwards.

use super::super::{ReleasePhase, Verify};
use super::problems::quoted;
use super::table::{Entry, Table};
use super::{bases, network};

/// Longest path of a request: that of a health check (Elastic Load Balancing API, CreateTargetGroup: 1024 characters).
const LONGEST_PATH: usize = 1024;

/// Seconds that the command has where the table does not say: a longer migration deserves a number of its own.
const USUAL_TIMEOUT: u32 = 600;

/// Most seconds of the command. A day: beyond that, it is no part of a deploy.
const LONGEST_TIMEOUT: u32 = 86_400;

/// The release phase of a service. The outer `None` is a problem; the inner one is a service without the table.
pub(super) fn release(service: &mut Table<'_>, label: &str, images: &[&str]) -> Option<Option<ReleasePhase>> {
    let Some(entry) = service.optional("release") else { return Some(None) };
    let mut table = entry.table(label)?;
    let container = table.required("container", "whose command is replaced: `container = \"app\"`");
    let command = table.required("command", "what runs before the release serves: `command = [\"migrate\"]`");
    let timeout = table.optional("timeout");
    table.finish();
    let container = container.and_then(|entry| network::container(&entry, entry.string()?, images));
    let command = command.and_then(|entry| {
        entry.array()?;
        let words = bases::command(&entry);
        if words.is_empty() {
            entry.refuse("the command is empty", "without this table, nothing runs before a release serves");
        }
        Some(words)
    });
    let timeout_seconds = match timeout {
        Some(entry) => entry.integer(1..=LONGEST_TIMEOUT, " seconds"),
        None => Some(USUAL_TIMEOUT),
    };
    Some(Some(ReleasePhase { container: container?, command: command?, timeout_seconds: timeout_seconds? }))
}

/// `[verify]`, which may be left out.
pub(super) fn verify(root: &mut Table<'_>) -> Option<Verify> {
    let usual = Verify::default();
    let Some(entry) = root.optional("verify") else { return Some(usual) };
    let mut table = entry.table("[verify]")?;
    let page = table.optional("page");
    let health = table.optional("health");
    table.finish();
    let page = page.map_or(Some(usual.page), |entry| path(&entry));
    let health = match health {
        Some(entry) => Some(path(&entry)?),
        None => None,
    };
    Some(Verify { page: page?, health })
}

/// The path of a request, with its query.
pub(super) fn path(entry: &Entry<'_>) -> Option<String> {
    let text = entry.string()?;
    let fits = text.starts_with('/') && text.len() <= LONGEST_PATH && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        let hint = format!("a path such as `/healthz/live`, at most {LONGEST_PATH} characters");
        entry.refuse(format!("{} is not a path", quoted(text)), hint);
    }
    fits.then(|| text.to_owned())
}

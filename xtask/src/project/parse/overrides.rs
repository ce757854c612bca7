//! `[images.<name>]` of an environment: build settings that replace those of `infra/slipway.toml`.

use std::collections::BTreeMap;

use super::super::{BuildSettings, Project};
use super::table::{Entry, Table};
use super::{images, network, paths, sources, variables};
use crate::image::ImageName;

/// The tables, which may be left out.
pub(super) fn images(root: &mut Table<'_>, project: &Project) -> BTreeMap<ImageName, BuildSettings> {
    let Some(table) = root.table("images") else { return BTreeMap::new() };
    let names: Vec<&str> = project.images.iter().map(|image| image.name.as_str()).collect();
    let read = |entry: &Entry<'_>| Some((network::container(entry, entry.key, &names), settings(entry)?));
    table.entries().iter().filter_map(read).filter_map(|(name, settings)| Some((name?, settings))).collect()
}

fn settings(entry: &Entry<'_>) -> Option<BuildSettings> {
    let mut table = entry.table(format!("[images.{}]", entry.key))?;
    let dockerfile = table.optional("dockerfile").and_then(|entry| paths::inside(&entry));
    let target = table.optional("target").and_then(|entry| images::stage(&entry));
    let args = table.table("args").map(|table| variables::args(&table)).unwrap_or_default();
    let secrets = table.table("secrets").map(|table| sources::secrets(&table)).unwrap_or_default();
    table.finish();
    Some(BuildSettings { dockerfile, target, args, secrets })
}

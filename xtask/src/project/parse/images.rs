//! `infra/slipway.toml`: `[project]` and `[images.<name>]`. Services are read in `services`, `[verify]` in `serving`.

use std::collections::BTreeSet;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use super::super::{Image, Project};
use super::paths::{self, Found, NamedPath};
use super::problems::{listed, quoted};
use super::table::{Entry, Table};
use super::{order, services, serving, sources, suggestions, variables};
use crate::image::{self, ImageName, Platform};

/// Longest name of a target group or load balancer (Elastic Load Balancing API, CreateTargetGroup and
/// CreateLoadBalancer: 32 characters).
const LOAD_BALANCING_NAME: usize = 32;

/// Longest project name. A target group is called `<project>-<environment>`, and a blue-green deployment needs a
/// second one with `-2` behind it.
pub(super) const PROJECT_NAME: usize = LOAD_BALANCING_NAME - "-production".len() - "-2".len();

/// Ports below need a privilege that a container without root does not have.
const FIRST_UNPRIVILEGED_PORT: u32 = 1024;

/// The whole file.
pub(super) fn project(mut root: Table<'_>, paths: &mut Vec<NamedPath>) -> Option<Project> {
    let header = root.required("project", "add a `[project]` table with `name` and `platform`");
    let (name, platform, main) = header.and_then(|entry| entry.table("[project]")).map(head).unwrap_or_default();
    let tables = root.required("images", "add an `[images.<name>]` table for each image");
    let tables = tables.and_then(|entry| entry.table("[images]"));
    let images = tables.as_ref().and_then(|table| self::images(table, paths));
    let names: Vec<&str> = tables.iter().flat_map(Table::entries).map(|entry| entry.key).collect();
    let services = services::services(&mut root, main.as_ref(), &names, paths);
    let verify = serving::verify(&mut root);
    root.finish();
    Some(Project { name: name?, platform: platform?, images: images?, services: services?, verify: verify? })
}

fn head(mut table: Table<'_>) -> (Option<String>, Option<Platform>, Option<Entry<'_>>) {
    let name = table.required("name", "the first part of every AWS name: `name = \"linkbio\"`");
    let platform = table.required("platform", "what the tasks run on: `platform = \"linux/amd64\"`");
    let main = table.optional("main-service");
    table.finish();
    (name.and_then(|entry| project_name(&entry)), platform.and_then(|entry| self::platform(&entry)), main)
}

fn project_name(entry: &Entry<'_>) -> Option<String> {
    let name = entry.string()?;
    let fits = name.parse::<ImageName>().is_ok() && name.len() <= PROJECT_NAME;
    if !fits {
        let hint = format!(
            "lower-case letters, digits and single hyphens, a letter first, at most {PROJECT_NAME}: \
             `<name>-production-2` must fit the {LOAD_BALANCING_NAME} characters of a target group"
        );
        entry.refuse(format!("{} is not a project name", quoted(name)), hint);
        return None;
    }
    if name.starts_with("internal-") {
        let hint = "Elastic Load Balancing keeps names that begin with `internal-` for itself";
        entry.refuse(format!("{} is not a project name", quoted(name)), hint);
        return None;
    }
    Some(name.to_owned())
}

/// `linux/amd64` or `linux/arm64`.
pub(super) fn platform(entry: &Entry<'_>) -> Option<Platform> {
    let text = entry.string()?;
    let known = [Platform::LinuxAmd64, Platform::LinuxArm64].map(|platform| platform.to_string());
    let parsed = Platform::from_str(text);
    if parsed.is_err() {
        let meant = match text.rsplit('/').next().unwrap_or_default() {
            "x86_64" | "X86_64" | "x86-64" | "x64" | "amd64" => Some(Platform::LinuxAmd64),
            "aarch64" | "ARM64" | "arm64" => Some(Platform::LinuxArm64),
            _ => None,
        };
        let hint = match meant {
            Some(platform) => format!("did you mean `{platform}`?"),
            None => suggestions::hint(text, &known, format!("Fargate runs {}", listed(&known))),
        };
        entry.refuse(format!("unknown platform {}", quoted(text)), hint);
    }
    parsed.ok()
}

/// All images in build order. Problems between images are looked for among those that were readable.
fn images(table: &Table<'_>, paths: &mut Vec<NamedPath>) -> Option<Vec<Image>> {
    if table.entries().is_empty() {
        table.refuse("there is no image", "add an `[images.<name>]` table for each image");
        return None;
    }
    let names: Vec<&str> = table.entries().iter().map(|entry| entry.key).collect();
    let read: Vec<Option<Image>> = table.entries().iter().map(|entry| image(entry, &names, paths)).collect();
    let images = read.into_iter().collect::<Option<Vec<Image>>>()?;
    let cycle = match order::ordered(images) {
        Ok(images) => return Some(images),
        Err(cycle) => cycle,
    };
    let first = table.entries().iter().find(|entry| cycle.iter().any(|name| name.as_str() == entry.key))?;
    let turn = cycle.iter().position(|name| name.as_str() == first.key).unwrap_or_default();
    let round: Vec<&str> = cycle.iter().cycle().skip(turn).take(cycle.len() + 1).map(ImageName::as_str).collect();
    let message = format!("images take files from each other in a circle: `{}`", round.join("` -> `"));
    first.refuse_key(message, "build what both need in a third image, and take it from there");
    None
}

fn image(entry: &Entry<'_>, names: &[&str], paths: &mut Vec<NamedPath>) -> Option<Image> {
    let name = entry.key.parse::<ImageName>();
    if name.is_err() {
        let hint = format!(
            "lower-case letters, digits and single hyphens, a letter first, at most {}",
            image::name::MAX_LENGTH
        );
        entry.refuse_key(format!("{} is not an image name", quoted(entry.key)), hint);
    }
    let label = format!("images.{}", entry.key);
    let mut table = entry.table(format!("[{label}]"))?;

    let context_entry = table.required("context", "the directory that is sent to the build: `context = \"app\"`");
    let context = context_entry.as_ref().and_then(paths::inside);
    if let (Some(entry), Some(path)) = (&context_entry, &context) {
        paths.push(NamedPath::new(entry, path.clone(), Found::Directory));
    }
    let dockerfile = match table.optional("dockerfile") {
        Some(entry) => named_file(&entry, paths),
        None => context.as_deref().map(default_dockerfile).inspect(|path| {
            // The place is the context's: that is the line to change when the default does not fit.
            paths.extend(context_entry.as_ref().map(|entry| NamedPath::new(entry, path.clone(), Found::File)));
        }),
    };
    let target = table.optional("target").and_then(|entry| stage(&entry));
    let args = table.table("args").map(|table| variables::args(&table)).unwrap_or_default();
    let contexts =
        table.table("contexts").map(|table| sources::contexts(&table, entry.key, names, paths)).unwrap_or_default();
    let secrets = table.table("secrets").map(|table| sources::secrets(&table)).unwrap_or_default();
    let ports = table.optional("ports").map(|entry| ports(&entry, FIRST_UNPRIVILEGED_PORT)).unwrap_or_default();
    table.finish();
    Some(Image { name: name.ok()?, context: context?, dockerfile: dockerfile?, target, args, contexts, secrets, ports })
}

fn default_dockerfile(context: &Utf8Path) -> Utf8PathBuf {
    if context == "." { Utf8PathBuf::from("Dockerfile") } else { context.join("Dockerfile") }
}

fn named_file(entry: &Entry<'_>, paths: &mut Vec<NamedPath>) -> Option<Utf8PathBuf> {
    let path = paths::inside(entry)?;
    paths.push(NamedPath::new(entry, path.clone(), Found::File));
    Some(path)
}

/// The name of a stage in a Dockerfile.
pub(super) fn stage(entry: &Entry<'_>) -> Option<String> {
    let name = entry.string()?;
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(rest) {
        return Some(name.to_owned());
    }
    let message = if name.is_empty() {
        "`target` is empty".to_owned()
    } else {
        format!("{} is not the name of a stage", quoted(name))
    };
    let hint = "the name behind `AS` in the Dockerfile, in lower case; without the key, the last stage is built";
    entry.refuse(message, hint);
    None
}

/// TCP ports from `first` up, each once.
pub(super) fn ports(entry: &Entry<'_>, first: u32) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for element in entry.array().unwrap_or_default() {
        let Some(number) = element.integer(1..=u32::from(u16::MAX), "") else { continue };
        let Ok(port) = u16::try_from(number) else { continue };
        if number < first {
            let hint = format!("images run without root: listen on a port from {first} up, such as {}", 8000 + number);
            element.refuse(format!("port {port} needs root"), hint);
        } else if !ports.insert(port) {
            element.refuse(format!("port {port} is listed twice"), "leave it out here");
        }
    }
    ports
}

/// The template of one of ECS's documents.
pub(super) fn document(entry: &Entry<'_>, paths: &mut Vec<NamedPath>) -> Option<Utf8PathBuf> {
    let path = named_file(entry, paths)?;
    if path.extension() != Some("json") {
        let hint = "ECS's documents are JSON, in files that end in `.json`";
        entry.refuse(format!("{} is not a JSON document", quoted(path.as_str())), hint);
        return None;
    }
    Some(path)
}

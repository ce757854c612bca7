//! `[bases]` and `[substitutes."<name>"]` of an environment: where base images come from.

use std::collections::BTreeMap;

use super::super::{Bases, EnvironmentName};
use super::problems::quoted;
use super::table::{Entry, Table};
use super::{images, paths, references, suggestions};
use crate::image::substitute::Substitute;

/// Signals that end a process. `SIGKILL` is not among them: it leaves no time to finish a request.
const STOP_SIGNALS: [&str; 6] = ["SIGTERM", "SIGQUIT", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"];

/// Both tables, each of which may be left out.
pub(super) fn bases(environment: EnvironmentName, root: &mut Table<'_>) -> Bases {
    let mirrors = root.table("bases").map(|table| mirrors(&table)).unwrap_or_default();
    let Some(entry) = root.optional("substitutes") else { return Bases { mirrors, substitutes: BTreeMap::new() } };
    if !environment.is_local() {
        let hint = "only `local` may run on substitutes: for a registry that answers nearer by, use `[bases]`";
        entry.refuse_key(format!("`{environment}` has substitutes for base images"), hint);
        return Bases { mirrors, substitutes: BTreeMap::new() };
    }
    let substitutes = entry.table("[substitutes]").map(|table| substitutes(&table)).unwrap_or_default();
    Bases { mirrors, substitutes }
}

fn mirrors(table: &Table<'_>) -> BTreeMap<String, String> {
    let mut mirrors = BTreeMap::new();
    for entry in table.entries() {
        base_name(entry);
        let Some(reference) = entry.string() else { continue };
        if !references::is_image_reference(reference) {
            let hint = "a reference such as `mirror.example/python:3.13-slim`, without `https://`";
            entry.refuse(format!("{} is not an image reference", quoted(reference)), hint);
        }
        mirrors.insert(entry.key.to_owned(), reference.to_owned());
    }
    mirrors
}

fn base_name(entry: &Entry<'_>) {
    if !references::is_image_reference(entry.key) {
        let hint = "write the base as the Dockerfile has it, between quotes: `\"python:3.13-slim\"`";
        entry.refuse_key(format!("{} is not an image reference", quoted(entry.key)), hint);
    }
}

fn substitutes(table: &Table<'_>) -> BTreeMap<String, Substitute> {
    let mut substitutes = BTreeMap::new();
    for entry in table.entries() {
        base_name(entry);
        let Some(table) = entry.table(format!("[substitutes.\"{}\"]", entry.key)) else { continue };
        substitutes.extend(substitute(table).map(|substitute| (entry.key.to_owned(), substitute)));
    }
    substitutes
}

fn substitute(mut table: Table<'_>) -> Option<Substitute> {
    let suite = table.required("suite", "the Debian suite: `suite = \"trixie\"`").and_then(|entry| suite(&entry));
    let packages = table.optional("packages").map(|entry| packages(&entry)).unwrap_or_default();
    let links = table.table("links").map(|table| links(&table)).unwrap_or_default();
    let user = table.optional("user").and_then(|entry| user(&entry));
    let ports = table.optional("ports").map(|entry| images::ports(&entry, 1)).unwrap_or_default();
    let stop_signal = table.optional("stop-signal").and_then(|entry| stop_signal(&entry));
    let command = table.optional("command").map(|entry| command(&entry)).unwrap_or_default();
    table.finish();
    Some(Substitute { suite: suite?, packages, links, user, ports, stop_signal, command })
}

fn suite(entry: &Entry<'_>) -> Option<String> {
    let name = entry.string()?;
    let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(rest);
    if !fits {
        entry.refuse(format!("{} is not a Debian suite", quoted(name)), "a code name such as `trixie`");
    }
    fits.then(|| name.to_owned())
}

/// Package names (Debian policy, section 5.6.1): at least two characters, a letter or digit first.
fn packages(entry: &Entry<'_>) -> Vec<String> {
    let mut packages: Vec<String> = Vec::new();
    for element in entry.array().unwrap_or_default() {
        let Some(name) = element.string() else { continue };
        let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let rest = |byte: u8| letter(byte) || matches!(byte, b'+' | b'-' | b'.');
        if name.len() < 2 || !name.bytes().next().is_some_and(letter) || !name.bytes().all(rest) {
            let hint = "lower-case letters, digits, `+`, `-` and `.`; versions are the suite's";
            element.refuse(format!("{} is not a package name", quoted(name)), hint);
        } else if packages.iter().any(|package| package == name) {
            element.refuse(format!("package `{name}` is listed twice"), "leave it out here");
        } else {
            packages.push(name.to_owned());
        }
    }
    packages
}

fn links(table: &Table<'_>) -> BTreeMap<String, String> {
    let hint = "both ends are absolute and without `..`: `\"/usr/bin/wget\" = \"/usr/bin/busybox\"`";
    let mut links = BTreeMap::new();
    for entry in table.entries() {
        if !paths::is_absolute(entry.key) {
            entry.refuse_key(format!("{} is not an absolute path", quoted(entry.key)), hint);
        }
        let Some(target) = entry.string() else { continue };
        if !paths::is_absolute(target) {
            entry.refuse(format!("{} is not an absolute path", quoted(target)), hint);
        } else if target == entry.key {
            entry.refuse(format!("the link `{target}` leads to itself"), "name the file it is to lead to");
        }
        links.insert(entry.key.to_owned(), target.to_owned());
    }
    links
}

fn user(entry: &Entry<'_>) -> Option<String> {
    let text = entry.string()?;
    let number = |text: &str| !text.is_empty() && text.parse::<u32>().is_ok() && !text.starts_with('+');
    let name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
    };
    let fits = match text.split_once(':') {
        Some((user, group)) => number(user) && number(group),
        None => name(text),
    };
    if !fits {
        let hint = "a name, or numbers for user and group: `user = \"101:101\"`";
        entry.refuse(format!("{} is not a user", quoted(text)), hint);
    }
    fits.then(|| text.to_owned())
}

fn stop_signal(entry: &Entry<'_>) -> Option<String> {
    let signal = entry.string()?;
    let fits = STOP_SIGNALS.contains(&signal);
    if !fits {
        let full = format!("SIG{signal}");
        let otherwise = format!("one of {}", super::problems::listed(&STOP_SIGNALS));
        let typed = if signal.starts_with("SIG") { signal } else { &full };
        let hint = suggestions::hint(typed, STOP_SIGNALS, otherwise);
        entry.refuse(format!("{} is not a stop signal", quoted(signal)), hint);
    }
    fits.then(|| signal.to_owned())
}

/// The words of a command.
pub(super) fn command(entry: &Entry<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for element in entry.array().unwrap_or_default() {
        match element.string() {
            Some("") if words.is_empty() => {
                element.refuse("the command's program is empty", "the first element is the program");
            }
            Some(word) => words.push(word.to_owned()),
            None => {}
        }
    }
    words
}

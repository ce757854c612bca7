//! Paths that a file names: their form here, their existence once somebody has looked (`Found`).

use std::ops::Range;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::problems::{Problems, quoted};
use super::table::Entry;

/// What lies under a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A directory, or a link to one.
    Directory,
    /// Anything that is not a directory.
    File,
    /// Something outside of the repository, where a symbolic link leads.
    Outside,
    /// Nothing, or nothing that can be read.
    Nothing,
}

/// A path that must be there, with the place that names it.
#[derive(Debug)]
pub(super) struct NamedPath {
    /// Relative to the repository root.
    pub(super) path: Utf8PathBuf,
    key: String,
    expected: Found,
    /// The bytes that name it. A default Dockerfile shares its context's: one problem there is enough.
    pub(super) at: Range<usize>,
}

impl NamedPath {
    /// The path of a directory or a file that `entry` names.
    pub(super) fn new(entry: &Entry<'_>, path: Utf8PathBuf, expected: Found) -> NamedPath {
        NamedPath { path, key: entry.key.to_owned(), expected, at: entry.at() }
    }

    /// Whether `found` is what the file says; refuses it where it is not.
    pub(super) fn check(&self, found: Found, problems: &Problems) -> bool {
        if found == self.expected {
            return true;
        }
        let wanted = if self.expected == Found::Directory { "directory" } else { "file" };
        let path = quoted(self.path.as_str());
        let message = match found {
            Found::Nothing => format!("`{}`: there is no {wanted} {path}", self.key),
            Found::Directory => format!("`{}`: {path} is a directory, not a file", self.key),
            Found::Outside => format!("`{}`: {path} is a link that leads out of the repository", self.key),
            Found::File => format!("`{}`: {path} is a file, not a directory", self.key),
        };
        let hint = format!("name a {wanted} that exists; paths start at the root of the repository");
        problems.add(self.at.clone(), message, hint);
        false
    }
}

/// A path inside the repository: relative, `/` between the parts, in its shortest form.
pub(super) fn inside(entry: &Entry<'_>) -> Option<Utf8PathBuf> {
    let text = entry.string()?;
    let root = "paths start at the root of the repository";
    let refused = if text.is_empty() {
        Some((format!("`{}` is empty", entry.key), format!("{root}; `.` is the root itself")))
    } else if text.contains('\\') {
        Some((format!("{} has a backslash", quoted(text)), format!("write {}", quoted(&text.replace('\\', "/")))))
    } else if text.chars().any(char::is_control) {
        Some((format!("{} has a control character", quoted(text)), "write a plain path".to_owned()))
    } else if text.starts_with('~') {
        Some((format!("{} is not inside the repository", quoted(text)), "`~` has no meaning here".to_owned()))
    } else if text.starts_with('/') || text.as_bytes().get(1) == Some(&b':') {
        Some((format!("{} is not inside the repository", quoted(text)), format!("{root}, without `/` in front")))
    } else if text.contains("://") {
        Some((format!("{} is an address, not a path", quoted(text)), root.to_owned()))
    } else if Utf8Path::new(text).components().any(|part| part == Utf8Component::ParentDir) {
        Some((format!("{} leaves its directory through `..`", quoted(text)), format!("{root} and only go down")))
    } else {
        None
    };
    if let Some((message, hint)) = refused {
        entry.refuse(message, hint);
        return None;
    }
    let parts = Utf8Path::new(text).components().filter(|part| *part != Utf8Component::CurDir);
    let shortest = parts.map(|part| part.as_str()).collect::<Vec<_>>().join("/");
    let shortest = if shortest.is_empty() { ".".to_owned() } else { shortest };
    if shortest != text {
        entry.refuse(format!("{} is not the shortest form of the path", quoted(text)), format!("write `{shortest}`"));
        return None;
    }
    Some(Utf8PathBuf::from(shortest))
}

/// A path inside the repository, or an absolute one: for files that are a machine's own.
pub(super) fn inside_or_absolute(entry: &Entry<'_>) -> Option<Utf8PathBuf> {
    match entry.as_str() {
        Some(text) if text.starts_with('/') && !text.split('/').any(|part| part == "..") => {
            Some(Utf8PathBuf::from(text))
        }
        _ => inside(entry),
    }
}

/// An absolute path in an image or container, in its shortest form, and not the root itself.
pub(super) fn is_absolute(path: &str) -> bool {
    path.len() > 1 && path.starts_with('/') && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

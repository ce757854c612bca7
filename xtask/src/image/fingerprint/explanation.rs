//! The differences of two recorded input lists, for `build --explain`. Each value is one printed line.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use camino::Utf8PathBuf;

use super::inputs::{Content, ContextInputs, Inputs, Tree};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A path that the previous build did not read.
    Added(Utf8PathBuf),
    /// A path that the build no longer reads.
    Removed(Utf8PathBuf),
    /// A path with changed content or a changed link target.
    Changed(Utf8PathBuf),
    /// A file that became executable, or stopped being executable.
    Executable(Utf8PathBuf, bool),
    /// A changed setting; `None` if it is not set.
    Setting {
        /// Such as ``argument `DEBUG` ``.
        what: String,
        /// Value in the previous build.
        before: Option<String>,
        /// Current value.
        after: Option<String>,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Added(path) => write!(f, "added {path}"),
            Change::Removed(path) => write!(f, "removed {path}"),
            Change::Changed(path) => write!(f, "changed {path}"),
            Change::Executable(path, true) => write!(f, "made executable {path}"),
            Change::Executable(path, false) => write!(f, "no longer executable {path}"),
            Change::Setting { what, before: Some(before), after: Some(after) } => {
                write!(f, "{what}: {before} → {after}")
            }
            Change::Setting { what, before: None, after } => {
                write!(f, "added {what}: {}", after.as_deref().unwrap_or_default())
            }
            Change::Setting { what, after: None, .. } => write!(f, "removed {what}"),
        }
    }
}

pub(super) fn changes(before: &Inputs, after: &Inputs) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(before, after, &mut changes);
    // A file that is read through two contexts is listed once.
    let mut seen = BTreeSet::new();
    changes.retain(|change| seen.insert(change.to_string()));
    changes
}

fn compare(before: &Inputs, after: &Inputs, changes: &mut Vec<Change>) {
    if before.dockerfile_digest != after.dockerfile_digest && before.dockerfile == after.dockerfile {
        changes.push(Change::Changed(after.dockerfile.clone()));
    }
    let mut setting = |what: String, before: Option<String>, after: Option<String>| {
        if before != after {
            changes.push(Change::Setting { what, before, after });
        }
    };
    let target = |inputs: &Inputs| Some(inputs.target.clone().unwrap_or("(the last stage)".to_owned()));
    setting("Dockerfile".to_owned(), Some(before.dockerfile.to_string()), Some(after.dockerfile.to_string()));
    setting("recipe version".to_owned(), Some(before.recipe.to_string()), Some(after.recipe.to_string()));
    setting("platform".to_owned(), Some(before.platform.to_string()), Some(after.platform.to_string()));
    setting("target".to_owned(), target(before), target(after));
    setting("context".to_owned(), Some(before.context.root().to_string()), Some(after.context.root().to_string()));
    for (name, a, b) in pairs(&before.args, &after.args) {
        setting(format!("argument `{name}`"), a.cloned(), b.cloned());
    }
    for (name, a, b) in pairs(&before.bases, &after.bases) {
        setting(format!("base {name}"), a.map(ToString::to_string), b.map(ToString::to_string));
    }
    let ids = |ids: &BTreeSet<String>| ids.iter().map(|id| (id.clone(), ())).collect::<BTreeMap<_, _>>();
    for (name, a, b) in pairs(&ids(&before.secrets), &ids(&after.secrets)) {
        setting(
            format!("secret `{name}`"),
            a.map(|()| String::new()),
            b.map(|()| "(its value is never read here)".to_owned()),
        );
    }
    files(&before.context, &after.context, changes);
    for (name, a, b) in pairs(&before.contexts, &after.contexts) {
        match (a, b) {
            (Some(ContextInputs::Directory(a)), Some(ContextInputs::Directory(b))) => files(a, b, changes),
            (Some(ContextInputs::Image(a)), Some(ContextInputs::Image(b))) => compare(a, b, changes),
            _ => {
                let what = format!("named context `{name}`");
                let kind = |context: Option<&ContextInputs>| {
                    context.map(|context| match context {
                        ContextInputs::Directory(tree) => tree.root().to_string(),
                        ContextInputs::Image(inputs) => format!("the image of {}", inputs.dockerfile),
                    })
                };
                changes.push(Change::Setting { what, before: kind(a), after: kind(b) });
            }
        }
    }
}

/// Returns the values of both maps for each key.
fn pairs<'a, T>(
    before: &'a BTreeMap<String, T>,
    after: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = (&'a String, Option<&'a T>, Option<&'a T>)> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().map(|name| (name, before.get(name), after.get(name)))
}

/// Compares two sorted lists of files.
fn files(before: &Tree, after: &Tree, changes: &mut Vec<Change>) {
    let (mut olds, mut news) = (before.entries().iter().peekable(), after.entries().iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        let old = if order.is_le() { olds.next() } else { None };
        let new = if order.is_ge() { news.next() } else { None };
        match (old, new) {
            (Some(old), None) => changes.push(Change::Removed(before.root().join(&*old.path))),
            (None, Some(new)) => changes.push(Change::Added(after.root().join(&*new.path))),
            (Some(old), Some(new)) if old.content != new.content => {
                let path = after.root().join(&*new.path);
                changes.push(match (&old.content, &new.content) {
                    (Content::File { digest: a, .. }, Content::File { executable, digest: b }) if a == b => {
                        Change::Executable(path, *executable)
                    }
                    _ => Change::Changed(path),
                });
            }
            _ => {}
        }
    }
}

//! The part of a context that a build reads, as patterns, and their matching against paths.

use std::collections::BTreeSet;

use crate::image::dockerignore::pattern::{Pattern, clean};

/// The part of a context that a build reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContextReach {
    /// All files that the ignore file keeps.
    Everything,
    /// The paths that match one of these patterns, with all files below them. May be empty.
    Paths(BTreeSet<String>),
}

impl Default for ContextReach {
    fn default() -> ContextReach {
        ContextReach::Paths(BTreeSet::new())
    }
}

/// The compiled patterns of a reach.
#[derive(Clone, Debug)]
pub struct Paths(Vec<Pattern>);

impl Paths {
    /// Returns whether a source names exactly this path.
    pub fn matches(&self, path: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(path))
    }

    /// Returns whether a source may match a path below this one.
    pub fn can_match_below(&self, path: &str) -> bool {
        self.0.iter().any(|pattern| pattern.can_match_below(path))
    }
}

impl ContextReach {
    /// Compiles the patterns. Returns `None` if everything is reached.
    pub fn paths(&self) -> Option<Paths> {
        let ContextReach::Paths(paths) = self else { return None };
        paths.iter().map(|path| Pattern::compile(path).ok()).collect::<Option<_>>().map(Paths)
    }

    /// Adds a source of `COPY`, `ADD` or a mount, after expansion.
    pub(super) fn add(&mut self, source: &str) {
        let ContextReach::Paths(paths) = self else { return };
        let cleaned = clean(&format!("/{source}"));
        let relative = cleaned.trim_start_matches('/');
        if relative.is_empty() || Pattern::compile(relative).is_err() {
            *self = ContextReach::Everything;
        } else {
            paths.insert(relative.to_owned());
        }
    }
}

//! Everything that one build reads, as a value. Never modification times, owners or groups; of the mode only the owner's
//! executable bit, since git keeps no other; no empty directories, since git keeps none and a fresh clone must have the
//! fingerprint of the tree it was cloned from. The text of an ignore file counts only through what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::{Change, Fingerprint, NotARecord, explanation, record};
use crate::image::{Digest, Platform};

/// How images are built from their inputs: the options given to buildx, their order, how layouts are written. Raised by
/// every change of the code that can change an image whose inputs are the same.
pub const RECIPE: u32 = 1;

/// The inputs of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// `RECIPE`, of the program that made this value.
    pub recipe: u32,
    /// The Dockerfile, relative to the repository root.
    pub dockerfile: Utf8PathBuf,
    /// Of the Dockerfile's bytes.
    pub dockerfile_digest: Digest,
    /// The stage that is built; the last one where `None`.
    pub target: Option<String>,
    /// What the image must run on.
    pub platform: Platform,
    /// All build arguments of the configuration, declared or not: some work undeclared.
    pub args: BTreeMap<String, String>,
    /// The base images that the target reaches, resolved.
    pub bases: BTreeMap<String, Digest>,
    /// Ids of the build secrets, never their values.
    pub secrets: BTreeSet<String>,
    /// The part of the build context that the target reaches.
    pub context: Tree,
    /// The named contexts that the target reaches.
    pub contexts: BTreeMap<String, ContextInputs>,
}

/// What a named context contributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextInputs {
    /// The reachable part of a directory.
    Directory(Tree),
    /// All inputs of another image, for the stage that is used of it.
    Image(Box<Inputs>),
}

/// Files and links of a directory, sorted by path. Cheap to clone: images that share a context share its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    root: Utf8PathBuf,
    entries: Arc<[Entry]>,
}

/// One file or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the tree's root, with `/`.
    pub path: Box<str>,
    /// What is there.
    pub content: Content,
}

/// What a path holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Of its bytes.
        digest: Digest,
    },
    /// A symbolic link, never followed.
    Symlink {
        /// The link's text.
        target: Box<str>,
    },
}

impl Tree {
    /// A tree below `root`, which is relative to the repository. The order of the entries does not matter.
    pub fn new(root: Utf8PathBuf, mut entries: Vec<Entry>) -> Tree {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Tree { root, entries: entries.into() }
    }

    /// The directory, relative to the repository root.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The entries, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Inputs {
    /// The identity of these inputs.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Sha256::new();
        record::write(self, &mut |bytes| hasher.update(bytes));
        Fingerprint::new(hasher.finalize().into())
    }

    /// The inputs as bytes: exactly those that the fingerprint is the SHA-256 of. Kept beside the image for `--explain`.
    pub fn record(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        record::write(self, &mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// Reads what `record` wrote.
    pub fn from_record(bytes: &[u8]) -> Result<Inputs, NotARecord> {
        record::read(bytes)
    }

    /// What differs from an earlier build, in the order Dockerfile, settings, bases, files, named contexts.
    pub fn changes_since(&self, before: &Inputs) -> Vec<Change> {
        explanation::changes(before, self)
    }

    /// Every file of the repository among the inputs, relative to its root, those of other images included.
    pub fn repository_paths(&self) -> BTreeSet<Utf8PathBuf> {
        let mut paths = BTreeSet::from([self.dockerfile.clone()]);
        let mut take = |tree: &Tree| paths.extend(tree.entries.iter().map(|entry| tree.root.join(&*entry.path)));
        take(&self.context);
        let mut inner = Vec::new();
        for context in self.contexts.values() {
            match context {
                ContextInputs::Directory(tree) => take(tree),
                ContextInputs::Image(inputs) => inner.push(inputs.repository_paths()),
            }
        }
        paths.extend(inner.into_iter().flatten());
        paths
    }
}

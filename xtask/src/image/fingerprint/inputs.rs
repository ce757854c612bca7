//! All inputs of one build, as a value. Excluded: modification times, owners, groups and empty directories, so that a
//! fresh clone has the fingerprint of the original tree. Of the mode only the owner's executable bit counts, because
//! git records no other. An ignore file counts through the files that it keeps, not by its text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};

use super::{Change, Fingerprint, NotARecord, explanation, record};
use crate::image::{Digest, Platform};

/// Version of the build procedure: options of buildx, their order, the writing of layouts. Raised by each code change
/// that can change an image with unchanged inputs.
pub const RECIPE: u32 = 1;

/// The inputs of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// `RECIPE` of the program that created this value.
    pub recipe: u32,
    /// The Dockerfile, relative to the repository root.
    pub dockerfile: Utf8PathBuf,
    /// Digest of the Dockerfile.
    pub dockerfile_digest: Digest,
    /// The stage to build; the last one if `None`.
    pub target: Option<String>,
    /// The image's platform.
    pub platform: Platform,
    /// All build arguments of the configuration, also those without an `ARG`: some take effect without one.
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

/// The inputs from a named context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextInputs {
    /// The reachable part of a directory.
    Directory(Tree),
    /// All inputs of another image, for the stage that is used.
    Image(Box<Inputs>),
}

/// Files and links of a directory, sorted by path. Cheap to clone: images with a common context share its tree.
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
    /// The content.
    pub content: Content,
}

/// The content of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Digest of the file.
        digest: Digest,
    },
    /// A symbolic link, never followed.
    Symlink {
        /// The link's text.
        target: Box<str>,
    },
}

impl Tree {
    /// Creates a tree below `root`, which is relative to the repository. The order of the entries does not matter.
    pub fn new(root: Utf8PathBuf, mut entries: Vec<Entry>) -> Tree {
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Tree { root, entries: entries.into() }
    }

    /// Returns the directory, relative to the repository root.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Returns the entries, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl Inputs {
    /// Computes the fingerprint of these inputs.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = Sha256::new();
        record::write(self, &mut |bytes| hasher.update(bytes));
        Fingerprint::new(hasher.finalize().into())
    }

    /// Encodes the inputs as the bytes that the fingerprint hashes. Stored beside the image for `--explain`.
    pub fn record(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        record::write(self, &mut |part| bytes.extend_from_slice(part));
        bytes
    }

    /// Parses a record written by `record`.
    pub fn from_record(bytes: &[u8]) -> Result<Inputs, NotARecord> {
        record::read(bytes)
    }

    /// Returns the differences from an earlier build, in the order Dockerfile, settings, bases, files, named contexts.
    pub fn changes_since(&self, before: &Inputs) -> Vec<Change> {
        explanation::changes(before, self)
    }

    /// Returns every input file, relative to the repository root, including the inputs of other images.
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

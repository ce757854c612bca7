//! Findings of the proof: the rules, and a collector whose memory is bounded for any image.

use std::collections::BTreeMap;

/// Maximum number of listed findings for each rule; further ones are counted. An image on a foreign base has thousands.
pub const LISTED_PER_RULE: usize = 50;

/// A rule of the proof.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable kebab-case name, as in JSON output.
    pub id: &'static str,
    /// What to do about a finding.
    pub hint: &'static str,
}

/// One violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's stable kebab-case name.
    pub id: &'static str,
    /// What was found, where, and what was expected.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// Declares each rule as a constant and all of them as `RULES`, so that no rule can be missing from the list.
macro_rules! rules {
    ($($name:ident = $id:literal, $hint:literal;)+) => {
        $(pub(crate) const $name: Rule = Rule { id: $id, hint: $hint };)+
        /// Every rule of the proof.
        pub const RULES: &[Rule] = &[$($name),+];
    };
}

rules! {
    INDEX_MALFORMED = "index-malformed", "the layout is damaged: remove it and build again";
    INDEX_NESTED = "index-nested", "export a single manifest: set `provenance=false` and `sbom=false` in the build, and one platform";
    INDEX_NOT_SINGLE = "index-not-single", "export a single manifest: set `provenance=false` and `sbom=false` in the build, and one platform";
    MANIFEST_MALFORMED = "manifest-malformed", "the layout is damaged or not an OCI image: remove it and build again";
    CONFIG_MALFORMED = "config-malformed", "the image's config is damaged or hand-made: build the image again";
    BLOB_MISSING = "blob-missing", "the layout is incomplete: remove it and build again";
    BLOB_SIZE = "blob-size", "the layout was cut short or altered after the build: remove it and build again";
    BLOB_DIGEST = "blob-digest", "the layout was altered after the build: remove it and build again";
    DIFF_ID = "diff-id", "config and layers do not belong together: remove the layout and build again";
    LAYER_COUNT = "layer-count", "merge build steps, or build the image again if config and manifest disagree";
    PLATFORM = "platform", "build with `--platform linux/amd64` and a base image of that platform";
    LAYER_MEDIA_TYPE = "layer-media-type", "export with `oci-mediatypes=true` and compression zstd, gzip or uncompressed";
    LAYER_COMPRESSION = "layer-compression", "the tool that wrote this layer mislabels it: export it again with buildx";
    LAYER_TRUNCATED = "layer-truncated", "the layer ends early: remove the layout and build again";
    LAYER_CORRUPT = "layer-corrupt", "the layer cannot be decompressed: remove the layout and build again";
    LAYER_WINDOW = "layer-window", "compress with a level that needs at most 32 MiB of window (zstd 19 or lower)";
    LAYER_BOMB = "layer-bomb", "a huge file of repeated bytes is in the layer: create it when the task starts instead";
    IMAGE_TOO_LARGE = "image-too-large", "a Fargate task has 20 GiB of storage by default: make the image smaller";
    TOO_MANY_ENTRIES = "too-many-entries", "the image holds more files than the proof accepts: add caches and sources to `.dockerignore`";
    ARCHIVE_MALFORMED = "archive-malformed", "runtimes would read this archive differently: build the layer with buildx";
    ARCHIVE_TRAILING = "archive-trailing", "the layer hides bytes that no runtime unpacks: build it with buildx";
    ENTRY_TYPE = "entry-type", "only files, directories, links, FIFOs and devices can be unpacked: build the layer with buildx";
    WHITEOUT_MALFORMED = "whiteout-malformed", "names that begin with `.wh.` are reserved for deletions: rename the file";
    PATH_UNSAFE = "path-unsafe", "a layer names files relative to the root: do not use the tool or base image that wrote this one";
    PATH_TOO_LONG = "path-too-long", "Linux refuses names over 255 and paths over 4096 bytes: shorten it";
    PATH_BLOCKED = "path-blocked", "a link or a file stands where a directory is needed: do not use the tool or base image that wrote this layer";
    LINK_UNSAFE = "link-unsafe", "a hard link names its target relative to the root: do not use the tool or base image that wrote this layer";
    LINK_DANGLING = "link-dangling", "a hard link must follow its target: build the layer again";
    DEVICE_NODE = "device-node", "containers get their devices from the runtime: remove it from the image";
    FOREIGN_BASE = "foreign-base", "the base image is of another platform: use `FROM --platform=linux/amd64` or a base image that has it";
    FOREIGN_PROGRAM = "foreign-program", "a download or a copied binary for another machine: fetch the build for the platform of the task in the Dockerfile";
    FOREIGN_LIBRARY = "foreign-library", "a wheel or library for another machine: build with `--platform linux/amd64` and install packages inside the build, not from the laptop";
    NO_COMMAND = "no-command", "set ENTRYPOINT or CMD in the Dockerfile";
    PROGRAM_MISSING = "program-missing", "correct ENTRYPOINT or CMD, or copy the program into the final stage";
    PROGRAM_NOT_EXECUTABLE = "program-not-executable", "give it the executable bit and readable directories: `COPY --chmod=755`";
    PROGRAM_FORMAT = "program-format", "start a script with `#!` and its interpreter; copy Linux binaries only";
    SCRIPT_CRLF = "script-crlf", "save the script with LF line endings, and keep them with `*.sh text eol=lf` in .gitattributes";
    SCRIPT_INTERPRETER = "script-interpreter", "install the interpreter in the final stage or correct the first line of the script";
    LOADER_MISSING = "loader-missing", "the program was built for another C library (musl or glibc): build it on the same base as the final stage";
    USER_ROOT = "user-root", "create a user in the Dockerfile and end with `USER <name>`";
    USER_UNKNOWN = "user-unknown", "create the user in the final stage, before `USER`";
    PORT_UNDECLARED = "port-undeclared", "add `EXPOSE <port>` to the Dockerfile or correct the port in the project";
    PORT_UNEXPECTED = "port-unexpected", "remove `EXPOSE <port>` from the Dockerfile or name the port in the project";
    PORT_MALFORMED = "port-malformed", "write ports as `EXPOSE 8000`";
}

/// A collection of findings, at most `LISTED_PER_RULE` for each rule.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
}

impl Findings {
    /// Adds a finding. The message is built only if it will be listed.
    pub(crate) fn add(&mut self, rule: &Rule, message: impl FnOnce() -> String) {
        let count = self.counts.entry(rule.id).or_default();
        *count += 1;
        if *count <= LISTED_PER_RULE {
            self.listed.push(Finding { id: rule.id, message: message(), hint: rule.hint });
        }
    }

    /// Adds the findings of another collection, in their order.
    pub(crate) fn append(&mut self, other: Findings) {
        for finding in other.listed {
            let rule = Rule { id: finding.id, hint: finding.hint };
            self.add(&rule, || finding.message);
        }
        for (id, count) in other.counts {
            *self.counts.entry(id).or_default() += count.saturating_sub(LISTED_PER_RULE);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Returns the list, with one more line for each rule that has more findings than listed.
    pub(crate) fn into_list(mut self) -> Vec<Finding> {
        for rule in RULES {
            let count = self.counts.get(rule.id).copied().unwrap_or_default();
            if let Some(more) = count.checked_sub(LISTED_PER_RULE).filter(|more| *more > 0) {
                let message = format!("and {more} more of `{}`", rule.id);
                self.listed.push(Finding { id: rule.id, message, hint: rule.hint });
            }
        }
        self.listed
    }
}

/// Formats a path of an image for messages: no control characters, at most 200 characters.
pub(crate) fn printable(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path.get(..800).unwrap_or(path));
    let mut out: String = text
        .chars()
        .take(200)
        .flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] })
        .collect();
    if text.chars().count() > 200 || path.len() > 800 {
        out.push('…');
    }
    out
}

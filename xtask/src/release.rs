//! The document `target/slipway/release.json`: the images that `build` verified, for `push` and `deploy`.
//! `docs/guide/release.md` documents every field. Not here: reading and writing the file (`effects::files`).

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::image::{Digest, Fingerprint, ImageName, Platform};

/// The version that this program writes, and the only one that it reads. Raised when a field changes its meaning.
pub const VERSION: u32 = 1;

/// The document's path, relative to the repository root.
pub const PATH: &str = "target/slipway/release.json";

/// The images of a project as of the last verified build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// `VERSION`.
    pub version: u32,
    /// The project's name.
    pub project: String,
    /// The environment that selected the base images.
    pub environment: String,
    /// The commit of the tree at the last `build`, 40 hexadecimal digits; absent outside a git work tree.
    pub commit: Option<String>,
    /// Whether the tree had uncommitted changes.
    pub dirty: bool,
    /// The verified images.
    pub images: BTreeMap<ImageName, Built>,
}

/// One verified image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Digest of the manifest: the image's identity.
    pub digest: Digest,
    /// Fingerprint of its inputs.
    pub fingerprint: Fingerprint,
    /// Bytes of manifest, configuration and layers (compressed), as pushed.
    pub bytes: u64,
    /// The platform that the proof verified.
    pub platform: Platform,
    /// The folder of the OCI layout, relative to the repository root.
    pub layout: Utf8PathBuf,
    /// Seconds since 1970: the upper limit of the timestamps of all files in the image.
    pub source_date_epoch: u64,
    /// Base images that were labelled substitutes, allowed in `local` only.
    pub substitutes: Vec<String>,
    /// Further tags, from `--tag`.
    pub tags: Vec<String>,
}

impl Release {
    /// Parses the document.
    ///
    /// # Errors
    /// Returns a usage failure if the text is not a release of this version. The hint has the command that creates one.
    pub fn parse(text: &str) -> Result<Release, Failure> {
        const HINT: &str = "delete it and run `cargo xtask build`: nothing but the build time is lost";
        /// The field that every version has.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let broken = |error: serde_json::Error| {
            Failure::usage(format!("{PATH}:{}:{}: {error}", error.line(), error.column())).hint(HINT)
        };
        let Version { version } = serde_json::from_str(text).map_err(broken)?;
        if version != VERSION {
            return Err(
                Failure::usage(format!("{PATH} has version {version}; this xtask reads version {VERSION}")).hint(HINT)
            );
        }
        serde_json::from_str(text).map_err(broken)
    }

    /// Returns the document's text, with a newline at its end.
    pub fn to_json(&self) -> String {
        // Every field is a string, a number, a boolean or a map with string keys, so this cannot fail.
        let mut text = serde_json::to_string_pretty(self).expect("a release holds only what JSON has");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Built, Release};
    use crate::image::{Digest, Fingerprint, Platform};

    fn release() -> Release {
        let built = Built {
            digest: Digest::of(b"image"),
            fingerprint: Fingerprint::new([7; 32]),
            bytes: 123,
            platform: Platform::LinuxAmd64,
            layout: "target/slipway/images/app".into(),
            source_date_epoch: 1_700_000_000,
            substitutes: vec!["python:3.13-slim".to_owned()],
            tags: vec![],
        };
        Release {
            version: 1,
            project: "linkbio".to_owned(),
            environment: "local".to_owned(),
            commit: Some("0".repeat(40)),
            dirty: true,
            images: BTreeMap::from([("app".parse().unwrap(), built)]),
        }
    }

    #[test]
    fn parses_its_own_format() {
        assert_eq!(Release::parse(&release().to_json()).unwrap(), release());
    }

    #[test]
    fn rejects_other_version_and_broken_text_with_place() {
        let text = release().to_json();
        let check = |text: &str, expected: &str| {
            let error = Release::parse(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.hints().len(), 1);
        };
        check(&text.replace("\"version\": 1", "\"version\": 2"), "has version 2; this xtask reads version 1");
        check(&text.replace("\"dirty\"", "\"dirtty\""), "unknown field `dirtty`");
        check(&text.replace("sha256:", "md5:"), "is not a digest");
        check(&text[..40], "release.json:");
        check("", "release.json:1:0");
    }
}

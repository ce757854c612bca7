//! The hand-off document `target/slipway/release.json`: what `build` verified, for `push` and `deploy`.
//! `docs/guide/release.md` documents every field. Not here: reading and writing the file (`effects::files`).

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::error::Failure;
use crate::image::{Digest, Fingerprint, ImageName, Platform};

/// The version this code writes and the only one it reads. A field that changes its meaning makes a new version.
pub const VERSION: u32 = 1;

/// Where the document lies, from the repository root.
pub const PATH: &str = "target/slipway/release.json";

/// The images of a project as they were built and verified last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// `VERSION`.
    pub version: u32,
    /// The project's name.
    pub project: String,
    /// The environment whose base images were used.
    pub environment: String,
    /// The commit of the tree at the last `build`, 40 hexadecimal digits; absent outside a git work tree.
    pub commit: Option<String>,
    /// Whether the tree held changes that the commit does not.
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
    /// What it was built from.
    pub fingerprint: Fingerprint,
    /// Bytes of manifest, configuration and layers as they are pushed (compressed).
    pub bytes: u64,
    /// What the proof found the image to be.
    pub platform: Platform,
    /// The OCI layout, from the repository root.
    pub layout: Utf8PathBuf,
    /// Seconds since 1970 that every file of the image is at most as young as.
    pub source_date_epoch: u64,
    /// Base images that were labelled substitutes: not for any environment but `local`.
    pub substitutes: Vec<String>,
    /// Further tags, from `--tag`.
    pub tags: Vec<String>,
}

impl Release {
    /// Reads the document.
    ///
    /// # Errors
    /// A usage failure where the text is not a release of this version; the hint says how to make a new one.
    pub fn parse(text: &str) -> Result<Release, Failure> {
        const HINT: &str = "delete it and run `cargo xtask build`: nothing but the build time is lost";
        /// The one field that every version has.
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

    /// The document's text, with a newline at its end.
    pub fn to_json(&self) -> String {
        // Every field is a string, a number, a boolean or a map with string keys: there is nothing that can fail.
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
    fn writing_and_reading_are_inverse() {
        assert_eq!(Release::parse(&release().to_json()).unwrap(), release());
    }

    #[test]
    fn another_version_unknown_fields_and_broken_text_are_refused_with_the_place() {
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

//! The record of a release, stored only as tags of its revision. A tag's value is limited to 256 letters, digits,
//! spaces and `+ - = . _ : / @` (Amazon ECS API, Tag).

use std::collections::BTreeMap;
use std::fmt;

/// Maximum length of a tag's value (Amazon ECS API, Tag).
const LONGEST: usize = 256;

const RELEASE: &str = "slipway:release";
const COMMIT: &str = "slipway:commit";
const BY: &str = "slipway:by";
const VERDICT: &str = "slipway:verdict";
const IMAGE: &str = "slipway:image.";
const SET: &str = "slipway:set";
const SET_AT: &str = "slipway:set-at";
const SET_SERVICE: &str = "slipway:set-service.";

/// The outcome of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The revision is registered; no verdict is recorded.
    Registered,
    /// The release served, and every check passed.
    Verified,
    /// The release served, and a check failed.
    Unverified,
    /// The release did not serve, or was rolled back.
    Failed,
}

impl Outcome {
    const ALL: [Outcome; 4] = [Outcome::Registered, Outcome::Verified, Outcome::Unverified, Outcome::Failed];

    /// Returns the value of the tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Registered => "registered",
            Outcome::Verified => "verified",
            Outcome::Unverified => "unverified",
            Outcome::Failed => "failed",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The record of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Id of the release.
    pub release: String,
    /// Commit of the build, with the suffix `-dirty` if the working tree had changes.
    pub commit: Option<String>,
    /// ARN of the caller who registered it.
    pub by: String,
    /// Outcome of the release.
    pub outcome: Outcome,
    /// Digest of each image.
    pub images: BTreeMap<String, String>,
    /// The release of several services that the revision belongs to; `None` in a project with one service.
    pub set: Option<ReleaseSet>,
}

/// The revisions that serve together: one release of several services. Recorded on the revisions that it deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseSet {
    /// The id of the release.
    pub release: String,
    /// Time of the record, in seconds since 1970.
    pub at: u64,
    /// Name of each service → `<family>:<number>`.
    pub revisions: BTreeMap<String, String>,
}

impl ReleaseSet {
    /// Returns the tags.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let mut tags =
            BTreeMap::from([(SET.to_owned(), self.release.clone()), (SET_AT.to_owned(), self.at.to_string())]);
        tags.extend(self.revisions.iter().map(|(name, short)| (format!("{SET_SERVICE}{name}"), short.clone())));
        tags
    }

    /// Reads the set from the tags of a revision.
    fn from_tags(tags: &BTreeMap<String, String>) -> Option<ReleaseSet> {
        let revisions =
            tags.iter().filter_map(|(key, short)| Some((key.strip_prefix(SET_SERVICE)?.to_owned(), short.clone())));
        Some(ReleaseSet {
            release: tags.get(SET)?.clone(),
            at: tags.get(SET_AT)?.parse().ok()?,
            revisions: revisions.collect(),
        })
    }
}

impl Record {
    /// Returns the tags.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::from([
            (RELEASE.to_owned(), self.release.clone()),
            (BY.to_owned(), allowed(&self.by)),
            (VERDICT.to_owned(), self.outcome.as_str().to_owned()),
        ]);
        tags.extend(self.commit.clone().map(|commit| (COMMIT.to_owned(), commit)));
        tags.extend(self.set.iter().flat_map(ReleaseSet::tags));
        tags.extend(self.images.iter().map(|(name, digest)| (format!("{IMAGE}{name}"), digest.clone())));
        tags
    }

    /// Reads the record from the tags of a revision; `None` if Slipway did not register it.
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Option<Record> {
        let text = |key: &str| tags.get(key).cloned();
        let outcome =
            Outcome::ALL.into_iter().find(|outcome| tags.get(VERDICT).is_some_and(|tag| tag == outcome.as_str()));
        let images =
            tags.iter().filter_map(|(key, digest)| Some((key.strip_prefix(IMAGE)?.to_owned(), digest.clone())));
        Some(Record {
            release: text(RELEASE)?,
            commit: text(COMMIT),
            by: text(BY).unwrap_or_default(),
            outcome: outcome.unwrap_or(Outcome::Registered),
            images: images.collect(),
            set: ReleaseSet::from_tags(tags),
        })
    }
}

/// Returns the tag of an outcome.
pub fn outcome_tag(outcome: Outcome) -> BTreeMap<String, String> {
    BTreeMap::from([(VERDICT.to_owned(), outcome.as_str().to_owned())])
}

fn allowed(text: &str) -> String {
    let is_allowed = |character: char| character.is_alphanumeric() || " +-=._:/@".contains(character);
    text.chars().take(LONGEST).map(|character| if is_allowed(character) { character } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Outcome, Record, ReleaseSet, outcome_tag};

    #[test]
    fn a_record_survives_its_tags_and_a_later_outcome_replaces_the_first() {
        let images = BTreeMap::from([("app".to_owned(), format!("sha256:{}", "0".repeat(64)))]);
        let record = Record {
            release: "0123456789ab".to_owned(),
            commit: Some("0".repeat(40)),
            by: "arn:aws:sts::123456789012:assumed-role/deploy/me".to_owned(),
            outcome: Outcome::Registered,
            images,
            set: None,
        };
        let mut tags = record.tags();
        assert_eq!(Record::from_tags(&tags), Some(record.clone()));
        tags.extend(outcome_tag(Outcome::Verified));
        assert_eq!(Record::from_tags(&tags), Some(Record { outcome: Outcome::Verified, ..record }));
        assert_eq!(Record::from_tags(&BTreeMap::from([("team".to_owned(), "shop".to_owned())])), None);
    }

    #[test]
    fn a_release_of_several_services_survives_its_tags() {
        let revisions = [("web", "shop-local:3"), ("worker", "shop-local-worker:4")];
        let revisions = revisions.map(|(name, short)| (name.to_owned(), short.to_owned())).into();
        let set = ReleaseSet { release: "0123456789ab".to_owned(), at: 1_790_000_000, revisions };
        assert_eq!(ReleaseSet::from_tags(&set.tags()), Some(set));
        assert_eq!(ReleaseSet::from_tags(&BTreeMap::new()), None);
    }

    #[test]
    fn characters_that_a_tag_does_not_take_are_replaced() {
        let record = Record {
            release: "r".into(),
            commit: None,
            by: "a,b\n".into(),
            outcome: Outcome::Failed,
            images: BTreeMap::new(),
            set: None,
        };
        assert_eq!(record.tags()["slipway:by"], "a_b_");
    }
}

//! The plan of `push`: the tags of each image, the missing ones among them, and whether blobs are sent. Decided from
//! the observed state of the registry, before anything is sent.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Failure;
use crate::image::{Digest, ImageName, Tag};
use crate::project::{Environment, EnvironmentName};
use crate::release::{Built, Release};

/// The tags of one image. The fingerprint's tag never moves, and decides whether a push is skipped. The environment's
/// tag moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// `in-<16 hex>`: the fingerprint.
    pub inputs: Tag,
    /// `git-<12 hex>`, with `-dirty` for a tree with uncommitted changes; `None` outside of a repository.
    pub commit: Option<Tag>,
    /// The tags of `build --tag`.
    pub further: Vec<Tag>,
    /// The environment's name.
    pub environment: Tag,
}

impl Tags {
    /// Derives the tags from a release.
    ///
    /// # Errors
    /// Returns a usage failure for an invalid tag of `build --tag`.
    pub fn new(release: &Release, built: &Built, environment: EnvironmentName) -> Result<Tags, Failure> {
        let parse = |text: String| text.parse::<Tag>().map_err(|error| Failure::usage(error.to_string()));
        let commit = release.commit.as_ref().map(|commit| {
            let short: String = commit.chars().take(12).collect();
            parse(format!("git-{short}{}", if release.dirty { "-dirty" } else { "" }))
        });
        Ok(Tags {
            inputs: parse(format!("in-{}", built.fingerprint.short()))?,
            commit: commit.transpose()?,
            further: built.tags.iter().cloned().map(parse).collect::<Result<_, _>>()?,
            environment: parse(environment.to_string())?,
        })
    }

    /// Returns the tags that decide whether the push is a no-op.
    pub fn decisive(&self) -> Vec<Tag> {
        [&self.inputs, &self.environment].into_iter().chain(&self.further).cloned().collect()
    }

    /// Returns all tags.
    pub fn all(&self) -> Vec<Tag> {
        self.decisive().into_iter().chain(self.commit.clone()).collect()
    }
}

/// One image as observed here and in the registry.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The image.
    pub name: ImageName,
    /// The destination repository.
    pub repository: String,
    /// Digest of the image to send.
    pub digest: Digest,
    /// Size in bytes.
    pub bytes: u64,
    /// The tags to set.
    pub tags: Tags,
    /// The digests of its existing tags in the registry.
    pub found: BTreeMap<Tag, Digest>,
}

/// The result of a push, for `deploy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// References of the images by digest, for the task definition.
    pub references: BTreeMap<ImageName, String>,
}

/// The decision on one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The image.
    pub name: ImageName,
    /// The destination repository.
    pub repository: String,
    /// Digest of the image to send.
    pub digest: Digest,
    /// Size in bytes.
    pub bytes: u64,
    /// Whether its missing blobs are sent.
    pub sends: bool,
    /// Tags that never move, in the order in which they are set.
    pub fixed: Vec<Tag>,
    /// The environment's tag, if it has to move. It moves last, after all images are complete.
    pub moving: Option<Tag>,
    /// Tags for people that refer to another image and are left unchanged.
    pub kept: Vec<(Tag, Digest)>,
}

/// The plan of `push`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPlan {
    /// One step for each image.
    pub steps: Vec<Step>,
}

impl PushPlan {
    /// Creates the plan of the observed images.
    ///
    /// # Errors
    /// Returns a refusal (3) if a fingerprint's tag refers to another image: the same inputs gave two images, and one
    /// is in use.
    pub fn new(observed: Vec<Observed>) -> Result<PushPlan, Failure> {
        Ok(PushPlan { steps: observed.into_iter().map(step).collect::<Result<_, _>>()? })
    }

    /// Returns whether the push is a no-op.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(Step::is_empty)
    }
}

impl Step {
    /// Returns whether the step is a no-op.
    pub fn is_empty(&self) -> bool {
        !self.sends && self.fixed.is_empty() && self.moving.is_none()
    }
}

fn step(observed: Observed) -> Result<Step, Failure> {
    let Observed { name, repository, digest, bytes, tags, found } = observed;
    let there = found.get(&tags.inputs);
    if let Some(other) = there.filter(|other| **other != digest) {
        let text = format!(
            "`{repository}:{}` is {other} in the registry, and `{name}` is {digest} here: the same inputs gave two images",
            tags.inputs
        );
        return Err(Failure::refused(text)
            .hint("its builds are not reproducible: find out why with `cargo xtask build --no-cache`")
            .hint(format!("if the one here is right, remove that tag from `{repository}` and push again")));
    }
    let sends = there.is_none();
    let mut fixed = Vec::new();
    let mut kept = Vec::new();
    if sends {
        fixed.push(tags.inputs);
    }
    // A commit that does not change an image adds no tag to it: an image may have 1,000 tags (ECR quota).
    let commit = tags.commit.filter(|_| sends);
    for tag in commit.into_iter().chain(tags.further) {
        match found.get(&tag) {
            Some(there) if *there == digest => {}
            Some(other) => kept.push((tag, *other)),
            None if fixed.contains(&tag) => {}
            None => fixed.push(tag),
        }
    }
    let moving = Some(tags.environment).filter(|tag| found.get(tag) != Some(&digest));
    Ok(Step { name, repository, digest, bytes, sends, fixed, moving, kept })
}

impl fmt::Display for PushPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            if step.is_empty() {
                writeln!(f, "keep {:<12} {}  unchanged in {}", step.name, step.digest.short(), step.repository)?;
                continue;
            }
            let verb = if step.sends { "send" } else { "tag " };
            let size = if step.sends { format!("{:.1} MB", step.bytes as f64 / 1e6) } else { "is there".to_owned() };
            let tags = step.fixed.iter().chain(&step.moving).map(ToString::to_string).collect::<Vec<_>>().join(", ");
            writeln!(f, "{verb} {:<12} {}  {size}, to {} as {tags}", step.name, step.digest.short(), step.repository)?;
        }
        Ok(())
    }
}

/// Checks that a release may be pushed for an environment.
///
/// # Errors
/// Returns a refusal (3) for substitutes outside of `local`, and for a dirty tree in a protected environment.
pub fn admit(release: &Release, names: &[ImageName], environment: &Environment) -> Result<(), Failure> {
    let name = environment.name;
    if !environment.accepts_substitutes() {
        let above = names.iter().filter_map(|name| Some((name, &release.images.get(name)?.substitutes)));
        let above = above.filter(|(_, substitutes)| !substitutes.is_empty());
        let above = above.map(|(name, substitutes)| format!("`{name}` stands on {}", substitutes.join(", ")));
        let above = above.collect::<Vec<_>>();
        if !above.is_empty() {
            let text = format!("substitutes are good for `local` only, not for `{name}`: {}", above.join("; "));
            return Err(Failure::refused(text).hint(format!(
                "build where the registry of the base images answers: cargo xtask build{}",
                name.flags()
            )));
        }
    }
    if environment.protected && release.dirty {
        return Err(Failure::refused(format!(
            "the images were built from a tree with uncommitted changes, and `{name}` is protected"
        ))
        .hint(format!("commit, then `cargo xtask build{}` and push again", name.flags())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Observed, PushPlan, Step, Tags, admit};
    use crate::ecs::fixtures;
    use crate::error::Exit;
    use crate::image::{Digest, Fingerprint, Platform, Tag};
    use crate::release::{Built, Release};

    fn release() -> Release {
        let built = Built {
            digest: Digest::of(b"image"),
            fingerprint: Fingerprint::new([0xab; 32]),
            bytes: 1_000_000,
            platform: Platform::LinuxAmd64,
            layout: "target/slipway/images/app".into(),
            source_date_epoch: 0,
            substitutes: vec![],
            tags: vec!["v1".to_owned()],
        };
        let commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
        let images = BTreeMap::from([("app".parse().unwrap(), built)]);
        Release { version: 1, project: "shop".to_owned(), environment: "dev".to_owned(), commit, dirty: false, images }
    }

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    const IN: &str = "in-abababababababab";

    fn decide(found: &[(&str, &[u8])]) -> Result<Step, crate::error::Failure> {
        let release = release();
        let name = "app".parse().unwrap();
        let tags = Tags::new(&release, &release.images[&name], "dev".parse().unwrap()).unwrap();
        let found = found.iter().map(|(name, content)| (tag(name), Digest::of(content))).collect();
        let digest = Digest::of(b"image");
        let observed = Observed { name, repository: "shop/app".to_owned(), digest, bytes: 1_000_000, tags, found };
        PushPlan::new(vec![observed]).map(|mut plan| plan.steps.remove(0))
    }

    #[test]
    fn sends_new_image_with_all_tags() {
        let step = decide(&[]).unwrap();
        assert!(step.sends);
        assert_eq!(step.fixed, [tag(IN), tag("git-0123456789ab"), tag("v1")]);
        assert_eq!(step.moving, Some(tag("dev")));
        let plan = PushPlan { steps: vec![step] };
        assert!(plan.to_string().contains(&format!("1.0 MB, to shop/app as {IN}, git-0123456789ab, v1, dev")));
    }

    #[test]
    fn skips_existing_image_and_its_commit_tag() {
        let here: &[u8] = b"image";
        assert!(decide(&[(IN, here), ("dev", here), ("v1", here)]).unwrap().is_empty());
        let step = decide(&[(IN, here), ("dev", b"older"), ("v1", here)]).unwrap();
        assert_eq!((step.sends, step.fixed.len(), step.moving), (false, 0, Some(tag("dev"))));
        let step = decide(&[(IN, here), ("dev", here)]).unwrap();
        assert_eq!((step.sends, step.fixed, step.moving), (false, vec![tag("v1")], None));
    }

    #[test]
    fn keeps_existing_tags_of_other_images() {
        let step = decide(&[("git-0123456789ab", b"other"), ("v1", b"other")]).unwrap();
        assert_eq!(step.fixed, [tag(IN)]);
        assert_eq!(step.kept.len(), 2);
        let refused = decide(&[(IN, b"other")]).unwrap_err();
        assert_eq!(refused.exit(), Exit::Refused);
        assert!(refused.to_string().contains("the same inputs gave two images"), "{refused}");
    }

    #[test]
    fn rejects_substitutes_outside_local_and_dirty_trees_where_protected() {
        let names = ["app".parse().unwrap()];
        let mut release = release();
        let environments = ["local", "dev", "production"].map(fixtures::environment_named);
        for environment in &environments {
            assert!(admit(&release, &names, environment).is_ok());
        }
        release.dirty = true;
        let refused: Vec<_> = environments.iter().map(|one| admit(&release, &names, one).is_err()).collect();
        assert_eq!(refused, [false, false, true]);
        release.images.values_mut().next().unwrap().substitutes = vec!["python:3.13-slim".to_owned()];
        let refused: Vec<_> = environments.iter().map(|one| admit(&release, &names, one).is_err()).collect();
        assert_eq!(refused, [false, true, true]);
        assert!(admit(&release, &[], &environments[1]).is_ok());
    }
}

//! The plan of `push`: which tags an image gets, which of them it has, whether its blobs are sent. Decided from what the
//! registry was seen to have, before anything is sent.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::Failure;
use crate::image::{Digest, ImageName, Tag};
use crate::project::{Environment, EnvironmentName};
use crate::release::{Built, Release};

/// The tags of one image. The first one cannot be moved and is what a push is skipped by; the last one moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// `in-<16 hex>`: the fingerprint.
    pub inputs: Tag,
    /// `git-<12 hex>`, with `-dirty` where the tree was; `None` outside of a repository.
    pub commit: Option<Tag>,
    /// The tags of `build --tag`.
    pub further: Vec<Tag>,
    /// The environment's name.
    pub environment: Tag,
}

impl Tags {
    /// The tags that follow from a release.
    ///
    /// # Errors
    /// A tag of `build --tag` that is none.
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

    /// Those that must be known to say that nothing is to be done.
    pub fn decisive(&self) -> Vec<Tag> {
        [&self.inputs, &self.environment].into_iter().chain(&self.further).cloned().collect()
    }

    /// All of them.
    pub fn all(&self) -> Vec<Tag> {
        self.decisive().into_iter().chain(self.commit.clone()).collect()
    }
}

/// One image as it was seen: here, and in the registry.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The image.
    pub name: ImageName,
    /// Where it goes.
    pub repository: String,
    /// What is sent.
    pub digest: Digest,
    /// Bytes of it.
    pub bytes: u64,
    /// What it is to be called.
    pub tags: Tags,
    /// What its tags name in the registry.
    pub found: BTreeMap<Tag, Digest>,
}

/// What a push leaves for those who deploy it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Each image by digest, as a task definition names it.
    pub references: BTreeMap<ImageName, String>,
}

/// What happens to one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The image.
    pub name: ImageName,
    /// Where it goes.
    pub repository: String,
    /// What is sent.
    pub digest: Digest,
    /// Bytes of it.
    pub bytes: u64,
    /// Whether its blobs are sent, as far as they are missing.
    pub sends: bool,
    /// Tags that never move once they are given, in the order in which they are.
    pub fixed: Vec<Tag>,
    /// The environment's tag, where it has to move. It does so last, once all images are there.
    pub moving: Option<Tag>,
    /// Tags for people that name another image and are left alone.
    pub kept: Vec<(Tag, Digest)>,
}

/// The plan of `push`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPlan {
    /// One step an image.
    pub steps: Vec<Step>,
}

impl PushPlan {
    /// Decides for each image.
    ///
    /// # Errors
    /// Refused (3) where a fingerprint's tag names another image: the same inputs gave two, and one of them is in use.
    pub fn new(observed: Vec<Observed>) -> Result<PushPlan, Failure> {
        Ok(PushPlan { steps: observed.into_iter().map(step).collect::<Result<_, _>>()? })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(Step::is_empty)
    }
}

impl Step {
    /// Whether there is nothing to do.
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
    // A commit that changes nothing of an image gives it no further tag: an image may have 1,000 (ECR quota).
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

/// What a release must be to leave this machine for an environment.
///
/// # Errors
/// Refused (3): substitutes anywhere but in `local`, a dirty tree in a protected environment.
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
    fn a_new_image_is_sent_with_all_its_tags() {
        let step = decide(&[]).unwrap();
        assert!(step.sends);
        assert_eq!(step.fixed, [tag(IN), tag("git-0123456789ab"), tag("v1")]);
        assert_eq!(step.moving, Some(tag("dev")));
        let plan = PushPlan { steps: vec![step] };
        assert!(plan.to_string().contains(&format!("1.0 MB, to shop/app as {IN}, git-0123456789ab, v1, dev")));
    }

    #[test]
    fn what_is_there_is_neither_sent_nor_tagged_by_commit_again() {
        let here: &[u8] = b"image";
        assert!(decide(&[(IN, here), ("dev", here), ("v1", here)]).unwrap().is_empty());
        let step = decide(&[(IN, here), ("dev", b"older"), ("v1", here)]).unwrap();
        assert_eq!((step.sends, step.fixed.len(), step.moving), (false, 0, Some(tag("dev"))));
        let step = decide(&[(IN, here), ("dev", here)]).unwrap();
        assert_eq!((step.sends, step.fixed, step.moving), (false, vec![tag("v1")], None));
    }

    #[test]
    fn tags_for_people_stay_where_they_are_and_the_fingerprints_tag_decides() {
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

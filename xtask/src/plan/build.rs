//! The plan of `build`: for each image, built or left alone, and why.

use std::fmt;

use camino::Utf8PathBuf;

use crate::image::{Digest, Fingerprint, ImageName};
use crate::release::Built;

/// What was observed of one image before anything is decided.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The image.
    pub name: ImageName,
    /// Fingerprint of its inputs as they are now.
    pub fingerprint: Fingerprint,
    /// What the last verified build left behind, if its layout is still whole.
    pub built: Option<Built>,
    /// Whether `release.json` names the image although its layout is gone or damaged.
    pub layout_lost: bool,
}

/// What happens to one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the layout on disk was built from these very inputs.
    Keep {
        /// What it was when it was built.
        digest: Digest,
    },
    /// A build, for a reason.
    Build(Reason),
}

/// Why an image is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no earlier build.
    New,
    /// The inputs have another fingerprint than those of the last build.
    InputsChanged {
        /// Fingerprint of the last build.
        before: Fingerprint,
    },
    /// The last build's layout is gone or damaged.
    LayoutLost,
    /// `--no-cache`.
    Asked,
}

/// One image of the plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// The image.
    pub name: ImageName,
    /// Fingerprint of its inputs as they are now.
    pub fingerprint: Fingerprint,
    /// Where the layout lies or will lie, from the repository root.
    pub layout: Utf8PathBuf,
    /// What happens to it.
    pub decision: Decision,
}

/// The plan of `build`.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// One step an image, in the project's order.
    pub steps: Vec<Step>,
}

impl BuildPlan {
    /// Decides for each observed image. `no_cache` asks for a build whatever the fingerprints say.
    pub fn new(observed: Vec<Observed>, no_cache: bool) -> BuildPlan {
        let steps = observed.into_iter().map(|image| {
            let decision = match &image.built {
                _ if no_cache => Decision::Build(Reason::Asked),
                Some(built) if built.fingerprint == image.fingerprint => Decision::Keep { digest: built.digest },
                Some(built) => Decision::Build(Reason::InputsChanged { before: built.fingerprint }),
                None if image.layout_lost => Decision::Build(Reason::LayoutLost),
                None => Decision::Build(Reason::New),
            };
            Step { layout: layout_of(&image.name), name: image.name, fingerprint: image.fingerprint, decision }
        });
        BuildPlan { steps: steps.collect() }
    }

    /// The steps that build something.
    pub fn to_build(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| matches!(step.decision, Decision::Build(_)))
    }

    /// Whether there is nothing to build.
    pub fn is_empty(&self) -> bool {
        self.to_build().next().is_none()
    }
}

/// Where the verified layout of an image lies, from the repository root.
pub fn layout_of(image: &ImageName) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("target/slipway/images/{image}"))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::New => f.write_str("not built yet"),
            Reason::InputsChanged { before } => write!(f, "inputs changed since in-{}", before.short()),
            Reason::LayoutLost => f.write_str("its layout is gone or damaged"),
            Reason::Asked => f.write_str("requested with --no-cache"),
        }
    }
}

impl fmt::Display for BuildPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            let verb = match &step.decision {
                Decision::Keep { .. } => "keep ",
                Decision::Build(_) => "build",
            };
            write!(f, "{verb} {:<12} in-{}", step.name, step.fingerprint.short())?;
            match &step.decision {
                Decision::Keep { digest } => writeln!(f, "  unchanged, {digest}")?,
                Decision::Build(reason) => writeln!(f, "  {reason}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BuildPlan, Decision, Observed, Reason};
    use crate::image::{Digest, Fingerprint, Platform};
    use crate::release::Built;

    const NOW: Fingerprint = Fingerprint::new([1; 32]);
    const BEFORE: Fingerprint = Fingerprint::new([2; 32]);

    fn built(fingerprint: Fingerprint) -> Built {
        Built {
            digest: Digest::of(b"image"),
            fingerprint,
            bytes: 1,
            platform: Platform::LinuxAmd64,
            layout: "target/slipway/images/app".into(),
            source_date_epoch: 0,
            substitutes: vec![],
            tags: vec![],
        }
    }

    fn decide(built: Option<Built>, layout_lost: bool, no_cache: bool) -> Decision {
        let observed = Observed { name: "app".parse().unwrap(), fingerprint: NOW, built, layout_lost };
        BuildPlan::new(vec![observed], no_cache).steps.remove(0).decision
    }

    #[test]
    fn an_image_is_built_unless_the_same_inputs_made_the_layout_that_is_there() {
        assert_eq!(decide(Some(built(NOW)), false, false), Decision::Keep { digest: Digest::of(b"image") });
        assert_eq!(
            decide(Some(built(BEFORE)), false, false),
            Decision::Build(Reason::InputsChanged { before: BEFORE })
        );
        assert_eq!(decide(None, false, false), Decision::Build(Reason::New));
        assert_eq!(decide(None, true, false), Decision::Build(Reason::LayoutLost));
        assert_eq!(decide(Some(built(NOW)), false, true), Decision::Build(Reason::Asked));
    }
}

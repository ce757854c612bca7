//! The plan of `build`: the decision whether to build each image, and its reason.

use std::fmt;

use camino::Utf8PathBuf;

use crate::image::{Digest, Fingerprint, ImageName};
use crate::release::Built;

/// The observed state of one image.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The image.
    pub name: ImageName,
    /// Fingerprint of its current inputs.
    pub fingerprint: Fingerprint,
    /// The last verified build, if its layout is intact.
    pub built: Option<Built>,
    /// Whether `release.json` has the image but its layout is missing or damaged.
    pub layout_lost: bool,
}

/// The decision on one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// No build: the layout on disk was built from the same inputs.
    Keep {
        /// Digest of that build.
        digest: Digest,
    },
    /// A build, with its reason.
    Build(Reason),
}

/// The reason to build an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No earlier build exists.
    New,
    /// The fingerprint of the inputs differs from that of the last build.
    InputsChanged {
        /// Fingerprint of the last build.
        before: Fingerprint,
    },
    /// The last build's layout is missing or damaged.
    LayoutLost,
    /// Requested with `--no-cache`.
    Asked,
}

/// One image of the plan.
#[derive(Clone, Debug)]
pub struct Step {
    /// The image.
    pub name: ImageName,
    /// Fingerprint of its current inputs.
    pub fingerprint: Fingerprint,
    /// The layout's folder, relative to the repository root.
    pub layout: Utf8PathBuf,
    /// The decision.
    pub decision: Decision,
}

/// The plan of `build`.
#[derive(Clone, Debug)]
pub struct BuildPlan {
    /// One step for each image, in the project's order.
    pub steps: Vec<Step>,
}

impl BuildPlan {
    /// Creates the plan of the observed images. `no_cache` builds every image regardless of its fingerprint.
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

    /// Returns the steps that build an image.
    pub fn to_build(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| matches!(step.decision, Decision::Build(_)))
    }

    /// Returns whether no image is built.
    pub fn is_empty(&self) -> bool {
        self.to_build().next().is_none()
    }
}

/// Returns the folder of an image's verified layout, relative to the repository root.
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
    fn builds_unless_layout_has_same_inputs() {
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

//! The built images on this machine: integrity, architecture and configuration.

use super::super::facts::{Facts, ImageFacts};
use super::super::judgement::{Judgement, Problems, quoted, short_digest, unknown};
use super::super::{Rule, Scope};
use super::variables::looks_secret;
use crate::image::ImageName;
use crate::image::substitute::documents::LABEL;

/// Compressed bytes that delay a start: Fargate pulls every layer at every start, which takes 20 to 60 s for images of
/// 250 MB and more (aws/containers-roadmap 696).
const LARGE: u64 = 250_000_000;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Images, "image-built", "every image of the project is in `release.json`", built),
    Rule::new(Scope::Images, "image-whole", "each layout contains the manifest that was verified", whole),
    Rule::new(
        Scope::Images,
        "image-proof",
        "the proof of architecture still holds, over every byte of each layout",
        proof,
    ),
    Rule::new(Scope::Images, "image-platform", "each image is of the project's platform", platform),
    Rule::new(Scope::Images, "image-user", "each image runs as a user that is not root, and by number", user),
    Rule::new(
        Scope::Images,
        "image-stop-signal",
        "nginx's image declares SIGQUIT, which lets requests finish",
        stop_signal,
    ),
    Rule::new(Scope::Images, "image-substitute", "images with a substitute base stay in `local`", substitute),
    Rule::new(Scope::Images, "image-secret", "no secret is a variable of an image", secret),
    Rule::new(Scope::Images, "image-size", "images are small enough to start quickly", size),
];

/// Returns the readable images. `image-whole` reports unreadable layouts.
fn known<'a>(facts: &'a Facts<'_>) -> Result<Vec<(&'a ImageName, &'a ImageFacts)>, super::super::Unknown> {
    let readable: Vec<_> = facts.images.iter().filter_map(|(name, image)| Some((name, image.as_ref().ok()?))).collect();
    if readable.is_empty() { unknown("there is no built image to look at: cargo xtask build") } else { Ok(readable) }
}

fn names<'a>(images: &[(&'a ImageName, &'a ImageFacts)]) -> String {
    quoted(images.iter().map(|(name, _)| name.as_str()))
}

fn built(facts: &Facts<'_>) -> Judgement {
    let release = facts.release.clone()?;
    let mut problems = Problems::default();
    for image in facts.project.images.iter().filter(|image| !release.images.contains_key(&image.name)) {
        problems.fail(format!("image `{}` is not in `release.json`", image.name), "cargo xtask build");
    }
    problems.or(format!("{} images are built", release.images.len()))
}

fn whole(facts: &Facts<'_>) -> Judgement {
    if facts.images.is_empty() {
        return unknown("there is no built image to look at: cargo xtask build");
    }
    let mut problems = Problems::default();
    for (name, image) in &facts.images {
        match image {
            Err(why) => {
                problems.fail(format!("the layout of `{name}` cannot be read: {}", why.why), "cargo xtask build");
            }
            Ok(image) if image.manifest != Some(image.built.digest) => {
                let found = image.manifest.map_or("no manifest".to_owned(), |digest| short_digest(&digest.to_string()));
                let proven = short_digest(&image.built.digest.to_string());
                let text = format!("the layout of `{name}` holds {found}, and {proven} was proven");
                problems.fail(text, "cargo xtask build --no-cache");
            }
            Ok(_) => {}
        }
    }
    problems.or(format!("{} layouts hold what was proven", facts.images.len()))
}

fn proof(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let mut problems = Problems::default();
    for (name, image) in &images {
        for finding in &image.findings {
            problems.fail(format!("image `{name}`: {}: {}", finding.id, finding.message), finding.hint);
        }
    }
    problems.or(format!("{} are proven for {}", names(&images), facts.project.platform))
}

fn platform(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let wanted = facts.project.platform;
    let mut problems = Problems::default();
    for (name, image) in &images {
        let claimed = format!("{}/{}", image.config.platform.os, image.config.platform.architecture);
        if image.built.platform != wanted || claimed != wanted.to_string() {
            let text = format!("image `{name}` is {claimed}, and the project is {wanted}");
            problems.fail(text, "cargo xtask build, or correct `platform` in infra/slipway.toml");
        }
    }
    problems.or(format!("{} are {wanted}", names(&images)))
}

fn user(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let mut problems = Problems::default();
    for (name, image) in &images {
        let user = image.config.user.split(':').next().unwrap_or_default();
        if user.is_empty() || user == "root" || user == "0" {
            problems.fail(format!("image `{name}` runs as root"), "end its Dockerfile with `USER 10001:10001`");
        } else if user.parse::<u32>().is_err() {
            let text = format!("image `{name}` runs as `{user}`: a name does not show that it is not root");
            problems.warn(text, "use the number: `USER 10001:10001`");
        }
    }
    problems.or(format!("{} run as numbers that are not root", names(&images)))
}

fn stop_signal(facts: &Facts<'_>) -> Judgement {
    let front = facts.front()?;
    let signal = facts.image(&front.image)?.config.stop_signal.as_deref();
    let mut problems = Problems::default();
    if !matches!(signal, Some("SIGQUIT" | "QUIT" | "3")) {
        let found = signal.unwrap_or("SIGTERM, the default");
        problems.fail(
            format!("image `{}` is stopped by {found}: nginx cuts requests in flight", front.image),
            "add `STOPSIGNAL SIGQUIT` to its Dockerfile",
        );
    }
    problems.or(format!("image `{}` is stopped by SIGQUIT", front.image))
}

fn substitute(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let mut problems = Problems::default();
    for (name, image) in &images {
        let is_labelled = image.config.labels.get(LABEL).is_some_and(|value| value == "true");
        let is_one = is_labelled || !image.built.substitutes.is_empty();
        if is_one && !facts.environment.accepts_substitutes() {
            let text =
                format!("image `{name}` stands on a substitute, which `{}` does not take", facts.environment.name);
            problems.fail(text, "build where the registry of the base images answers");
        }
    }
    problems.or(format!("`{}` takes the bases of {}", facts.environment.name, names(&images)))
}

fn secret(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let mut problems = Problems::default();
    for (name, image) in &images {
        for (variable, value) in image.config.env.iter().filter_map(|line| line.split_once('=')) {
            if looks_secret(variable) && !value.is_empty() {
                let text = format!("image `{name}` holds a value of `{variable}` for everybody who can pull it");
                problems.fail(text, "remove the `ENV`, change the secret, and refer to it in `[secrets]`");
            }
        }
    }
    problems.or(format!("no variable of {} looks like a secret", names(&images)))
}

fn size(facts: &Facts<'_>) -> Judgement {
    let images = known(facts)?;
    let mut problems = Problems::default();
    let megabytes = |bytes: u64| bytes / 1_000_000;
    for (name, image) in images.iter().filter(|(_, image)| image.built.bytes > LARGE) {
        let text =
            format!("image `{name}` is {} MB compressed: each start of a task pulls it", megabytes(image.built.bytes));
        problems.warn(text, "leave build tools in an earlier stage, and add caches to `.dockerignore`");
    }
    let total = images.iter().map(|(_, image)| image.built.bytes).sum();
    problems.or(format!("{} are {} MB compressed together", names(&images), megabytes(total)))
}

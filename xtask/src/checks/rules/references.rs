//! Image references of the task definition: by digest, and equal to the built images.

use super::super::facts::{Facts, repository};
use super::super::judgement::{Judgement, Problems, short_digest, unknown};
use super::super::{Rule, Scope};

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "image-by-digest",
        "containers name their images by digest, so that a tag that moves changes nothing",
        by_digest,
    ),
    Rule::new(Scope::Environment, "image-of-release", "containers run the digests that `release.json` has", of_release),
];

fn by_digest(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    for container in containers.iter().filter(|container| !container.image.contains("@sha256:")) {
        let text = format!(
            "container `{}` runs `{}`: what that is can change from task to task",
            container.name, container.image
        );
        problems.fail(
            text,
            format!(
                "write \"{{{{ images.{} }}}}\"",
                repository(&container.image).rsplit('/').next().unwrap_or_default()
            ),
        );
    }
    problems.or(format!("{} containers name their images by digest", containers.len()))
}

fn of_release(facts: &Facts<'_>) -> Judgement {
    let release = facts.release.clone()?;
    let mut problems = Problems::default();
    let mut compared = 0;
    for container in facts.containers()? {
        let Some(built) = facts.image_name(container).and_then(|name| release.images.get(name)) else { continue };
        compared += 1;
        let digest = container.image.split_once('@').map(|(_, digest)| digest).unwrap_or_default();
        if digest != built.digest.to_string() {
            let found = if digest.is_empty() { "no digest".to_owned() } else { short_digest(digest) };
            let wanted = short_digest(&built.digest.to_string());
            let text = format!("container `{}` runs {found}, and {wanted} was built", container.name);
            problems.fail(text, "render the template anew: cargo xtask deploy --dry-run");
        }
    }
    if compared == 0 {
        return unknown("no container runs an image of this project");
    }
    problems.or(format!("{compared} containers run what was built"))
}

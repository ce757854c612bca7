//! Images: what a reference means, whether it is for the task's platform, and the pull. Our own registry is read
//! directly what it holds; the engine fetches the bytes like from any other registry.

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use super::engine::{Kind, kind, sentence};
use super::reasons;
use super::supervisor::Trouble;
use crate::emulator::Emulator;
use crate::registry::{auth, images};
use crate::store::task_definition::TaskDefinition;

/// An image that is in the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// What to create containers from.
    pub(super) reference: String,
    /// `sha256:…` of its manifest.
    pub(super) digest: Option<String>,
}

/// `linux/<architecture>` as images have it. AWS: `X86_64` where nothing is said.
pub(super) fn platform(definition: &TaskDefinition) -> String {
    let architecture = definition.runtime_platform.as_ref().and_then(|platform| platform.cpu_architecture.as_deref());
    match architecture {
        Some("ARM64") => "linux/arm64".into(),
        _ => "linux/amd64".into(),
    }
}

/// Makes sure that the engine has an image.
pub(super) async fn obtain(
    emulator: &Emulator,
    docker: &Docker,
    image: &str,
    platform: &str,
) -> Result<Image, Trouble> {
    match our_own(image, &emulator.settings.registry()) {
        Some((repository, reference)) => {
            let found = images::resolve(emulator, repository, reference)
                .ok_or_else(|| Trouble::Failed(reasons::image_not_found(image)))?;
            let fits = |one: &images::Platform| format!("{}/{}", one.os, one.architecture) == platform;
            if !found.platforms.is_empty() && !found.platforms.iter().any(fits) {
                return Err(Trouble::Failed(reasons::no_platform(platform)));
            }
            let pinned = format!("{}/{repository}@{}", emulator.settings.registry(), found.digest);
            if local(docker, &pinned).await?.is_none() {
                let credentials = auth::credentials(emulator);
                let credentials = DockerCredentials {
                    username: Some(credentials.username.into()),
                    password: Some(credentials.password),
                    serveraddress: Some(emulator.settings.registry()),
                    ..DockerCredentials::default()
                };
                pull(docker, &pinned, platform, Some(credentials)).await?.map_err(Trouble::Failed)?;
            }
            Ok(Image { reference: pinned, digest: Some(found.digest) })
        }
        None => foreign(docker, image, platform).await,
    }
}

/// An image of another registry. One that cannot be pulled but is in the engine is used, as ECS's own agent does.
async fn foreign(docker: &Docker, image: &str, platform: &str) -> Result<Image, Trouble> {
    let known = local(docker, image).await?;
    let inspected = if image.contains("@sha256:") && known.is_some() {
        known
    } else {
        match pull(docker, image, platform, None).await? {
            Ok(()) => local(docker, image).await?,
            Err(reason) => Some(known.ok_or(Trouble::Failed(reason))?),
        }
    };
    let inspected = inspected.ok_or_else(|| Trouble::Failed(reasons::image_not_found(image)))?;
    let has = format!(
        "{}/{}",
        inspected.os.as_deref().unwrap_or_default(),
        inspected.architecture.as_deref().unwrap_or_default()
    );
    if has != platform {
        return Err(Trouble::Failed(reasons::no_platform(platform)));
    }
    Ok(Image { reference: image.to_owned(), digest: digest_of(image, &inspected) })
}

/// What the engine has under a reference.
async fn local(docker: &Docker, reference: &str) -> Result<Option<ImageInspect>, Trouble> {
    match docker.inspect_image(reference).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if kind(&error) == Kind::Away => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The inner error is the reason why the registry, or the engine, did not do it.
async fn pull(
    docker: &Docker,
    reference: &str,
    platform: &str,
    credentials: Option<DockerCredentials>,
) -> Result<Result<(), String>, Trouble> {
    let mut options = CreateImageOptionsBuilder::default().from_image(reference).platform(platform);
    if !reference.contains('@') && !has_tag(reference) {
        options = options.tag("latest");
    }
    let mut progress = docker.create_image(Some(options.build()), None, credentials);
    while let Some(step) = progress.next().await {
        match step {
            Ok(_) => {}
            Err(error) if kind(&error) == Kind::Away => return Err(error.into()),
            Err(error) => return Ok(Err(refusal(reference, platform, &sentence(&error)))),
        }
    }
    Ok(Ok(()))
}

fn refusal(reference: &str, platform: &str, sentence: &str) -> String {
    if sentence.contains("no match for platform") || sentence.contains("no matching manifest") {
        return reasons::no_platform(platform);
    }
    reasons::cannot_pull(&format!("failed to resolve ref {reference}: {sentence}"))
}

/// Repository and tag or digest, where the reference is one of our registry.
fn our_own<'a>(image: &'a str, registry: &str) -> Option<(&'a str, &'a str)> {
    let rest = image.strip_prefix(registry)?.strip_prefix('/')?;
    if let Some((name, digest)) = rest.split_once('@') {
        // A tag beside a digest has no effect.
        return Some((name.split_once(':').map_or(name, |(repository, _)| repository), digest));
    }
    Some(rest.split_once(':').unwrap_or((rest, "latest")))
}

fn has_tag(reference: &str) -> bool {
    reference.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

fn digest_of(image: &str, inspected: &ImageInspect) -> Option<String> {
    if let Some((_, digest)) = image.split_once('@') {
        return Some(digest.to_owned());
    }
    let digests = inspected.repo_digests.iter().flatten();
    digests.filter_map(|one| one.split_once('@')).map(|(_, digest)| digest.to_owned()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_our_registry_are_told_from_others() {
        let ours = |image| our_own(image, "127.0.0.1:4566");
        assert_eq!(ours("127.0.0.1:4566/team/app:v1"), Some(("team/app", "v1")));
        assert_eq!(ours("127.0.0.1:4566/app"), Some(("app", "latest")));
        assert_eq!(ours("127.0.0.1:4566/app@sha256:00"), Some(("app", "sha256:00")));
        assert_eq!(ours("127.0.0.1:4566/app:v1@sha256:00"), Some(("app", "sha256:00")));
        assert_eq!(ours("127.0.0.1:45660/app:v1"), None);
        assert_eq!(ours("nginx:1"), None);
    }

    #[test]
    fn a_port_is_no_tag() {
        assert!(!has_tag("localhost:5000/app"));
        assert!(has_tag("localhost:5000/app:1"));
    }

    #[test]
    fn the_engines_words_for_a_wrong_platform_become_awss() {
        let engine = "no match for platform in manifest: not found";
        assert_eq!(refusal("x", "linux/arm64", engine), reasons::no_platform("linux/arm64"));
    }
}

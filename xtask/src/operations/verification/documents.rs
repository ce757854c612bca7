//! The two documents as a deploy would render them, without a call to AWS.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::checks::Unknown;
use crate::checks::facts::Fact;
use crate::ecs::render::{self, Values};
use crate::ecs::{ServiceDocument, TaskDefinition};
use crate::effects::project_files;
use crate::image::ImageName;
use crate::operations::target::Settings;
use crate::plan::local::ACCOUNT;
use crate::project::partition_of;
use crate::release::Release;

/// ECS's documents, or the reason why they are unknown.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Task definition.
    pub definition: Fact<TaskDefinition>,
    /// Service.
    pub service: Fact<ServiceDocument>,
}

/// Renders the documents from the project's templates.
///
/// # Errors
/// Returns the errors of a template: exit code 2.
pub fn documents(root: &Utf8Path, settings: &Settings, release: Option<&Release>) -> anyhow::Result<Documents> {
    if settings.project.services.is_empty() {
        let why = Unknown::new("the project has no service");
        return Ok(Documents { definition: Err(why.clone()), service: Err(why) });
    }
    let (task_definition, service) = project_files::load_templates(root, settings.service())?;
    let account = account(settings);
    let references = references(settings, release);
    let Settings { project, environment, names, .. } = settings;
    // AWS generates the id at the end; no rule evaluates it.
    let group = format!(
        "arn:{}:elasticloadbalancing:{}:{account}:targetgroup/{}/0000000000000000",
        partition_of(&environment.region).name,
        environment.region,
        names.balancer
    );
    let values = Values::new(project, environment, account, &references, Some(&group));
    let (definition, _) = render::released(&task_definition, &values)?;
    let service = render::service(&service, &values)?;
    Ok(Documents { definition: Ok(definition), service: Ok(service) })
}

fn account(settings: &Settings) -> &str {
    settings.environment.account.as_deref().unwrap_or(ACCOUNT)
}

/// Returns every image by digest, as a push references it. An image that is not built gets a placeholder digest: rules
/// of image contents are skipped, the others still run.
fn references(settings: &Settings, release: Option<&Release>) -> BTreeMap<ImageName, String> {
    let environment = &settings.environment;
    let host = match (&environment.registry, &environment.local) {
        (Some(registry), _) => registry.clone(),
        (None, Some(local)) => local.endpoint.to_string(),
        (None, None) => {
            let suffix = partition_of(&environment.region).dns_suffix;
            format!("{}.dkr.ecr.{}.{suffix}", account(settings), environment.region)
        }
    };
    let reference = |name: &ImageName| {
        let built = release.and_then(|release| release.images.get(name)).map(|built| built.digest.to_string());
        let digest = built.unwrap_or_else(|| format!("sha256:{}", "0".repeat(64)));
        format!("{host}/{}/{name}@{digest}", settings.project.name)
    };
    settings.project.images.iter().map(|image| (image.name.clone(), reference(&image.name))).collect()
}

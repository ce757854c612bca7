//! The settings and templates of this repository, for tests.

use std::collections::BTreeMap;

use super::render::Values;
use crate::project::{Environment, EnvironmentName, Project, parse};

/// Template of the task definition.
pub(crate) const TASK_DEFINITION: &str = include_str!("../../../infra/task-definition.json");

/// Template of the service.
pub(crate) const SERVICE: &str = include_str!("../../../infra/service.json");

/// Returns the project.
pub(crate) fn project() -> Project {
    parse::project(include_str!("../../../infra/slipway.toml")).unchecked().unwrap()
}

/// Returns one of its environments.
pub(crate) fn environment(name: EnvironmentName) -> Environment {
    let text = match name.as_str() {
        "dev" => include_str!("../../../infra/environments/dev.toml"),
        "staging" => include_str!("../../../infra/environments/staging.toml"),
        "production" => include_str!("../../../infra/environments/production.toml"),
        _ => include_str!("../../../infra/environments/local.toml"),
    };
    parse::environment(name, text, &project()).unwrap()
}

/// Returns one of its environments, by the text of its name.
pub(crate) fn environment_named(name: &str) -> Environment {
    environment(name.parse().unwrap())
}

/// Returns the values of placeholders in an environment, with made-up image digests.
pub(crate) fn values(name: EnvironmentName) -> Values {
    let reference = |image: &str, digit: &str| {
        (image.parse().unwrap(), format!("registry.test/linkbio/{image}@sha256:{}", digit.repeat(64)))
    };
    let images = BTreeMap::from([reference("app", "a"), reference("nginx", "b")]);
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/linkbio/0123456789abcdef";
    Values::new(&project(), &environment(name), "123456789012", &images, Some(arn))
}

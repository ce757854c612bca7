//! Variables and secrets: complete, unique, correct for the environment, and no secret in plain text.

use std::collections::BTreeSet;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, quoted, unknown};
use super::super::{Rule, Scope};
use crate::ecs::ContainerDefinition;
use crate::plan::local::ACCOUNT;

/// Variables that Django's settings require (app/README.md), beside the database.
const REQUIRED: [&str; 3] = ["SLIPWAY_ENVIRONMENT", "SECRET_KEY", "ALLOWED_HOSTS"];

/// Variables that replace `DATABASE_URL`.
const DATABASE_PARTS: [&str; 4] = ["DB_HOST", "DB_NAME", "DB_USER", "DB_PASSWORD"];

/// Words in the names of secret variables.
const SECRET_WORDS: [&str; 8] =
    ["SECRET", "PASSWORD", "PASSWD", "TOKEN", "KEY", "CREDENTIAL", "CREDENTIALS", "PASSPHRASE"];

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "app-variables",
        "Django's container has every variable that its settings require",
        complete,
    ),
    Rule::new(Scope::Environment, "variable-twice", "no variable of a container is defined twice", twice),
    Rule::new(
        Scope::Environment,
        "secret-in-environment",
        "no secret is in a task definition, which everyone in the account can read",
        in_plain_sight,
    ),
    Rule::new(
        Scope::Environment,
        "secret-place",
        "references of secrets are in the environment's own region and account",
        place,
    ),
    Rule::new(Scope::Environment, "environment-name", "Django receives the name of its environment", environment_name),
    Rule::new(
        Scope::Environment,
        "release-variable",
        "Django receives its release, which its health check returns",
        release,
    ),
    Rule::new(Scope::Environment, "debug-off", "no setting for developers is on outside of `local`", debug_off),
    Rule::new(
        Scope::Environment,
        "allowed-hosts",
        "Django answers to the environment's domain, and not to every name",
        allowed_hosts,
    ),
];

/// Returns whether a variable's name implies a secret value.
pub(super) fn looks_secret(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.split('_').any(|word| SECRET_WORDS.contains(&word))
}

/// Returns whether a variable is on, by the rule of Django's settings.
pub(super) fn is_on(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
}

fn names(container: &ContainerDefinition) -> BTreeSet<&str> {
    let plain = container.environment.iter().filter(|one| !one.value.trim().is_empty()).map(|one| one.name.as_str());
    plain.chain(container.secrets.iter().map(|one| one.name.as_str())).collect()
}

fn complete(facts: &Facts<'_>) -> Judgement {
    let (app, _) = facts.app_container()?;
    let has = names(app);
    let mut problems = Problems::default();
    for missing in REQUIRED.iter().filter(|name| !has.contains(**name)) {
        let text = format!("container `{}` has no `{missing}`, and Django does not start without it", app.name);
        problems.fail(text, "add it to `[variables]` or `[secrets]` of the environment");
    }
    let parts: Vec<&str> = DATABASE_PARTS.iter().filter(|name| !has.contains(**name)).copied().collect();
    if !has.contains("DATABASE_URL") && !parts.is_empty() {
        let missing = if parts.len() == DATABASE_PARTS.len() { "`DATABASE_URL`".to_owned() } else { quoted(parts) };
        let text = format!("container `{}` has no {missing}, and Django does not start without a database", app.name);
        problems.fail(text, "add `DATABASE_URL` to `[secrets]` of the environment");
    }
    problems.or(format!("container `{}` has what Django asks for", app.name))
}

fn twice(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for container in facts.containers()? {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for name in
            container.environment.iter().map(|one| &one.name).chain(container.secrets.iter().map(|one| &one.name))
        {
            if !seen.insert(name) {
                let is_secret = container.secrets.iter().any(|one| one.name == *name);
                let how =
                    if is_secret && container.variable(name).is_some() { "plainly and as a secret" } else { "twice" };
                let text = format!("container `{}` is given `{name}` {how}", container.name);
                problems.fail(text, "remove one of the two");
            }
        }
    }
    problems.or("each variable is given once")
}

fn in_plain_sight(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for variable in &container.environment {
            let has_password = variable.value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
            let in_address = has_password.is_some_and(|(user, _)| user.contains(':') && !user.contains('/'));
            if !variable.value.is_empty() && (looks_secret(&variable.name) || in_address) {
                let text = format!("container `{}` is given `{}` in plain sight", container.name, variable.name);
                problems
                    .fail(text, "move it to `[secrets]` of the environment and change its value, which has been seen");
            }
        }
    }
    problems.or("no variable in plain sight looks like a secret")
}

fn place(facts: &Facts<'_>) -> Judgement {
    let environment = facts.environment;
    // An environment without an account uses the emulator's.
    let account = environment.account.as_deref().unwrap_or(ACCOUNT);
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        for secret in &container.secrets {
            count += 1;
            let mut parts = secret.value_from.split(':');
            if parts.next() != Some("arn") {
                // A name is resolved in the region of the task.
                continue;
            }
            let (service, region, owner) = (parts.nth(1), parts.next(), parts.next());
            if !matches!(service, Some("ssm" | "secretsmanager")) {
                let text = format!(
                    "`{}` of `{}` is a reference to {}",
                    secret.name,
                    container.name,
                    service.unwrap_or("nothing")
                );
                problems.fail(text, "refer to a parameter of SSM or a secret of Secrets Manager");
            } else if region != Some(environment.region.as_str()) || owner != Some(account) {
                let (region, owner) = (region.unwrap_or_default(), owner.unwrap_or_default());
                problems.fail(
                    format!(
                        "`{}` of `{}` is in {region} of {owner}, and `{}` is in {} of {account}",
                        secret.name, container.name, environment.name, environment.region
                    ),
                    "copy it to the environment's own region and account",
                );
            }
        }
    }
    if count == 0 {
        return unknown("no container has secrets");
    }
    problems.or(format!("secrets are in {} of {account}, {count} in all", environment.region))
}

fn environment_name(facts: &Facts<'_>) -> Judgement {
    let (app, _) = facts.app_container()?;
    let found = app.variable("SLIPWAY_ENVIRONMENT").unwrap_or_default();
    let wanted = facts.environment.name.as_str();
    let mut problems = Problems::default();
    if found != wanted {
        let text = format!("container `{}` gets the environment `{found}`, and it runs in `{wanted}`", app.name);
        problems.fail(text, "give it `SLIPWAY_ENVIRONMENT` from \"{{ environment }}\"");
    }
    problems.or(format!("Django knows that it is in `{wanted}`"))
}

fn release(facts: &Facts<'_>) -> Judgement {
    let (app, _) = facts.app_container()?;
    let mut problems = Problems::default();
    if app.variable("SLIPWAY_RELEASE").is_none_or(str::is_empty) {
        let text = format!("container `{}` does not get its release: its health check cannot name it", app.name);
        problems.fail(text, "give it `SLIPWAY_RELEASE` from \"{{ release }}\"");
    }
    problems.or(format!("health answers `{}`", app.variable("SLIPWAY_RELEASE").unwrap_or_default()))
}

fn debug_off(facts: &Facts<'_>) -> Judgement {
    if facts.environment.name.is_local() {
        return unknown("`local` is for developers");
    }
    let mut problems = Problems::default();
    for container in facts.containers()? {
        for name in ["DEBUG", "DJANGO_DEBUG", "SLIPWAY_TEST_ENDPOINTS"] {
            if container.variable(name).is_some_and(is_on) {
                let text =
                    format!("`{name}` is on in container `{}`: it shows what visitors must not see", container.name);
                problems.fail(text, format!("remove `{name}` from `[variables]` of the environment"));
            }
        }
    }
    problems.or("no switch of a developer is on")
}

fn allowed_hosts(facts: &Facts<'_>) -> Judgement {
    let (app, _) = facts.app_container()?;
    let Some(listed) = app.variable("ALLOWED_HOSTS") else { return unknown("`ALLOWED_HOSTS` is not a plain variable") };
    let hosts: Vec<&str> = listed.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    let mut problems = Problems::default();
    let is_open = hosts.contains(&"*");
    if is_open && !facts.environment.name.is_local() {
        problems.fail("`ALLOWED_HOSTS` is `*`: Django believes any host name", "name the domain in `ALLOWED_HOSTS`");
    }
    let wanted = match (&facts.environment.domain, &facts.environment.local) {
        (Some(domain), _) => domain.clone(),
        (None, Some(local)) => local.balancer.ip().to_string(),
        (None, None) => return unknown("the environment has no domain"),
    };
    let takes = |host: &&str| {
        // Django: a leading dot matches the domain and its subdomains.
        let below = host.strip_prefix('.').is_some_and(|parent| wanted == parent || wanted.ends_with(*host));
        host.eq_ignore_ascii_case(&wanted) || below
    };
    if !is_open && !hosts.iter().any(takes) {
        let text = format!("`ALLOWED_HOSTS` does not have `{wanted}`: every visitor gets a 400");
        problems.fail(text, format!("add `{wanted}` to `ALLOWED_HOSTS` in `[variables]`"));
    }
    problems.or(format!("Django answers to `{wanted}`"))
}

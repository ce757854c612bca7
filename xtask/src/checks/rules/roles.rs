//! Permissions: the execution role, the task role, and the user of the containers.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};
use crate::plan::local::ACCOUNT;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "execution-role",
        "a role to pull images, read secrets and write logs exists where a task needs it",
        execution,
    ),
    Rule::new(Scope::Environment, "role-separation", "the task role and the execution role differ", separation),
    Rule::new(Scope::Environment, "role-account", "roles are in the environment's account", account),
    Rule::new(Scope::Environment, "container-user", "no container runs as root, whatever its image declares", user),
];

fn execution(facts: &Facts<'_>) -> Judgement {
    let view = facts.task()?.view();
    let containers = &view.container_definitions;
    let mut needs = Vec::new();
    if containers.iter().any(|container| !container.secrets.is_empty()) {
        needs.push("secrets");
    }
    if containers.iter().any(|one| one.log_configuration.as_ref().is_some_and(|log| log.log_driver == "awslogs")) {
        needs.push("logs");
    }
    if containers.iter().any(|container| container.image.contains(".dkr.ecr.")) {
        needs.push("images of ECR");
    }
    let mut problems = Problems::default();
    if view.execution_role_arn.as_deref().is_none_or(str::is_empty) && !needs.is_empty() {
        let text = format!("the task uses {} and has no role to get at them", needs.join(", "));
        problems.fail(text, "write \"executionRoleArn\": \"{{ roles.execution }}\"");
    }
    problems.or(format!(
        "the execution role is for {}",
        if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") }
    ))
}

fn separation(facts: &Facts<'_>) -> Judgement {
    let view = facts.task()?.view();
    let mut problems = Problems::default();
    if let (Some(task), Some(execution)) = (&view.task_role_arn, &view.execution_role_arn)
        && task == execution
    {
        let text = "the app has the role that starts it, and so can read every secret of the task";
        problems.fail(text, "write \"taskRoleArn\": \"{{ roles.task }}\"");
    }
    problems.or("the app has a role of its own, or none")
}

fn account(facts: &Facts<'_>) -> Judgement {
    let wanted = facts.environment.account.as_deref().unwrap_or(ACCOUNT);
    let view = facts.task()?.view();
    let mut problems = Problems::default();
    for (key, role) in [("executionRoleArn", &view.execution_role_arn), ("taskRoleArn", &view.task_role_arn)] {
        let Some(role) = role else { continue };
        let owner = role.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3));
        if let Some(owner) = owner.filter(|owner| *owner != wanted) {
            let text = format!("`{key}` is of the account {owner}, and `{}` is in {wanted}", facts.environment.name);
            problems.fail(text, "ECS takes roles of its own account only");
        }
    }
    problems.or(format!("the roles are of {wanted}"))
}

fn user(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut known = 0;
    for container in facts.containers()? {
        let image = facts.image_name(container).and_then(|name| facts.images.get(name)?.as_ref().ok());
        let user = container.user.as_deref().or(image.map(|image| image.config.user.as_str()));
        let Some(user) = user else { continue };
        known += 1;
        if matches!(user.split(':').next(), None | Some("" | "0" | "root")) {
            problems.fail(format!("container `{}` runs as root", container.name), "remove `user`, or name another one");
        }
    }
    if known == 0 {
        return unknown("it is not known as whom the containers run");
    }
    problems.or(format!("{known} containers run as users that are not root"))
}

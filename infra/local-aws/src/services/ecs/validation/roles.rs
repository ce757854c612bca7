//! Validation of the roles of a task definition.

use super::super::refused;
use super::is_ecr_image;
use crate::error::Answer;
use crate::settings::{ACCOUNT, Settings};
use crate::store::ecs::Ecs;
use crate::store::task_definition::TaskDefinition;

/// Checks the names of roles, and that none is missing.
pub(super) fn check(definition: &TaskDefinition, settings: &Settings) -> Answer<()> {
    for role in [&definition.task_role_arn, &definition.execution_role_arn].into_iter().flatten() {
        if name(role).is_none() {
            return Err(refused("Role is not valid"));
        }
    }
    if definition.execution_role_arn.is_some() {
        return Ok(());
    }
    for container in &definition.container_definitions {
        if !container.secrets.is_empty() {
            return Err(refused(
                "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
            ));
        }
        let needs = |what: &str| {
            refused(format!("Fargate requires task definition to have execution role ARN to support {what}."))
        };
        if let Some(log) = &container.log_configuration {
            return Err(needs(&format!("log driver {}", log.log_driver)));
        }
        if is_ecr_image(&container.image, settings) {
            return Err(needs("ECR images"));
        }
    }
    Ok(())
}

/// Checks that the roles exist, as AWS does when tasks are started.
pub(in super::super) fn check_usable(ecs: &Ecs, task_role: Option<&str>, execution_role: Option<&str>) -> Answer<()> {
    for role in [task_role, execution_role].into_iter().flatten() {
        let account = role.split(':').nth(4).unwrap_or(ACCOUNT);
        if account != ACCOUNT {
            return Err(refused("Cross-account pass role is not allowed."));
        }
        if !name(role).is_some_and(|name| ecs.roles.iter().any(|known| known == name)) {
            return Err(refused(format!(
                "ECS was unable to assume the role '{role}' that was provided for this task. Please verify that the role being \
                 passed has the proper trust relationship and permissions and that your IAM user has permissions to pass this \
                 role."
            )));
        }
    }
    Ok(())
}

/// The name of a role, given by name or by ARN, which may have a path.
fn name(role: &str) -> Option<&str> {
    let name = match role.strip_prefix("arn:aws:iam::") {
        Some(rest) => {
            let (account, path) = rest.split_once(":role/")?;
            let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
            path.rsplit('/').next().filter(|_| is_account)?
        }
        None => role,
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    // IAM: at most 64 characters.
    ((1..=64).contains(&name.len()) && name.bytes().all(allowed)).then_some(name)
}

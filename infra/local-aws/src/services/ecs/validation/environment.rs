//! Variables and secrets.

use std::collections::BTreeSet;

use super::super::refused;
use crate::error::{Answer, AwsError};
use crate::store::task_definition::ContainerDefinition;

pub(super) fn check(container: &ContainerDefinition) -> Answer<()> {
    let mut names = BTreeSet::new();
    for variable in &container.environment {
        check_name(&variable.name)?;
        if !names.insert(&variable.name) {
            return Err(refused(format!("The environment variable name must be unique, unlike '{}'.", variable.name)));
        }
    }
    for secret in &container.secrets {
        check_name(&secret.name)?;
        if !names.insert(&secret.name) {
            return Err(refused(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the \
                 container, such as '{}'.",
                secret.name
            )));
        }
        let from = secret.value_from.as_str();
        if from.is_empty() {
            return Err(refused(format!("The value of the secret '{}' comes from nowhere.", secret.name)));
        }
        if from.starts_with("arn:") && from.contains(":secretsmanager:") {
            return Err(AwsError::unsupported("A secret of Secrets Manager"));
        }
        if from.starts_with("arn:") && !from.contains(":parameter/") {
            return Err(refused(format!("Invalid ARN of the secret '{}': {from}", secret.name)));
        }
    }
    Ok(())
}

/// A name that a process can be given.
fn check_name(name: &str) -> Answer<()> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(refused(format!("'{name}' is no name of an environment variable.")));
    }
    Ok(())
}

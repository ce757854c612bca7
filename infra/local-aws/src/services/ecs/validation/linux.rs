//! Capabilities, limits of processes, kernel parameters.

use std::collections::BTreeSet;

use aws_facts::task_definition::{ADDABLE_CAPABILITY, CAPABILITIES, SETTABLE_ULIMIT, ULIMITS, is_task_control};

use super::super::refused;
use crate::error::Answer;
use crate::store::task_definition::ContainerDefinition;

pub(super) fn check(container: &ContainerDefinition) -> Answer<()> {
    let name = &container.name;
    let about = |what: String| Err(refused(format!("Invalid setting for container '{name}'. {what}")));
    if let Some(capabilities) = container.linux_parameters.as_ref().and_then(|found| found.capabilities.as_ref()) {
        for given in capabilities.add.iter().chain(&capabilities.drop) {
            if !CAPABILITIES.contains(&given.as_str()) {
                return about(format!("'{given}' is no Linux capability."));
            }
        }
        if let Some(given) = capabilities.add.iter().find(|given| *given != ADDABLE_CAPABILITY) {
            return about(format!("Fargate lets the capability {ADDABLE_CAPABILITY} be added only, not '{given}'."));
        }
    }
    let mut seen = BTreeSet::new();
    for limit in &container.ulimits {
        if !ULIMITS.contains(&limit.name.as_str()) {
            return about(format!("'{}' is no ulimit.", limit.name));
        }
        if limit.name != SETTABLE_ULIMIT {
            return about(format!("Fargate lets the ulimit {SETTABLE_ULIMIT} be set only, not '{}'.", limit.name));
        }
        if limit.soft_limit < 0 || limit.hard_limit < limit.soft_limit {
            return about(format!("The soft limit of '{}' must be between 0 and the hard limit.", limit.name));
        }
        if !seen.insert(&limit.name) {
            return about(format!("The ulimit '{}' is there more than once.", limit.name));
        }
    }
    let mut seen = BTreeSet::new();
    for control in &container.system_controls {
        let namespace = control.namespace.as_str();
        if !is_task_control(namespace) {
            return about(format!("The system control '{namespace}' is not supported in the network mode awsvpc."));
        }
        if control.value.is_empty() {
            return about(format!("The system control '{namespace}' has no value."));
        }
        if !seen.insert(namespace) {
            return about(format!("The system control '{namespace}' is there more than once."));
        }
    }
    Ok(())
}

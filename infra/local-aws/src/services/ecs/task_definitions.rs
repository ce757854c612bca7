//! Task definitions: described, listed, deregistered, deleted. Registering them is `register`'s.

pub(super) mod register;

use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Page;
use super::{failure, includes, input, invalid, one_of, reference, refused, with_token};
use crate::emulator::Emulator;
use crate::error::Answer;
use crate::store::ecs::Ecs;
use crate::store::task::TaskStatus;
use crate::store::task_definition::TaskDefinition;
use crate::time::Timestamp;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Describe {
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

pub(super) fn describe(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Describe { task_definition, include } = input::members(given)?;
    let with_tags = includes(&include, &["TAGS"])?.contains(&"TAGS");
    let named = reference::definition(&emulator.settings, &task_definition)?;
    emulator.store.read(|state| {
        let revision = named.find(&state.ecs).ok_or_else(|| refused("Unable to describe task definition."))?;
        let mut answer = json!({ "taskDefinition": revision.definition });
        if with_tags {
            answer["tags"] = json!(revision.tags);
        }
        Ok(answer)
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    family_prefix: Option<String>,
    status: Option<String>,
    sort: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn list(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let List { family_prefix, status, sort, max_results, next_token } = input::members(given)?;
    let status = status.as_deref().unwrap_or("ACTIVE");
    one_of("status", status, &["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"])?;
    let sort = sort.as_deref().unwrap_or("ASC");
    one_of("sort", sort, &["ASC", "DESC"])?;
    let mut arns = emulator.store.read(|state| {
        // Despite its name, AWS takes the whole name of one family here.
        let wanted = |family: &str| family_prefix.as_deref().is_none_or(|given| given.is_empty() || given == family);
        let families = state.ecs.families.iter().filter(|(name, _)| wanted(name));
        let revisions = families.flat_map(|(_, family)| family.revisions.values());
        let fitting = revisions.filter(|revision| revision.definition.status == status);
        fitting.map(|revision| revision.definition.task_definition_arn.clone()).collect::<Vec<_>>()
    });
    if sort == "DESC" {
        arns.reverse();
    }
    let (arns, next) = Page { max_results, next_token }.of("ListTaskDefinitions", arns, |arn| arn, (100, 100))?;
    Ok(with_token(json!({ "taskDefinitionArns": arns }), next))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListFamilies {
    family_prefix: Option<String>,
    status: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn list_families(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let ListFamilies { family_prefix, status, max_results, next_token } = input::members(given)?;
    let status = status.as_deref().unwrap_or("ALL");
    one_of("status", status, &["ACTIVE", "INACTIVE", "ALL"])?;
    let prefix = family_prefix.unwrap_or_default();
    let names = emulator.store.read(|state| {
        let families = state.ecs.families.iter().filter(|(name, _)| name.starts_with(&prefix));
        let fitting = families.filter(|(_, family)| {
            let active = family.revisions.values().any(|revision| revision.definition.status == "ACTIVE");
            !family.revisions.is_empty() && (status == "ALL" || active == (status == "ACTIVE"))
        });
        fitting.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    });
    let (families, next) =
        Page { max_results, next_token }.of("ListTaskDefinitionFamilies", names, |name| name, (100, 100))?;
    Ok(with_token(json!({ "families": families }), next))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Deregister {
    task_definition: String,
}

pub(super) fn deregister(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Deregister { task_definition } = input::members(given)?;
    let named = reference::definition(&emulator.settings, &task_definition)?;
    let number = named.revision.ok_or_else(|| refused("Revision is missing."))?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let family = state.ecs.families.get_mut(&named.family);
        let revision = family.and_then(|family| family.revisions.get_mut(&number));
        let definition =
            &mut revision.ok_or_else(|| refused("The specified task definition does not exist."))?.definition;
        // Services and tasks that use it go on.
        if definition.status == "ACTIVE" {
            definition.status = "INACTIVE".into();
            definition.deregistered_at = Some(now);
        }
        Ok(json!({ "taskDefinition": definition }))
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Delete {
    task_definitions: Vec<String>,
}

/// AWS: at most 10 a call.
const MOST_DELETED: usize = 10;

pub(super) fn delete(emulator: &Emulator, given: &Value) -> Answer<Value> {
    let Delete { task_definitions } = input::members(given)?;
    if task_definitions.is_empty() {
        return Err(invalid("size of TaskDefinition references list must be greater than 0"));
    }
    if task_definitions.len() > MOST_DELETED {
        return Err(invalid(format!("Size of TaskDefinition references list cannot exceed {MOST_DELETED}")));
    }
    let named = task_definitions.iter().map(|given| {
        let named = reference::definition(&emulator.settings, given)?;
        let number = named.revision.ok_or_else(|| refused("Revision is missing."))?;
        Ok((named.family, number))
    });
    let named = named.collect::<Answer<Vec<_>>>()?;
    let now = Timestamp::now();
    emulator.store.write(|state| {
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for (family, number) in named {
            let arn = emulator.settings.arn("ecs", &format!("task-definition/{family}:{number}"));
            let found = state.ecs.families.get_mut(&family).and_then(|family| family.revisions.get_mut(&number));
            let Some(definition) = found.map(|revision| &mut revision.definition) else {
                failures.push(failure(&arn));
                continue;
            };
            if definition.status == "ACTIVE" {
                let reason = "The specified task definition is still in ACTIVE status. Please deregister the target and \
                              try again.";
                failures.push(json!({ "arn": arn, "reason": reason }));
                continue;
            }
            definition.status = "DELETE_IN_PROGRESS".into();
            let mut answer = json!(definition);
            answer["deleteRequestedAt"] = json!(now);
            deleted.push(answer);
        }
        sweep(&mut state.ecs);
        Ok(json!({ "taskDefinitions": deleted, "failures": failures }))
    })
}

/// Removes what is to be deleted and is no longer named by a task or a service. Their numbers stay taken.
fn sweep(ecs: &mut Ecs) {
    let Ecs { families, services, tasks, .. } = ecs;
    let used = |definition: &TaskDefinition| {
        let arn = &definition.task_definition_arn;
        tasks.values().any(|task| task.task_definition == *arn && task.last_status != TaskStatus::Stopped)
            || services.values().any(|service| {
                service.status != "INACTIVE"
                    && (service.task_definition == *arn
                        || service.deployments.iter().any(|deployment| deployment.task_definition == *arn)
                        || service.service_revisions.iter().any(|revision| revision.task_definition == *arn))
            })
    };
    for family in families.values_mut() {
        family
            .revisions
            .retain(|_, revision| revision.definition.status != "DELETE_IN_PROGRESS" || used(&revision.definition));
    }
}

//! `[services.<name>]` of the project, and what an environment changes of each. Not here: the release phase's own table
//! (`serving`), what a service is called on AWS (`project::names`).

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Environment, OnFailure, Project, ProjectService, ServiceOverrides};
use super::paths::NamedPath;
use super::problems::{listed, quoted};
use super::table::{Entry, Table};
use super::{environments, images, serving, sizes, suggestions, variables};
use crate::image::ImageName;

/// All services in the order of a rollout. `main` is the key `main-service` of `[project]`.
pub(super) fn services(
    root: &mut Table<'_>,
    main: Option<&Entry<'_>>,
    images: &[&str],
    paths: &mut Vec<NamedPath>,
) -> Option<Vec<ProjectService>> {
    let is_replaced = refuse_replaced_tables(root);
    let Some(tables) = root.table("services") else {
        if let Some(entry) = main {
            entry.refuse("there is no service", "without `[services.<name>]`, leave `main-service` out");
        }
        return (!is_replaced).then(Vec::new);
    };
    let names: Vec<&str> = tables.entries().iter().map(|entry| entry.key).collect();
    let main = main_service(&tables, main, &names);
    let read = tables.entries().iter().map(|entry| service(entry, main, &names, images, paths));
    let read: Vec<Option<ProjectService>> = read.collect();
    let services = ordered(&tables, read.into_iter().collect::<Option<Vec<_>>>()?)?;
    (main.is_some() && !is_replaced).then_some(services)
}

/// `[service]` and `[release]` of earlier versions, each with the lines to write instead.
fn refuse_replaced_tables(root: &mut Table<'_>) -> bool {
    let mut found = false;
    for (key, table) in [("service", "[services.web]"), ("release", "[services.web.release]")] {
        let Some(entry) = root.replaced(key) else { continue };
        found = true;
        let hint = format!("write `{table}` instead of `[{key}]` and keep the lines below it");
        entry.refuse_key(format!("`[{key}]` was replaced by `{table}`: a project has any number of services"), hint);
    }
    found
}

fn main_service<'n>(tables: &Table<'_>, main: Option<&Entry<'_>>, names: &[&'n str]) -> Option<&'n str> {
    match (main, names) {
        (_, []) => {
            tables.refuse("there is no service", "add a `[services.<name>]` table, such as `[services.web]`");
            None
        }
        (None, [only]) => Some(only),
        (None, [first, ..]) => {
            let message = format!("`main-service` is missing: the project has the services {}", listed(names));
            let hint =
                format!("add `main-service = \"{first}\"` to `[project]`: that service has the project's name on AWS");
            tables.refuse(message, hint);
            None
        }
        (Some(entry), _) => known(entry, entry.string()?, names),
    }
}

/// The name of a service that exists.
fn known<'n>(entry: &Entry<'_>, name: &str, names: &[&'n str]) -> Option<&'n str> {
    let found = names.iter().copied().find(|known| *known == name);
    if found.is_none() {
        let hint = suggestions::hint(name, names.iter().copied(), format!("the services are {}", listed(names)));
        entry.refuse(format!("there is no service {}", quoted(name)), hint);
    }
    found
}

fn service(
    entry: &Entry<'_>,
    main: Option<&str>,
    names: &[&str],
    images: &[&str],
    paths: &mut Vec<NamedPath>,
) -> Option<ProjectService> {
    let is_name = entry.key.parse::<ImageName>().is_ok();
    if !is_name {
        let hint = "lower-case letters, digits and single hyphens, a letter first";
        entry.refuse_key(format!("{} is not the name of a service", quoted(entry.key)), hint);
    }
    let label = format!("services.{}", entry.key);
    let mut table = entry.table(format!("[{label}]"))?;
    let task = table.required("task-definition", "`task-definition = \"infra/task-definition.json\"`");
    let service = table.required("service", "`service = \"infra/service.json\"`");
    let after = table.optional("after");
    let on_failure = table.optional("on-failure");
    let release = serving::release(&mut table, &format!("[{label}.release]"), images);
    table.finish();
    let task_definition = task.and_then(|entry| images::document(&entry, paths));
    let service = service.and_then(|entry| images::document(&entry, paths));
    let after = after.map_or(Some(BTreeSet::new()), |entry| after_others(&entry, names));
    let on_failure = on_failure.map_or(Some(OnFailure::RollBackAll), |entry| self::on_failure(&entry));
    Some(ProjectService {
        name: is_name.then(|| entry.key.to_owned())?,
        is_main: main == Some(entry.key),
        task_definition: task_definition?,
        service: service?,
        after: after?,
        on_failure: on_failure?,
        release: release?,
    })
}

fn after_others(entry: &Entry<'_>, names: &[&str]) -> Option<BTreeSet<String>> {
    let elements = entry.array()?;
    // Every element is judged before the first wrong one ends the list.
    let read: Vec<Option<&str>> =
        elements.iter().map(|element| element.string().and_then(|name| known(element, name, names))).collect();
    read.into_iter().map(|name| name.map(str::to_owned)).collect()
}

fn on_failure(entry: &Entry<'_>) -> Option<OnFailure> {
    let text = entry.string()?;
    let found = OnFailure::ALL.into_iter().find(|policy| policy.as_str() == text);
    if found.is_none() {
        let known = OnFailure::ALL.map(OnFailure::as_str);
        let hint = suggestions::hint(text, known, format!("the policies are {}", listed(&known)));
        entry.refuse(format!("unknown policy {}", quoted(text)), hint);
    }
    found
}

/// Each service after those that it names, services without a relation by name.
fn ordered(tables: &Table<'_>, mut rest: Vec<ProjectService>) -> Option<Vec<ProjectService>> {
    rest.sort_by(|one, other| one.name.cmp(&other.name));
    let mut done: Vec<ProjectService> = Vec::new();
    while !rest.is_empty() {
        let is_next =
            |service: &ProjectService| service.after.iter().all(|name| done.iter().any(|one| one.name == *name));
        if let Some(next) = rest.iter().position(is_next) {
            done.push(rest.remove(next));
            continue;
        }
        let names: Vec<&str> = rest.iter().map(|service| service.name.as_str()).collect();
        let first = tables.entries().iter().find(|entry| names.contains(&entry.key))?;
        let message = match names.as_slice() {
            [only] => format!("the service `{only}` waits for itself"),
            _ => format!("services wait for each other in a circle: {}", listed(&names)),
        };
        first.refuse_key(message, "take a name out of an `after` list");
        return None;
    }
    Some(done)
}

/// `[services.<name>]` of an environment's file.
pub(super) fn overrides(root: &mut Table<'_>, project: &Project) -> BTreeMap<String, ServiceOverrides> {
    let Some(tables) = root.table("services") else { return BTreeMap::new() };
    let names: Vec<&str> = project.services.iter().map(|service| service.name.as_str()).collect();
    let mut overrides = BTreeMap::new();
    for entry in tables.entries() {
        if !names.contains(&entry.key) {
            let hint =
                suggestions::hint(entry.key, names.iter().copied(), format!("the services are {}", listed(&names)));
            entry.refuse_key(format!("there is no service {}", quoted(entry.key)), hint);
        }
        let Some(mut table) = entry.table(format!("[services.{}]", entry.key)) else { continue };
        let cpu = table.optional("cpu").and_then(|entry| entry.integer(1..=sizes::MOST_CPU, ", in CPU units"));
        let memory =
            table.optional("memory").and_then(|entry| entry.integer(1..=sizes::MOST_MEMORY, ", in MiB without a unit"));
        let count = table.optional("count").and_then(|entry| entry.integer(1..=environments::MOST_TASKS, ""));
        let service = table.optional("service").and_then(|entry| environments::ecs_name(&entry));
        let plain = table.table("variables");
        let secret = table.table("secrets");
        let variables = plain.as_ref().map(variables::variables).unwrap_or_default();
        let secrets = secret.as_ref().map(|table| environments::secrets(table, plain.as_ref())).unwrap_or_default();
        table.finish();
        overrides.insert(entry.key.to_owned(), ServiceOverrides { cpu, memory, count, service, variables, secrets });
    }
    overrides
}

/// Refuses what no environment can have: two services of one name on AWS, a size that Fargate does not offer, and
/// a number of tasks that no deployment can replace.
pub(super) fn check(root: &Table<'_>, project: &Project, environment: &Environment) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let tables = root.entries().iter().find(|entry| entry.key == "services");
    let tables = tables.filter(|entry| entry.is_table()).and_then(|entry| entry.table("[services]"));
    for service in &project.services {
        let of_service = environment.for_service(project, service);
        let entry = tables.iter().flat_map(Table::entries).find(|entry| entry.key == service.name);
        let refuse = |message: String, hint: &str| match (entry, root.entries().first()) {
            (Some(entry), _) | (None, Some(entry)) => entry.refuse_key(message, hint),
            (None, None) => root.refuse(message, hint),
        };
        if let Some(other) = taken.insert(of_service.service.clone(), &service.name) {
            let message =
                format!("the services `{other}` and `{}` are both called `{}`", service.name, of_service.service);
            refuse(message, "give one of them another name: `service = \"...\"` under `[services.<name>]`");
        }
        let (cpu, memory) = (of_service.cpu, of_service.memory);
        let is_changed = (cpu, memory) != (environment.cpu, environment.memory);
        if is_changed && !sizes::memories(cpu).is_some_and(|memories| memories.contains(&memory)) {
            let message = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB");
            let hint = match sizes::memories(cpu) {
                Some(memories) => format!("with {cpu} CPU units, `memory` is {}", sizes::described(&memories)),
                None => format!("`cpu` is {}", listed(&sizes::cpus().map(|cpu| cpu.to_string()).collect::<Vec<_>>())),
            };
            refuse(message, &hint);
        }
        let strategy = environment.strategy;
        let is_other = of_service.count != environment.count;
        if is_other
            && environments::is_stuck(strategy.minimum_healthy_percent, strategy.maximum_percent, of_service.count)
        {
            let message = format!("no deployment of `{}` can begin with `count = {}`", service.name, of_service.count);
            refuse(message, "raise `maximum-percent` (200 always works) or lower `minimum-healthy-percent`");
        }
    }
}

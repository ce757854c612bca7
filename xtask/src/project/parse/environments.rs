//! `infra/environments/<name>.toml`, but for its base images (`bases`) and the substitute (`local`).

use std::collections::BTreeMap;

use super::super::{Environment, EnvironmentName, Project, Strategy};
use super::problems::{listed, quoted};
use super::table::{Entry, Table};
use super::{bases, images, local, network, overrides, references, regions, services, sizes, suggestions, variables};
use crate::error::Failure;

/// Longest name of a cluster or service (Amazon ECS API, CreateCluster and CreateService: 255 characters).
const ECS_NAME: usize = 255;

/// Most tasks of one service (Amazon ECS service quotas: 5000).
pub(super) const MOST_TASKS: u32 = 5000;

/// Most connections of a server (PostgreSQL's `max_connections`, whose limit is MAX_BACKENDS: 2^18 - 1).
const MOST_CONNECTIONS: u32 = 262_143;

/// Size and count of the tasks.
struct Task {
    cpu: u32,
    memory: u32,
    count: u32,
}

/// The whole file.
pub(super) fn environment(name: EnvironmentName, mut root: Table<'_>, project: &Project) -> Option<Environment> {
    // `extends` was followed before the tables were merged.
    root.optional("extends");
    template(name, &mut root);
    let protected = root.optional("protected").map_or(Some(false), |entry| entry.boolean());
    let platform = root.optional("platform").map(|entry| images::platform(&entry));
    let images = overrides::images(&mut root, project);
    let region = root.required("region", "where it runs: `region = \"eu-central-1\"`").and_then(|e| region(&e));
    let account = account(name, &mut root);
    let cluster = root.optional("cluster").map(|entry| ecs_name(&entry));
    let service = root.optional("service").map(|entry| ecs_name(&entry));
    let domain = root.optional("domain").and_then(|entry| {
        let hint = "a host name in lower case, without `https://`: `links.example.com`";
        shaped(&entry, references::is_domain, "a domain", hint)
    });
    let endpoint = root.optional("endpoint").and_then(|entry| {
        let hint = "scheme, host and port, nothing behind them: `http://127.0.0.1:4566`";
        shaped(&entry, references::is_endpoint, "an endpoint", hint)
    });
    let registry = root.optional("registry").and_then(|entry| {
        let hint = "host and port, without `https://`: `127.0.0.1:5000`";
        shaped(&entry, references::is_registry, "a registry", hint)
    });
    let sizes = root.required("task", "add a `[task]` table with `cpu`, `memory` and `count`");
    let task = sizes.and_then(|entry| entry.table("[task]")).and_then(task);
    let plain = root.table("variables");
    let references = root.table("secrets");
    let variables = plain.as_ref().map(variables::variables).unwrap_or_default();
    let secrets = references.as_ref().map(|table| secrets(table, plain.as_ref())).unwrap_or_default();
    let count = task.as_ref().map(|task| task.count);
    let strategy = strategy(root.table("strategy"), count);
    let network = network::network(name, &mut root, project);
    let volumes = network::volumes(&mut root, project);
    let max_connections = root.table("database").map_or(Some(None), |table| max_connections(table).map(Some));
    let bases = bases::bases(name, &mut root);
    let local = local::local(name, &mut root);
    let services = services::overrides(&mut root, project);
    let Some(Task { cpu, memory, count }) = task else {
        root.finish();
        return None;
    };
    let environment = || {
        Some(Environment {
            name,
            protected: protected?,
            platform: match platform {
                Some(read) => Some(read?),
                None => None,
            },
            images,
            region: region?,
            account: account?,
            cluster: cluster.unwrap_or_else(|| Some(format!("{}-{name}", project.name)))?,
            service: service.unwrap_or_else(|| Some(project.name.clone()))?,
            domain,
            endpoint,
            registry,
            cpu,
            memory,
            count,
            variables,
            secrets,
            strategy: strategy?,
            network: network?,
            volumes,
            max_connections: max_connections?,
            bases,
            local: local?,
            services,
            selected: None,
        })
    };
    let environment = environment();
    if let Some(environment) = &environment {
        services::check(&root, project, environment);
    }
    root.finish();
    environment
}

/// Checks that a template is used through `--from`, and nothing else is.
fn template(name: EnvironmentName, root: &mut Table<'_>) {
    let entry = root.optional("template");
    let is_template = entry.as_ref().and_then(Entry::boolean).unwrap_or(false);
    match (entry, name.template()) {
        (Some(entry), None) if is_template => {
            let hint = format!("name the environment to make from it: `--env NAME --from {name}`");
            entry.refuse_key(format!("`{name}` is a template, not an environment"), hint);
        }
        (_, Some(template)) if !is_template => {
            let hint = format!("use it as it is: `--env {template}`; or write `template = true` above all tables");
            root.refuse(format!("`{template}` is not a template"), hint);
        }
        _ => {}
    }
}

/// A file in the folder of environments whose name no environment can have.
pub fn stray_file(stem: &str) -> Failure {
    let file = format!("{}/{}.toml", super::ENVIRONMENTS, stem.escape_debug());
    let rule = "lower-case letters, digits and hyphens, no hyphen at either end, at most 32";
    Failure::usage(format!("{file}: not the name of an environment")).hint(format!("rename or move the file: {rule}"))
}

/// An environment without a file, of which there are `names`.
pub fn missing_environment(name: EnvironmentName, names: &[EnvironmentName]) -> Failure {
    let file = super::environment_file(name);
    let wanted = name.template().unwrap_or(name);
    let names: Vec<&str> = names.iter().map(EnvironmentName::as_str).collect();
    let failure = Failure::usage(format!("unknown environment `{wanted}`: there is no file `{file}`"));
    let failure = match suggestions::nearest(wanted.as_str(), names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    };
    failure.hint(match names.as_slice() {
        [] => format!("write `{file}`: docs/guide/configuration.md shows one"),
        names => format!("the environments are {}; to add one, copy its file to `{file}`", listed(names)),
    })
}

fn region(entry: &Entry<'_>) -> Option<String> {
    let text = entry.string()?;
    if regions::is_region(text) {
        return Some(text.to_owned());
    }
    let hint = match regions::of_zone(text) {
        Some(region) => format!("that is an availability zone: the region is `{region}`"),
        None => suggestions::hint(text, regions::KNOWN, "a name such as `eu-central-1` or `us-gov-west-1`"),
    };
    entry.refuse(format!("{} is not an AWS region", quoted(text)), hint);
    None
}

/// The outer `None` is a problem, the inner one an account left out where it may be.
fn account(name: EnvironmentName, root: &mut Table<'_>) -> Option<Option<String>> {
    let entry = if name.is_local() {
        match root.optional("account") {
            Some(entry) => entry,
            None => return Some(None),
        }
    } else {
        root.required("account", "the account that deploys go to, and no other: `account = \"111122223333\"`")?
    };
    let Some(text) = entry.as_str() else {
        entry.refuse("`account`: expected a string", "quote it: leading zeros count");
        return None;
    };
    if !references::is_account(text) {
        let hint = format!("twelve digits without hyphens, this has {} characters", text.chars().count());
        entry.refuse(format!("{} is not an AWS account", quoted(text)), hint);
        return None;
    }
    Some(Some(text.to_owned()))
}

/// The name of a cluster or service.
pub(super) fn ecs_name(entry: &Entry<'_>) -> Option<String> {
    let name = entry.string()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = (1..=ECS_NAME).contains(&name.len()) && name.bytes().all(allowed);
    if !fits {
        let hint = format!("letters, digits, `-` and `_`, 1 to {ECS_NAME} of them; a name, not an ARN");
        entry.refuse(format!("{} is not the name of a {}", quoted(name), entry.key), hint);
    }
    fits.then(|| name.to_owned())
}

fn shaped(entry: &Entry<'_>, shape: fn(&str) -> bool, what: &str, hint: &str) -> Option<String> {
    let text = entry.string()?;
    if variables::carries_secret(text) {
        entry.refuse_unseen(format!("`{}` holds a password", entry.key), hint);
        return None;
    }
    let fits = shape(text);
    if !fits {
        entry.refuse(format!("{} is not {what}", quoted(text)), hint);
    }
    fits.then(|| text.to_owned())
}

fn task(mut table: Table<'_>) -> Option<Task> {
    let cpu_entry = table.required("cpu", "in CPU units, 1024 are one vCPU: `cpu = 256`");
    let memory_entry = table.required("memory", "in MiB: `memory = 512`");
    let count = table.required("count", "how many tasks run: `count = 1`");
    table.finish();
    let cpu = cpu_entry.as_ref().and_then(|entry| entry.integer(1..=sizes::MOST_CPU, ", in CPU units"));
    let memory =
        memory_entry.as_ref().and_then(|entry| entry.integer(1..=sizes::MOST_MEMORY, ", in MiB without a unit"));
    let count = count.and_then(|entry| entry.integer(1..=MOST_TASKS, ""));
    if let (Some(entry), Some(cpu)) = (&cpu_entry, cpu)
        && sizes::memories(cpu).is_none()
    {
        let vcpus = sizes::cpus().any(|known| known == cpu.saturating_mul(1024));
        let sizes: Vec<String> = sizes::cpus().map(|cpu| cpu.to_string()).collect();
        let hint = if vcpus {
            format!("CPU units, not vCPU: did you mean `{}`?", cpu.saturating_mul(1024))
        } else {
            format!("Fargate has {}", listed(&sizes))
        };
        entry.refuse(format!("Fargate has no tasks of {cpu} CPU units"), hint);
    }
    if let (Some(entry), Some(cpu), Some(memory)) = (&memory_entry, cpu, memory)
        && let Some(memories) = sizes::memories(cpu)
        && !memories.contains(&memory)
    {
        let message = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB");
        entry.refuse(message, format!("with {cpu} CPU units, `memory` is {}", sizes::described(&memories)));
    }
    Some(Task { cpu: cpu?, memory: memory?, count: count? })
}

/// References by variable. What is no reference may be the secret itself: it appears in no message.
pub(super) fn secrets(table: &Table<'_>, plain: Option<&Table<'_>>) -> BTreeMap<String, String> {
    let mut secrets = BTreeMap::new();
    for entry in table.entries() {
        let key = quoted(entry.key);
        if !variables::is_name(entry.key) {
            entry.refuse_key(format!("{key} is not the name of a variable"), "letters, digits and `_`, no digit first");
        }
        let reference = entry.as_str().filter(|text| references::is_secret_reference(text));
        if reference.is_none() {
            let hint = "write `ssm:/path`, or the ARN of an SSM parameter or a Secrets Manager secret; a secret that \
                        was committed once is known: replace it";
            entry.refuse_unseen(format!("the value of {key} is not a reference to a secret"), hint);
        }
        variables::refuse_reserved(entry);
        let is_plain = plain.is_some_and(|plain| plain.entries().iter().any(|other| other.key == entry.key));
        if is_plain {
            entry.refuse_key(format!("{key} is both a variable and a secret"), "keep the one in `[secrets]`");
        }
        secrets.extend(reference.map(|reference| (entry.key.to_owned(), reference.to_owned())));
    }
    secrets
}

/// Without the table: ECS's own default percents, and a circuit breaker that rolls back.
fn strategy(table: Option<Table<'_>>, count: Option<u32>) -> Option<Strategy> {
    let default = Strategy { minimum_healthy_percent: 100, maximum_percent: 200, circuit_breaker: true };
    let Some(mut table) = table else { return Some(default) };
    let minimum = table.optional("minimum-healthy-percent");
    let maximum = table.optional("maximum-percent");
    let breaker = table.optional("circuit-breaker");
    let minimum_healthy_percent =
        minimum.as_ref().map_or(Some(default.minimum_healthy_percent), |entry| entry.integer(0..=100, " percent"));
    let maximum_percent =
        maximum.as_ref().map_or(Some(default.maximum_percent), |entry| entry.integer(101..=200, " percent"));
    let circuit_breaker = breaker.map_or(Some(default.circuit_breaker), |entry| entry.boolean());
    if let (Some(minimum), Some(maximum), Some(count)) = (minimum_healthy_percent, maximum_percent, count)
        && is_stuck(minimum, maximum, count)
    {
        let message = format!("no deployment can begin: with `count = {count}` no task may stop and none may be added");
        let hint = "raise `maximum-percent` (200 always works) or lower `minimum-healthy-percent`";
        table.refuse(message, hint);
    }
    table.finish();
    Some(Strategy {
        minimum_healthy_percent: minimum_healthy_percent?,
        maximum_percent: maximum_percent?,
        circuit_breaker: circuit_breaker?,
    })
}

fn max_connections(mut table: Table<'_>) -> Option<u32> {
    let hint = "the number that `SHOW max_connections` returns: `max-connections = 100`";
    let most = table.required("max-connections", hint).and_then(|entry| entry.integer(1..=MOST_CONNECTIONS, ""));
    table.finish();
    most
}

/// ECS rounds the lower limit up and the upper one down (Amazon ECS API, DeploymentConfiguration).
pub(super) fn is_stuck(minimum: u32, maximum: u32, count: u32) -> bool {
    let (minimum, maximum, count) = (u64::from(minimum), u64::from(maximum), u64::from(count));
    let lowest = (count * minimum).div_ceil(100);
    let highest = count * maximum / 100;
    lowest >= count && highest <= count
}

#[cfg(test)]
mod tests {
    use super::is_stuck;

    #[test]
    fn percents_that_leave_no_room_for_a_deployment() {
        for (minimum, maximum, count) in [(100, 150, 1), (100, 101, 50), (99, 101, 50), (51, 149, 1), (100, 199, 1)] {
            assert!(is_stuck(minimum, maximum, count), "{minimum} {maximum} {count}");
        }
        for (minimum, maximum, count) in [(100, 200, 1), (0, 101, 1), (100, 150, 2), (50, 101, 2), (98, 101, 50)] {
            assert!(!is_stuck(minimum, maximum, count), "{minimum} {maximum} {count}");
        }
    }
}

//! `cargo xtask history`: the releases that were deployed to an environment, who deployed them, and their outcome.

use camino::Utf8Path;
use serde_json::{Value, json};

use crate::effects::ecs;
use crate::operations::history::{self, Entry};
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::project::EnvironmentName;
use crate::report::Report;

/// The arguments of `history`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment to list.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; all, if absent.
    pub service: Option<String>,
    /// Maximum number of releases.
    pub count: usize,
}

/// Lists releases, newest first.
///
/// # Errors
/// Failed AWS calls.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(root, Settings::load(root, request.environment)?, Missing::Refuse, report)?;
    let services = target.services(request.service.as_deref())?;
    let names: Vec<&str> = services.iter().map(Target::service).collect();
    let serving: Vec<String> = ecs::describe_services(&target.aws, target.cluster(), &names)?
        .into_iter()
        .map(|service| service.task_definition)
        .collect();
    let mut releases = Vec::new();
    for service in &services {
        for entry in history::newest(service, request.count)? {
            let is_serving = serving.contains(&entry.revision.arn);
            report.result(line(&entry, is_serving));
            releases.push(entry_json(&entry, service.service_name(), is_serving));
        }
    }
    if releases.is_empty() {
        report.result(format!("nothing was deployed to `{}` yet", request.environment));
    }
    report.closing(json!({"outcome": "listed", "releases": releases}));
    Ok(())
}

fn line(entry: &Entry, is_serving: bool) -> String {
    let mark = if is_serving { "*" } else { " " };
    let record = entry.record.as_ref();
    let commit = record.and_then(|record| record.commit.as_deref()).unwrap_or("-");
    let short: String =
        commit.chars().take(12).chain(if commit.ends_with("-dirty") { "+" } else { "" }.chars()).collect();
    // With several services, `rollback --to` takes the id of the release that the revision belongs to.
    let release = record.map_or("-", |record| record.set.as_ref().map_or(&record.release, |set| &set.release));
    format!(
        "{mark} {:<24} {:<12} {:<10} {:<13} {}",
        entry.revision.short(),
        release,
        record.map_or("unrecorded", |record| record.outcome.as_str()),
        short,
        record.map_or("-", |record| record.by.as_str()),
    )
}

fn entry_json(entry: &Entry, service: &str, is_serving: bool) -> Value {
    let record = entry.record.as_ref();
    let set = record.and_then(|record| record.set.as_ref());
    json!({"service": service, "task_definition": entry.revision.arn, "serving": is_serving,
        "release": record.map(|record| &record.release), "verdict": record.map(|record| record.outcome.as_str()),
        "commit": record.and_then(|record| record.commit.as_ref()), "by": record.map(|record| &record.by),
        "images": record.map(|record| &record.images),
        "set": set.map(|set| json!({"release": set.release, "revisions": set.revisions}))})
}

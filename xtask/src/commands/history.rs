//! `cargo xtask history`: what was deployed to an environment, by whom, and how it went.

use camino::Utf8Path;
use serde_json::json;

use crate::effects::ecs;
use crate::operations::history;
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::project::EnvironmentName;
use crate::report::Report;

/// What `history` was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Where.
    pub environment: EnvironmentName,
    /// How many releases at most.
    pub count: usize,
}

/// Lists releases, the newest first.
///
/// # Errors
/// AWS's.
pub fn run(root: &Utf8Path, request: Request, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(root, Settings::load(root, request.environment)?, Missing::Refuse, report)?;
    let serving = ecs::describe_service(&target.aws, target.cluster(), target.service())?;
    let serving = serving.map(|service| service.task_definition);
    let entries = history::newest(&target, request.count)?;
    if entries.is_empty() {
        report.result(format!("nothing was deployed to `{}` yet", request.environment));
    }
    let mut releases = Vec::new();
    for entry in &entries {
        let is_serving = serving.as_ref() == Some(&entry.revision.arn);
        let mark = if is_serving { "*" } else { " " };
        let record = entry.record.as_ref();
        let commit = record.and_then(|record| record.commit.as_deref()).unwrap_or("-");
        let short: String =
            commit.chars().take(12).chain(if commit.ends_with("-dirty") { "+" } else { "" }.chars()).collect();
        report.result(format!(
            "{mark} {:<24} {:<12} {:<10} {:<13} {}",
            entry.revision.short(),
            record.map_or("-", |record| record.release.as_str()),
            record.map_or("unrecorded", |record| record.outcome.as_str()),
            short,
            record.map_or("-", |record| record.by.as_str()),
        ));
        releases.push(json!({"task_definition": entry.revision.arn, "serving": is_serving,
            "release": record.map(|record| &record.release), "verdict": record.map(|record| record.outcome.as_str()),
            "commit": record.and_then(|record| record.commit.as_ref()), "by": record.map(|record| &record.by),
            "images": record.map(|record| &record.images)}));
    }
    report.closing(json!({"outcome": "listed", "releases": releases}));
    Ok(())
}

//! `cargo xtask scale N`: changes the number of tasks. The next `deploy` restores the number in the environment's file.

use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde_json::{Map, json};

use crate::effects::ecs;
use crate::effects::interrupt;
use crate::error::{Exit, Failure};
use crate::operations::reach::Missing;
use crate::operations::target::{Settings, Target};
use crate::project::EnvironmentName;
use crate::report::Report;

/// Polling interval.
const LOOK: Duration = Duration::from_secs(1);

/// The arguments of `scale`.
#[derive(Clone, Debug)]
pub struct Request {
    /// Environment of the service.
    pub environment: EnvironmentName,
    /// The service, as `infra/slipway.toml` names it; the main one, if absent.
    pub service: Option<String>,
    /// Desired number of tasks.
    pub count: u32,
    /// Time limit of the change.
    pub limit: Duration,
}

/// Changes the desired count, and waits until that number of tasks is running.
///
/// # Errors
/// The service does not exist; the time limit is exceeded (7); failed AWS calls.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let target = Target::connect(
        root,
        Settings::load(root, request.environment)?.one_service(request.service.as_deref())?,
        Missing::Refuse,
        report,
    )?;
    let Request { environment, count, limit, .. } = *request;
    let absent = || {
        Failure::failed(format!("`{environment}` has no service `{}` yet", target.service()))
            .hint(target.command("deploy"))
    };
    let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?.ok_or_else(absent)?;
    let before = service.desired_count;
    if before == count && service.running_count == count {
        report.result(format!("unchanged: {count} of {count} running"));
        report.closing(json!({"outcome": "unchanged", "desiredCount": count, "runningCount": count}));
        return Ok(());
    }
    report.step(format!("scaling `{}` from {before} to {count}", target.service()));
    let mut update = Map::new();
    update.insert("cluster".to_owned(), target.cluster().into());
    update.insert("service".to_owned(), target.service().into());
    update.insert("desiredCount".to_owned(), count.into());
    ecs::update_service(&target.aws, &update)?;
    let begun = Instant::now();
    let mut running = service.running_count;
    loop {
        let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?.ok_or_else(absent)?;
        if service.running_count != running {
            running = service.running_count;
            report.detail(format!("{running} of {count} running, {} pending", service.pending_count));
        }
        if running == count && service.pending_count == 0 {
            break;
        }
        if begun.elapsed() > limit {
            let text = format!("{running} of {count} tasks run after {} s; ECS goes on", limit.as_secs());
            return Err(Failure::new(Exit::TimedOut, text).hint(target.command("status")).into());
        }
        interrupt::check()?;
        thread::sleep(LOOK);
    }
    if count != target.settings.environment.count {
        let file = format!("infra/environments/{environment}.toml");
        report.detail(format!("the next deploy sets {} again, as `{file}` says", target.settings.environment.count));
    }
    report.result(format!("scaled: {count} of {count} running"));
    report.closing(json!({"outcome": "scaled", "desiredCount": count, "runningCount": running}));
    Ok(())
}

//! `cargo xtask rollback`: back to the last release that was verified, or to a named one. The images are where they were; nothing
//! is built or sent. What `migrate` has done stays done: the database is not taken back.

use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Map, json};

use crate::ecs::record::Outcome as Recorded;
use crate::ecs::rollout::Ours;
use crate::ecs::{Service, TaskDefinition};
use crate::effects::ecs;
use crate::error::Failure;
use crate::operations::closing::{self, Known, Outcome};
use crate::operations::follow;
use crate::operations::history::{self, Entry};
use crate::operations::lease::{self, Lease};
use crate::operations::reach::Missing;
use crate::operations::settle::{self, Move};
use crate::operations::target::{Settings, Target};
use crate::plan::deploy::{primary, short};
use crate::project::EnvironmentName;
use crate::report::Report;
use crate::report::rollout::RolloutView;

/// Releases that are looked at: ECS answers one revision a call.
const DEPTH: usize = 20;

/// What `rollback` was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where.
    pub environment: EnvironmentName,
    /// Release id or `<family>:<number>`; the last verified release before the one that serves, if absent.
    pub to: Option<String>,
    /// Stops after the plan is shown.
    pub dry_run: bool,
    /// How long the rollout may take.
    pub limit: Duration,
}

/// Goes back.
///
/// # Errors
/// As those of a deploy.
pub fn run(root: &Utf8Path, request: &Request, report: &Report) -> anyhow::Result<()> {
    let mut known = Known::start();
    let result = rollback(root, request, report, &mut known);
    match &result {
        Ok(outcome) => closing::finished(report, *outcome, &known),
        Err(error) => closing::failed(report, error, &known),
    }
    result.map(|_| ())
}

fn rollback(root: &Utf8Path, request: &Request, report: &Report, known: &mut Known) -> anyhow::Result<Outcome> {
    let target = Target::connect(root, Settings::load(root, request.environment)?, Missing::Refuse, report)?;
    let result = on_target(&target, request, report, known);
    known.calls = target.aws.calls();
    result
}

fn on_target(target: &Target, request: &Request, report: &Report, known: &mut Known) -> anyhow::Result<Outcome> {
    let service = ecs::describe_service(&target.aws, target.cluster(), target.service())?;
    let service = service.ok_or_else(|| {
        let text = format!(
            "there is no service `{}` in `{}`, so there is nothing to go back from",
            target.service(),
            request.environment
        );
        Failure::failed(text).hint(target.command("deploy"))
    })?;
    let entries = history::newest(target, DEPTH)?;
    let to = choose(&entries, &service, request.to.as_deref(), &target.command("history"))?;
    let release = to.record.as_ref().map(|record| record.release.clone()).unwrap_or_default();
    let group = if service.load_balancers.is_empty() { None } else { Some(target.target_group()?) };
    known.url = group.as_ref().map(|group| target.url(group)).transpose()?.flatten();
    known.release = Some(release.clone());
    known.task_definition = Some(to.revision.arn.clone());
    known.timing.mark("plan");
    if service.task_definition == to.revision.arn && settled(&service) {
        return Ok(Outcome::Unchanged);
    }
    let line = format!("from {} to {}, release {release}", short(&service.task_definition), to.revision.short());
    report.event(&json!({"event": "planned", "release": release, "changes": [line], "steps": ["update", "verify"]}));
    if request.dry_run {
        report.result(line);
        return Ok(Outcome::Planned);
    }
    report.step(line);
    report.detail("the database stays as it is: what `migrate` did since is not taken back");
    let name = lease::name(&target.settings.project.name, request.environment.as_str());
    let mut lease = Lease::acquire(&target.aws, name, &target.caller, &release)?;
    let mut update = Map::new();
    update.insert("cluster".to_owned(), target.cluster().into());
    update.insert("service".to_owned(), target.service().into());
    update.insert("taskDefinition".to_owned(), to.revision.arn.clone().into());
    let answer = ecs::update_service(&target.aws, &update)?;
    let deployment = primary(&answer).filter(|deployment| deployment.task_definition == to.revision.arn);
    let deployment =
        deployment.ok_or_else(|| Failure::failed("ECS did not begin a deployment").hint(target.command("status")))?;
    let mut ours = Ours::of(deployment, answer.current_service_deployment.clone());
    let definition = TaskDefinition::from_document(to.revision.document.clone())?;
    let moved = Move {
        target,
        revision: &to.revision.arn,
        definition: &definition,
        release: &release,
        group: group.as_ref(),
        before: Some(&service.task_definition),
        limit: request.limit,
        report,
    };
    let mut view = RolloutView::new(*report, to.revision.short());
    view.know(&service);
    let followed = follow::follow(target, &mut ours, request.limit, &mut view, || lease.keep());
    view.finish();
    known.timing.mark("rollout");
    settle::rollout(&moved, &ours, &followed?, known)?;
    settle::verify_and_record(&moved, known)?;
    Ok(Outcome::Deployed)
}

fn settled(service: &Service) -> bool {
    primary(service).is_some_and(|primary| primary.rollout_state == crate::ecs::RolloutState::Completed)
}

/// The release to go back to.
fn choose<'a>(entries: &'a [Entry], service: &Service, to: Option<&str>, history: &str) -> Result<&'a Entry, Failure> {
    let is_active = |entry: &&Entry| entry.revision.status == "ACTIVE";
    if let Some(to) = to {
        let is_it = |entry: &&Entry| {
            entry.revision.short() == to || entry.record.as_ref().is_some_and(|record| record.release == to)
        };
        let found = entries
            .iter()
            .find(is_it)
            .ok_or_else(|| Failure::usage(format!("no release `{to}` among the newest {DEPTH}")).hint(history))?;
        return Some(found).filter(is_active).ok_or_else(|| {
            Failure::refused(format!("the revision of `{to}` is {} and cannot be run", found.revision.status))
                .hint(history)
        });
    }
    let before = entries.iter().skip_while(|entry| entry.revision.arn != service.task_definition).skip(1);
    let is_verified = |entry: &&Entry| {
        is_active(entry) && entry.record.as_ref().is_some_and(|record| record.outcome == Recorded::Verified)
    };
    before.into_iter().find(is_verified).ok_or_else(|| {
        Failure::refused(format!("no release before {} was verified", short(&service.task_definition)))
            .hint(history)
            .hint("cargo xtask rollback --to RELEASE goes to a named one")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::ecs::Revision;
    use crate::ecs::record::Record;
    use crate::error::Exit;

    fn entry(number: u32, outcome: Recorded, status: &str) -> Entry {
        let record = Record {
            release: format!("release-{number}"),
            commit: None,
            by: String::new(),
            outcome,
            images: BTreeMap::new(),
        };
        let revision = Revision {
            arn: format!("arn:x/shop:{number}"),
            status: status.to_owned(),
            document: Map::<String, Value>::new(),
            tags: record.tags(),
        };
        Entry { revision, record: Some(record) }
    }

    #[test]
    fn back_is_to_what_was_verified_and_can_still_run() {
        let entries = [
            entry(6, Recorded::Failed, "ACTIVE"),
            entry(5, Recorded::Verified, "ACTIVE"),
            entry(4, Recorded::Failed, "ACTIVE"),
            entry(3, Recorded::Verified, "INACTIVE"),
            entry(2, Recorded::Verified, "ACTIVE"),
        ];
        let service = |number: u32| Service { task_definition: format!("arn:x/shop:{number}"), ..Service::default() };
        let check = |number, to, expected: Result<&str, Exit>| {
            let found = choose(&entries, &service(number), to, "cargo xtask history");
            let found = found.map(|entry| entry.revision.short()).map_err(|failure| failure.exit());
            assert_eq!(found, expected, "{number} {to:?}");
        };
        check(5, None, Ok("shop:2"));
        check(6, None, Ok("shop:5"));
        check(2, None, Err(Exit::Refused));
        check(5, Some("release-4"), Ok("shop:4"));
        check(5, Some("shop:6"), Ok("shop:6"));
        check(5, Some("release-3"), Err(Exit::Refused));
        check(5, Some("nobody"), Err(Exit::Usage));
    }
}

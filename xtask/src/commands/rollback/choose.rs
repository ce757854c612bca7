//! The target of `rollback`: the revision of one service, or a set of revisions that served together.

use std::collections::BTreeMap;

use super::Request;
use crate::ecs::record::{Outcome as Recorded, ReleaseSet};
use crate::ecs::{Revision, Service};
use crate::effects::ecs;
use crate::error::Failure;
use crate::operations::history::{self, Entry};
use crate::operations::target::Target;
use crate::plan::deploy::short;

/// Number of revisions of each service that are considered: ECS describes one revision per call.
const DEPTH: usize = 20;

/// One service, and its target revision.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) target: Target,
    pub(super) service: Service,
    pub(super) to: Revision,
    pub(super) release: String,
    /// The release of several services that the revision belongs to.
    set: Option<String>,
}

/// Returns the id of the target release.
pub(super) fn release(steps: &[Step]) -> String {
    let first = steps.first().map(|step| step.set.clone().unwrap_or_else(|| step.release.clone()));
    first.unwrap_or_default()
}

/// Returns the steps, in the order of a rollout.
pub(super) fn steps(target: &Target, request: &Request) -> anyhow::Result<Vec<Step>> {
    let targets = target.services(request.service.as_deref())?;
    let names: Vec<&str> = targets.iter().map(Target::service).collect();
    let found = ecs::describe_services(&target.aws, target.cluster(), &names)?;
    let existing = targets.iter().filter_map(|target| {
        let service = found.iter().find(|found| found.service_name == target.service())?;
        Some((target.clone(), service.clone()))
    });
    let existing: Vec<(Target, Service)> = existing.collect();
    let history = target.command("history");
    match (existing.as_slice(), targets.len()) {
        ([], _) => {
            let text = format!(
                "there is no service `{}` in `{}`, so there is nothing to go back from",
                names.join("`, `"),
                request.environment
            );
            Err(Failure::failed(text).hint(target.command("deploy")).into())
        }
        ([(target, service)], 1) => {
            let entries = history::newest(target, DEPTH)?;
            let to = choose(&entries, service, request.to.as_deref(), &history)?;
            let release = to.record.as_ref().map(|record| record.release.clone()).unwrap_or_default();
            let (target, service) = (target.clone(), service.clone());
            Ok(vec![Step { target, service, to: to.revision.clone(), release, set: None }])
        }
        (all, _) => together(all, request.to.as_deref(), &history),
    }
}

/// Returns the previous set of revisions of all services that served together.
fn together(services: &[(Target, Service)], to: Option<&str>, history: &str) -> anyhow::Result<Vec<Step>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (target, _) in services {
        let newest = history::newest(target, DEPTH)?;
        entries.extend(newest.into_iter().map(|entry| (entry.revision.short().to_owned(), entry)));
    }
    let serving = services.iter().map(|(target, service)| (target.service_name(), short(&service.task_definition)));
    let serving: BTreeMap<&str, &str> = serving.collect();
    let set = choose_set(&entries, &serving, to, history)?.clone();
    let mut steps = Vec::new();
    for (target, service) in services {
        let Some(wanted) = set.revisions.get(target.service_name()) else { continue };
        let to = match entries.get(wanted) {
            Some(entry) => Some(entry.revision.clone()),
            None => ecs::describe_task_definition(&target.aws, wanted)?,
        };
        let to = to.filter(|revision| revision.status == "ACTIVE").ok_or_else(|| {
            Failure::refused(format!("the revision {wanted} of the release {} cannot be run", set.release))
                .hint(history)
        })?;
        let record = crate::ecs::record::Record::from_tags(&to.tags);
        let release = record.map(|record| record.release).unwrap_or_default();
        let (target, service) = (target.clone(), service.clone());
        steps.push(Step { target, service, to, release, set: Some(set.release.clone()) });
    }
    Ok(steps)
}

/// Chooses the target release of several services: every revision that was recorded with it is verified.
fn choose_set<'a>(
    entries: &'a BTreeMap<String, Entry>,
    serving: &BTreeMap<&str, &str>,
    to: Option<&str>,
    history: &str,
) -> Result<&'a ReleaseSet, Failure> {
    let records = entries.values().filter_map(|entry| entry.record.as_ref());
    let sets = records.filter_map(|record| Some((record.set.as_ref()?, record.outcome)));
    let mut sets: Vec<(&ReleaseSet, Recorded)> = sets.collect();
    sets.sort_by_key(|(set, _)| std::cmp::Reverse(set.at));
    if let Some(to) = to {
        let found = sets.iter().find(|(set, _)| set.release == to).map(|(set, _)| *set);
        return found.ok_or_else(|| {
            Failure::usage(format!("no release `{to}` of all services among the newest {DEPTH} of each"))
                .hint(history)
                .hint("`--service NAME` goes back with one service alone")
        });
    }
    let is_serving = |set: &ReleaseSet| {
        serving.iter().all(|(name, revision)| set.revisions.get(*name).is_none_or(|of_set| of_set == revision))
    };
    let now = sets.iter().find(|(set, _)| is_serving(set)).map(|(set, _)| set.at);
    let is_earlier = |set: &ReleaseSet| now.is_none_or(|now| set.at < now) && !is_serving(set);
    let is_whole = |set: &ReleaseSet| {
        let mut recorded = sets.iter().filter(|(other, _)| other.at == set.at && other.release == set.release);
        recorded.all(|(_, outcome)| *outcome == Recorded::Verified)
    };
    let found = sets.iter().map(|(set, _)| *set).find(|set| is_earlier(set) && is_whole(set));
    found.ok_or_else(|| {
        Failure::refused("no release of all services before the one that serves was verified")
            .hint(history)
            .hint("cargo xtask rollback --to RELEASE goes to a named one, --service NAME with one service alone")
    })
}

/// Chooses the target release of one service.
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

    use serde_json::{Map, Value};

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
            set: None,
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
        check(5, Some("release-9"), Err(Exit::Usage));
    }
}

//! In which order the containers of a task start and stop: `dependsOn`, forwards and backwards. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::store::task::Health;
use crate::store::task_definition::{Condition, ContainerDefinition, TaskDefinition};
use crate::time::Timestamp;

/// How far a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not started yet.
    Waiting,
    /// Its process runs.
    Running {
        /// Since when.
        since: Timestamp,
        /// Of its health check.
        health: Health,
    },
    /// It is over, or never got to be.
    Ended {
        /// `None`: its process never ran, or the code is unknown.
        code: Option<i64>,
        /// Whether its process ever ran.
        ran: bool,
    },
}

/// What is to be done with a container that has not started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing is in its way.
    Start,
    /// Its dependencies are on their way. By the given moment one of them is too late.
    Wait(Option<Timestamp>),
    /// It can never start; the sentence says why.
    Never(String),
}

/// What to do with `container` next. Containers that `phases` does not name are waiting.
pub(super) fn next(
    container: &ContainerDefinition,
    definition: &TaskDefinition,
    phases: &BTreeMap<String, Phase>,
    now: Timestamp,
) -> Step {
    let mut wait = None;
    let mut deadline: Option<Timestamp> = None;
    for dependency in &container.depends_on {
        let name = &dependency.container_name;
        let Some(other) = definition.container_definitions.iter().find(|other| other.name == *name) else { continue };
        let phase = phases.get(name).unwrap_or(&Phase::Waiting);
        let never = |exit: &str, why: &str| {
            Step::Never(format!(
                "dependency graph: failed to resolve container ordering dependency [{name}({}){exit}] for target [{}({})] as {why}",
                other.image, container.name, container.image,
            ))
        };
        match (dependency.condition, phase) {
            (Condition::Start, Phase::Running { .. } | Phase::Ended { ran: true, .. })
            | (Condition::Complete, Phase::Ended { ran: true, .. })
            | (Condition::Success, Phase::Ended { code: Some(0), .. })
            | (Condition::Healthy, Phase::Running { health: Health::Healthy, .. }) => {}
            (_, Phase::Ended { ran: false, .. }) => return never("", "dependency did not start"),
            (Condition::Success, Phase::Ended { code, .. }) => {
                let exit = code.map(|code| format!(" - Exit: {code}")).unwrap_or_default();
                return never(&exit, "dependency did not exit successfully");
            }
            (Condition::Healthy, Phase::Ended { code, .. }) => {
                let exit = code.map(|code| format!(" - Exit: {code}")).unwrap_or_default();
                return never(&exit, "dependency stopped before it became healthy");
            }
            (Condition::Healthy, Phase::Running { health: Health::Unhealthy, .. }) => {
                return never("", "dependency is unhealthy");
            }
            (_, Phase::Running { since, .. }) => {
                wait = Some(());
                // AWS: the `startTimeout` of the container that is waited for.
                if let Some(seconds) = other.start_timeout {
                    let end = since.after(Duration::from_secs(seconds.into()));
                    if end <= now {
                        return never("", &format!("dependency did not resolve within {seconds} seconds"));
                    }
                    deadline = Some(deadline.map_or(end, |earlier| earlier.min(end)));
                }
            }
            (_, Phase::Waiting) => wait = Some(()),
        }
    }
    if wait.is_some() { Step::Wait(deadline) } else { Step::Start }
}

/// Which of the running containers may be stopped now: those that no other running one depends on.
pub(super) fn stoppable<'a>(
    definition: &'a TaskDefinition,
    running: &BTreeSet<String>,
) -> Vec<&'a ContainerDefinition> {
    let needed = needed_by(definition, running);
    definition
        .container_definitions
        .iter()
        .filter(|container| running.contains(&container.name) && !needed.contains(container.name.as_str()))
        .collect()
}

/// What the running containers depend on, directly or through others that may be over already.
fn needed_by<'a>(definition: &'a TaskDefinition, running: &BTreeSet<String>) -> BTreeSet<&'a str> {
    let depends_on = |name: &str| {
        definition
            .container_definitions
            .iter()
            .filter(move |container| container.name == name)
            .flat_map(|container| container.depends_on.iter().map(|dependency| dependency.container_name.as_str()))
            .collect::<Vec<&'a str>>()
    };
    let mut needed = BTreeSet::new();
    let mut to_visit: Vec<&str> = running.iter().flat_map(|name| depends_on(name)).collect();
    while let Some(name) = to_visit.pop() {
        if needed.insert(name) {
            to_visit.extend(depends_on(name));
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::definition;
    use super::*;
    use crate::store::task_definition::Dependency;

    fn on(container: &mut ContainerDefinition, name: &str, condition: Condition) {
        container.depends_on.push(Dependency { container_name: name.into(), condition });
    }

    fn running(health: Health) -> Phase {
        Phase::Running { since: Timestamp::from_millis(1000), health }
    }

    fn ended(code: i64) -> Phase {
        Phase::Ended { code: Some(code), ran: true }
    }

    fn step(condition: Condition, phase: Phase, timeout: Option<u32>, now: u64) -> Step {
        let mut definition = definition(&[("db", |_| {}), ("app", |_| {})]);
        definition.container_definitions[0].start_timeout = timeout;
        on(&mut definition.container_definitions[1], "db", condition);
        let phases = BTreeMap::from([("db".to_owned(), phase)]);
        next(&definition.container_definitions[1], &definition, &phases, Timestamp::from_millis(now))
    }

    #[test]
    fn each_condition_waits_for_what_it_says() {
        use Condition::{Complete, Healthy, Start, Success};
        let unknown = || running(Health::Unknown);
        let table = [
            (Start, Phase::Waiting, false),
            (Start, unknown(), true),
            (Start, ended(1), true),
            (Complete, unknown(), false),
            (Complete, ended(1), true),
            (Success, unknown(), false),
            (Success, ended(0), true),
            (Healthy, unknown(), false),
            (Healthy, running(Health::Healthy), true),
        ];
        for (condition, phase, start) in table {
            let expected = if start { Step::Start } else { Step::Wait(None) };
            assert_eq!(step(condition, phase.clone(), None, 1000), expected, "{condition:?} {phase:?}");
        }
    }

    #[test]
    fn what_can_never_be_is_not_waited_for() {
        let Step::Never(why) = step(Condition::Success, ended(3), None, 0) else { panic!("waits") };
        assert_eq!(
            why,
            "dependency graph: failed to resolve container ordering dependency [db(db:1) - Exit: 3] for target [app(app:1)] as dependency did not exit successfully"
        );
        assert!(matches!(step(Condition::Healthy, ended(0), None, 0), Step::Never(_)));
        assert!(matches!(step(Condition::Healthy, running(Health::Unhealthy), None, 0), Step::Never(_)));
        let broken = Phase::Ended { code: None, ran: false };
        assert!(matches!(step(Condition::Start, broken, None, 0), Step::Never(_)));
    }

    #[test]
    fn a_start_timeout_ends_the_wait() {
        let at = |now| step(Condition::Healthy, running(Health::Unknown), Some(5), now);
        assert_eq!(at(2000), Step::Wait(Some(Timestamp::from_millis(6000))));
        assert!(matches!(at(6000), Step::Never(_)));
    }

    #[test]
    fn what_nobody_needs_stops_first() {
        let mut definition = definition(&[("db", |_| {}), ("migrate", |_| {}), ("app", |_| {}), ("side", |_| {})]);
        on(&mut definition.container_definitions[1], "db", Condition::Start);
        on(&mut definition.container_definitions[2], "migrate", Condition::Success);
        let wave = |names: &[&str]| {
            let running = names.iter().map(ToString::to_string).collect();
            stoppable(&definition, &running).iter().map(|container| container.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(wave(&["db", "app", "side"]), ["app", "side"], "through one that is over");
        assert_eq!(wave(&["db", "side"]), ["db", "side"]);
        assert!(wave(&[]).is_empty());
    }
}

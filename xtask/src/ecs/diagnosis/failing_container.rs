//! The failing container of a task: once an essential one stops, ECS stops all, so exit codes distinguish them.

use crate::ecs::{Container, ContainerDefinition, Task, View};

/// Exit codes of processes that SIGKILL and SIGTERM stop: 128 plus the signal number.
pub(super) const KILLED: i64 = 137;
const TERMINATED: i64 = 143;

/// Exit codes of a shell or runtime that cannot find the program, and cannot execute it (POSIX, 2.8.2).
pub(super) const NOT_FOUND: i64 = 127;
pub(super) const NOT_EXECUTABLE: i64 = 126;

/// Returns the essential container that stopped first. The exit codes of the others are 0 or of signals.
pub(super) fn first_to_end<'a>(task: &'a Task, view: Option<&View>) -> Option<&'a Container> {
    let ended = task.containers.iter().filter(|one| one.exit_code.is_some() && is_essential(view, &one.name));
    // Of two with the same rank, the one that does not depend on the other stopped first.
    ended.min_by_key(|one| (suspicion(one), depth(view, &one.name)))
}

/// Returns a rank: a lower one is more likely to have stopped by itself.
fn suspicion(container: &Container) -> u8 {
    match container.exit_code {
        _ if is_out_of_memory(container) => 0,
        Some(KILLED) => 2,
        Some(0) => 3,
        Some(TERMINATED) | None => 4,
        Some(_) => 1,
    }
}

/// Returns whether ECS reports memory as the reason.
pub(super) fn is_out_of_memory(container: &Container) -> bool {
    container.reason.as_ref().is_some_and(|reason| reason.contains("OutOfMemory"))
}

/// Returns whether the container is essential; like AWS, treats an unknown one as essential.
pub(super) fn is_essential(view: Option<&View>, name: &str) -> bool {
    defined(view, name).is_none_or(ContainerDefinition::is_essential)
}

/// Returns the definition of a container.
pub(super) fn defined<'a>(view: Option<&'a View>, name: &str) -> Option<&'a ContainerDefinition> {
    view?.container_definitions.iter().find(|one| one.name == name)
}

/// Returns the number of the container's dependencies, indirect ones included.
fn depth(view: Option<&View>, name: &str) -> usize {
    let mut found: Vec<&str> = Vec::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        for dependency in defined(view, next).into_iter().flat_map(|one| &one.depends_on) {
            // AWS rejects cycles; a document with one must not cause an endless loop.
            if !found.contains(&dependency.container_name.as_str()) {
                found.push(&dependency.container_name);
                open.push(&dependency.container_name);
            }
        }
    }
    found.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::Dependency;

    fn view() -> View {
        let container = |name: &str, needs: &[&str]| ContainerDefinition {
            name: name.into(),
            essential: Some(name != "side"),
            depends_on: needs
                .iter()
                .map(|name| Dependency { container_name: (*name).into(), condition: "HEALTHY".into() })
                .collect(),
            ..ContainerDefinition::default()
        };
        View {
            container_definitions: vec![container("nginx", &["app"]), container("app", &[]), container("side", &[])],
            ..View::default()
        }
    }

    fn check(codes: &[(&str, Option<i64>)], expected: Option<&str>) {
        let container = |(name, exit_code): &(&str, Option<i64>)| Container {
            name: (*name).into(),
            exit_code: *exit_code,
            ..Container::default()
        };
        let task = Task { containers: codes.iter().map(container).collect(), ..Task::default() };
        assert_eq!(first_to_end(&task, Some(&view())).map(|one| one.name.as_str()), expected, "{codes:?}");
    }

    #[test]
    fn the_one_that_ended_first_is_to_blame_and_not_those_that_were_ended() {
        check(&[("nginx", Some(0)), ("app", Some(1))], Some("app"));
        check(&[("nginx", Some(137)), ("app", Some(1))], Some("app"));
        check(&[("nginx", Some(1)), ("app", Some(137))], Some("nginx"));
        check(&[("nginx", Some(1)), ("app", Some(0))], Some("nginx"));
        // nginx exits with an error because its upstream is gone.
        check(&[("nginx", Some(1)), ("app", Some(1))], Some("app"));
        check(&[("nginx", Some(143)), ("app", Some(0))], Some("app"));
        check(&[("nginx", Some(0)), ("app", Some(137))], Some("app"));
        check(&[("nginx", Some(0)), ("app", Some(143))], Some("nginx"));
        check(&[("nginx", None), ("app", Some(3))], Some("app"));
        check(&[("nginx", Some(0)), ("app", Some(0)), ("side", Some(9))], Some("app"));
        check(&[("nginx", None), ("app", None)], None);
    }

    #[test]
    fn a_circle_of_dependencies_does_not_hang() {
        let mut view = view();
        view.container_definitions[1].depends_on =
            vec![Dependency { container_name: "nginx".into(), condition: "START".into() }];
        assert_eq!(depth(Some(&view), "app"), 2);
    }
}

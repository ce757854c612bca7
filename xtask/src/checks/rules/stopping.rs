//! How a task stops: signals, and the time for open requests on each side. nginx gets the signal first, then Django
//! (`stop-order`).

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems};
use super::super::{Rule, Scope};
use crate::ecs::ContainerDefinition;

/// Fargate's maximum of `stopTimeout` in seconds ("Container timeouts").
const MOST: u32 = 120;

/// ECS's default of `stopTimeout` in seconds.
const DEFAULT: u32 = 30;

/// Seconds between Fargate Spot's notice and the stop of a task ("Fargate Spot").
const SPOT_NOTICE: u32 = 120;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "stop-timeout", "no stop timeout exceeds Fargate's limit", most),
    Rule::new(
        Scope::Environment,
        "stop-timeout-front",
        "nginx stops by itself before it is killed, and later than its longest request",
        front,
    ),
    Rule::new(
        Scope::Environment,
        "stop-timeout-app",
        "uWSGI's workers finish their requests before they are killed",
        app,
    ),
    Rule::new(
        Scope::Environment,
        "stop-timeout-sum",
        "all containers one after another stop within Spot's notice",
        sum,
    ),
    Rule::new(Scope::Environment, "stop-hook", "uWSGI finishes requests on SIGTERM: its default is to reload", hook),
];

fn timeout(container: &ContainerDefinition) -> u32 {
    container.stop_timeout.unwrap_or(DEFAULT)
}

fn most(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    for container in containers.iter().filter(|container| timeout(container) > MOST) {
        let text =
            format!("container `{}` asks for {} s to stop: Fargate gives {MOST}", container.name, timeout(container));
        problems.fail(text, format!("set `stopTimeout` to {MOST} or less"));
    }
    problems.or(format!("{} containers ask for {MOST} s or less", containers.len()))
}

fn front(facts: &Facts<'_>) -> Judgement {
    let (container, nginx) = facts.front_container()?;
    let (stop, read) = (timeout(container), nginx.uwsgi_read_timeout);
    let mut problems = Problems::default();
    match nginx.worker_shutdown_timeout {
        Some(shutdown) if shutdown > stop => problems.fail(
            format!("nginx waits {shutdown} s for its requests, and is killed after {stop}"),
            format!(
                "set `stopTimeout` of `{}` above {shutdown}, or `worker_shutdown_timeout` below {stop}",
                container.name
            ),
        ),
        Some(shutdown) if shutdown < read => problems.fail(
            format!("nginx cuts requests {shutdown} s after a stop, and lets them take {read}"),
            format!("set `worker_shutdown_timeout` to {read}s or more"),
        ),
        _ => {}
    }
    if stop < read {
        let text =
            format!("container `{}` is killed after {stop} s, and nginx lets requests take {read}", container.name);
        problems.fail(text, format!("set its `stopTimeout` to {read} or more, or lower `uwsgi_read_timeout`"));
    }
    problems.or(format!("nginx lets requests take {read} s and is killed after {stop}"))
}

fn app(facts: &Facts<'_>) -> Judgement {
    let (container, uwsgi) = facts.app_container()?;
    // uWSGI's default (core/init.c): 60 s.
    let mercy = uwsgi.number("worker-reload-mercy").unwrap_or(60);
    let stop = timeout(container);
    let mut problems = Problems::default();
    if mercy >= stop {
        let text =
            format!("uWSGI gives its workers {mercy} s, and container `{}` is killed after {stop}", container.name);
        problems.fail(text, format!("set its `stopTimeout` above {mercy}, or `worker-reload-mercy` below {stop}"));
    }
    problems.or(format!("uWSGI gives its workers {mercy} s and is killed after {stop}"))
}

fn sum(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    // Independent containers stop at the same time; dependent ones stop one after another.
    let chain = |container: &ContainerDefinition| longest(facts, container, containers.len());
    let longest = containers.iter().map(chain).max().unwrap_or_default();
    let mut problems = Problems::default();
    if longest > SPOT_NOTICE {
        let text = format!("the containers take up to {longest} s to stop one after another: Spot gives {SPOT_NOTICE}");
        problems.warn(text, "lower their `stopTimeout`s, or do not run on Spot");
    }
    problems.or(format!("the containers take up to {longest} s to stop, Spot gives {SPOT_NOTICE}"))
}

fn longest(facts: &Facts<'_>, container: &ContainerDefinition, steps: usize) -> u32 {
    let task = facts.task().ok();
    let after = container.depends_on.iter().filter_map(|one| task?.container(&one.container_name));
    let rest = if steps == 0 { 0 } else { after.map(|next| longest(facts, next, steps - 1)).max().unwrap_or_default() };
    timeout(container).saturating_add(rest)
}

fn hook(facts: &Facts<'_>) -> Judgement {
    let uwsgi = &facts.server()?.uwsgi;
    let mut problems = Problems::default();
    let is_graceful = uwsgi.all("hook-master-start").any(|hook| hook == "unix_signal:15 gracefully_kill_them_all");
    if !is_graceful {
        let text = if uwsgi.is_on("die-on-term") {
            "uWSGI ends at SIGTERM at once: requests in flight get an empty reply"
        } else {
            "uWSGI reloads at SIGTERM and is killed in the end: requests in flight get an empty reply"
        };
        problems.fail(text, "add `hook-master-start = unix_signal:15 gracefully_kill_them_all`");
    }
    if !uwsgi.is_on("master") {
        problems.fail("uWSGI has no master: its workers are neither stopped nor replaced", "add `master = true`");
    }
    problems.or("uWSGI finishes its requests at SIGTERM")
}

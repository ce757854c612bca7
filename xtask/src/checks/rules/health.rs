//! Health checks of ECS and the load balancer: target, interval, and the time that a new task gets to start.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};
use crate::ecs::HealthCheck;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "health-check", "containers that serve have a health check of ECS", present),
    Rule::new(
        Scope::Environment,
        "health-timing",
        "times of health checks are within ECS's limits, and a check ends before the next begins",
        timing,
    ),
    Rule::new(Scope::Environment, "start-period", "containers that others depend on have a start period", start_period),
    Rule::new(Scope::Environment, "grace-period", "the grace period covers the containers' start", grace_period),
    Rule::new(
        Scope::Environment,
        "health-database",
        "the load balancer's health check does not query the database",
        database,
    ),
];

/// Returns the values of a health check with ECS's defaults (`HealthCheck` of the API reference).
fn filled(check: &HealthCheck) -> (u32, u32, u32, u32) {
    (
        check.interval.unwrap_or(30),
        check.timeout.unwrap_or(5),
        check.retries.unwrap_or(3),
        check.start_period.unwrap_or(0),
    )
}

fn present(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut count = 0;
    let served = [facts.front_container().ok().map(|(one, _)| one), facts.app_container().ok().map(|(one, _)| one)];
    for container in served.into_iter().flatten() {
        count += 1;
        let command = container.health_check.as_ref().map(|check| check.command.as_slice()).unwrap_or_default();
        match command {
            [] => problems.warn(
                format!("container `{}` has no health check: ECS takes it for well as long as it runs", container.name),
                "add a `healthCheck`",
            ),
            [kind, _, ..] if kind == "CMD" || kind == "CMD-SHELL" => {}
            _ => problems.fail(
                format!("the health check of `{}` is {}: ECS does not run it", container.name, command.join(" ")),
                "begin it with CMD or CMD-SHELL",
            ),
        }
    }
    if count == 0 {
        return unknown("it is not known which containers serve");
    }
    problems.or(format!("{count} containers have health checks"))
}

fn timing(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        let Some(check) = &container.health_check else { continue };
        count += 1;
        let (interval, timeout, retries, start_period) = filled(check);
        for (name, value, least, most) in [
            ("interval", interval, 5, 300),
            ("timeout", timeout, 2, 60),
            ("retries", retries, 1, 10),
            ("startPeriod", start_period, 0, 300),
        ] {
            if !(least..=most).contains(&value) {
                let text = format!("`{name}` of the health check of `{}` is {value}", container.name);
                problems.fail(text, format!("ECS takes {least} to {most}"));
            }
        }
        if timeout > interval {
            let text =
                format!("a health check of `{}` may take {timeout} s, and one begins every {interval}", container.name);
            problems.fail(text, "lower `timeout` to `interval` or below");
        }
    }
    problems.or(format!("{count} health checks are timed as ECS takes them"))
}

fn start_period(facts: &Facts<'_>) -> Judgement {
    let task = facts.task()?;
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        for dependency in container.depends_on.iter().filter(|one| one.condition == "HEALTHY") {
            let Some(check) = task.container(&dependency.container_name).and_then(|one| one.health_check.as_ref())
            else {
                continue;
            };
            count += 1;
            let (interval, _, retries, start_period) = filled(check);
            // Django on 0.25 vCPU takes about 5 s to start (docs/guide/local.md), and longer with a cold cache.
            if start_period + interval * retries < 30 {
                let text = format!(
                    "`{}` has {} s to become healthy before `{}` is given up",
                    dependency.container_name,
                    start_period + interval * retries,
                    container.name
                );
                problems.warn(text, "set its `startPeriod` to 30");
            }
        }
    }
    if count == 0 {
        return unknown("no container waits for another's health");
    }
    problems.or("what is waited for has time to start")
}

fn grace_period(facts: &Facts<'_>) -> Judgement {
    if facts.registrations()?.is_empty() {
        return unknown("the service has no load balancer");
    }
    let grace = facts.service_member("healthCheckGracePeriodSeconds")?.and_then(serde_json::Value::as_u64).unwrap_or(0);
    let checks = facts.containers()?.iter().filter_map(|container| container.health_check.as_ref());
    let longest = checks.map(|check| filled(check).3).max().unwrap_or_default();
    let mut problems = Problems::default();
    if grace < u64::from(longest) {
        let text = format!("the balancer's verdict counts after {grace} s, and containers may take {longest} to start");
        problems.fail(text, format!("set `healthCheckGracePeriodSeconds` to {longest} or more in infra/service.json"));
    }
    problems.or(format!("the balancer waits {grace} s, containers may take {longest}"))
}

fn database(facts: &Facts<'_>) -> Judgement {
    let path = &facts.balancer()?.health_path;
    let mut problems = Problems::default();
    let asks =
        path.split(['/', '-', '_', '?']).any(|word| ["ready", "readiness", "readyz", "db", "database"].contains(&word));
    if asks {
        let text =
            format!("the balancer asks {path}, which asks the database: while that pauses, every task is replaced");
        problems.warn(text, "let it ask /healthz/live");
    }
    problems.or(format!("the balancer asks {path}"))
}

//! Log configuration: a supported driver, an existing group, and a mode that does not block the app.

use aws_facts::task_definition::REQUIRED_AWSLOGS_OPTIONS;

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};
use crate::project::names::names;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "log-driver",
        "every container's output goes to CloudWatch, with region, group and prefix",
        driver,
    ),
    Rule::new(Scope::Environment, "log-mode", "the template sets whether a slow log blocks the app", mode),
    Rule::new(Scope::Environment, "log-group", "logs go to the environment's own group, in its own region", group),
];

fn driver(facts: &Facts<'_>) -> Judgement {
    let containers = facts.containers()?;
    let mut problems = Problems::default();
    for container in containers {
        let Some(log) = &container.log_configuration else {
            let text = format!(
                "the output of container `{}` is discarded: the reason of a failure will be lost",
                container.name
            );
            problems.fail(text, "add a `logConfiguration` with the driver awslogs");
            continue;
        };
        if log.log_driver != "awslogs" {
            continue;
        }
        // The prefix names a task's stream; on Fargate AWS rejects the definition without one.
        for option in REQUIRED_AWSLOGS_OPTIONS {
            if log.options.get(option).is_none_or(|value| value.trim().is_empty()) {
                let text = format!("the log configuration of `{}` has no `{option}`", container.name);
                problems.fail(text, format!("add `{option}` to its `options`"));
            }
        }
    }
    problems.or(format!("{} containers have logs", containers.len()))
}

fn mode(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        let Some(log) = container.log_configuration.as_ref().filter(|log| log.log_driver == "awslogs") else {
            continue;
        };
        count += 1;
        match log.options.get("mode").map(String::as_str) {
            Some("non-blocking") if log.options.contains_key("max-buffer-size") => {}
            Some("non-blocking") => problems.warn(
                format!(
                    "the logs of `{}` have the default buffer of 10 MB, beyond which lines are lost",
                    container.name
                ),
                "add \"max-buffer-size\": \"25m\"",
            ),
            Some("blocking") => problems.warn(
                format!("container `{}` stands still while CloudWatch does not take its output", container.name),
                "set `mode` to non-blocking, with a `max-buffer-size`",
            ),
            // AWS changed the default to non-blocking in June 2025, and an account can set its own.
            Some(other) => problems.fail(
                format!("`mode` of the logs of `{}` is `{other}`", container.name),
                "there are blocking and non-blocking",
            ),
            None => problems.warn(
                format!("`mode` of the logs of `{}` is left to the account's default", container.name),
                "set `mode` to non-blocking, with a `max-buffer-size`",
            ),
        }
    }
    if count == 0 {
        return unknown("no container logs to CloudWatch");
    }
    problems.or(format!("{count} containers go on while their logs are slow"))
}

fn group(facts: &Facts<'_>) -> Judgement {
    let environment = facts.environment;
    let wanted = names(facts.project, environment).log_group;
    let mut problems = Problems::default();
    let mut count = 0;
    for container in facts.containers()? {
        let Some(log) = container.log_configuration.as_ref().filter(|log| log.log_driver == "awslogs") else {
            continue;
        };
        count += 1;
        let option = |name: &str| log.options.get(name).map(String::as_str).unwrap_or_default();
        if option("awslogs-region") != environment.region {
            let text = format!(
                "the logs of `{}` go to `{}`, and `{}` is in {}",
                container.name,
                option("awslogs-region"),
                environment.name,
                environment.region
            );
            problems.fail(text, "write \"awslogs-region\": \"{{ region }}\"");
        }
        let group = option("awslogs-group");
        let is_ours = group == wanted || group.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('/'));
        if !is_ours {
            let text =
                format!("the logs of `{}` go to `{group}`, and the environment's group is `{wanted}`", container.name);
            problems.fail(text, "write \"awslogs-group\": \"{{ log_group }}\"");
        }
    }
    if count == 0 {
        return unknown("no container logs to CloudWatch");
    }
    problems.or(format!("{count} containers log to `{wanted}`"))
}

//! Preconditions of the other rules: readable files and existing resources of the account.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems, unknown};
use super::super::{Rule, Scope};
use crate::project::names::names;

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "files-readable", "nginx's and uWSGI's configuration can be parsed", readable),
    Rule::new(Scope::Environment, "caller-account", "the caller is in the environment's account", caller),
    Rule::new(Scope::Environment, "cluster-active", "the environment's cluster exists", cluster),
    Rule::new(Scope::Environment, "secrets-exist", "every parameter that a container refers to exists", secrets),
    Rule::new(Scope::Environment, "target-group-exists", "the target group of the service exists", target_group),
];

fn readable(facts: &Facts<'_>) -> Judgement {
    let unreadable = facts.unreadable.clone()?;
    let mut problems = Problems::default();
    for problem in unreadable {
        problems.fail(problem, "correct the file: nothing that depends on it was judged");
    }
    problems.or("the project's files can be read")
}

fn caller(facts: &Facts<'_>) -> Judgement {
    let found = facts.caller_account.clone()?;
    let mut problems = Problems::default();
    if let Some(wanted) = facts.environment.account.as_ref().filter(|wanted| **wanted != found) {
        let text = format!("`{}` is in the account {wanted}, and the caller is in {found}", facts.environment.name);
        problems.fail(text, "use the credentials of the right account: AWS_PROFILE, or log in again");
    }
    problems.or(format!("the caller is in the account {found}"))
}

fn cluster(facts: &Facts<'_>) -> Judgement {
    let status = facts.cluster.clone()?;
    let name = &facts.environment.cluster;
    let mut problems = Problems::default();
    match status.as_deref() {
        Some("ACTIVE") => {}
        Some(other) => problems.fail(format!("the cluster `{name}` is {other}"), "wait until it is ACTIVE"),
        None => {
            problems.fail(format!("there is no cluster `{name}`"), "make it, or correct `cluster` of the environment");
        }
    }
    problems.or(format!("the cluster `{name}` is ACTIVE"))
}

fn secrets(facts: &Facts<'_>) -> Judgement {
    let missing = facts.missing_parameters.clone()?;
    let mut problems = Problems::default();
    for name in &missing {
        let text = format!("there is no parameter `{name}`: no task can start");
        problems.fail(text, format!("aws ssm put-parameter --type SecureString --name {name} --value …"));
    }
    problems.or("every parameter is there")
}

fn target_group(facts: &Facts<'_>) -> Judgement {
    // The target group is checked even where the service cannot be read.
    if facts.registrations().is_ok_and(|registrations| registrations.is_empty()) {
        return unknown("the service has no load balancer");
    }
    let is_there = facts.has_target_group.clone()?;
    let name = names(facts.project, facts.environment).balancer;
    let mut problems = Problems::default();
    if !is_there {
        let hint = "make the load balancer and a target group of that name first, of type `ip`";
        problems.fail(format!("there is no target group `{name}`"), hint);
    }
    problems.or(format!("the target group `{name}` is there"))
}

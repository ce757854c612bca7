//! What the account has of what a deploy is about to use.

use super::super::facts::Facts;
use super::super::judgement::{Judgement, Problems};
use super::super::{Rule, Scope};

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(Scope::Environment, "caller-account", "the caller is in the environment's account", caller),
    Rule::new(Scope::Environment, "cluster-active", "the environment's cluster is there", cluster),
    Rule::new(Scope::Environment, "secrets-exist", "every parameter that a container refers to is there", secrets),
];

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
            problems.fail(format!("there is no cluster `{name}`"), "make it, or correct `cluster` of the environment")
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

//! Deployment configuration: tasks can be replaced, failing deployments stop, names match the environment.

use serde_json::Value;

use super::super::facts::{Fact, Facts};
use super::super::judgement::{Judgement, Problems, counted, unknown};
use super::super::{Rule, Scope};

pub(in crate::checks) const RULES: &[Rule] = &[
    Rule::new(
        Scope::Environment,
        "service-name",
        "the service document names the environment's cluster and service",
        name,
    ),
    Rule::new(
        Scope::Environment,
        "service-network",
        "the service has the subnets and the security group that awsvpc needs",
        network,
    ),
    Rule::new(Scope::Environment, "deployment-percent", "the two percentages let a deployment proceed", percent),
    Rule::new(
        Scope::Environment,
        "circuit-breaker",
        "a failing deployment stops, and the previous release serves again",
        breaker,
    ),
    Rule::new(
        Scope::Environment,
        "strategy-target-groups",
        "blue/green, linear and canary have the two target groups they shift between",
        target_groups,
    ),
    Rule::new(Scope::Environment, "desired-count", "production survives the loss of one task", count),
];

fn text<'a>(facts: &'a Facts<'_>, pointer: &str) -> Fact<Option<&'a str>> {
    Ok(facts.service_member(pointer)?.and_then(Value::as_str))
}

fn number(facts: &Facts<'_>, pointer: &str) -> Fact<Option<u64>> {
    Ok(facts.service_member(pointer)?.and_then(Value::as_u64))
}

fn name(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    let environment = facts.environment;
    for (key, wanted) in [("cluster", &environment.cluster), ("serviceName", &environment.service)] {
        // A cluster can be given by its ARN.
        let found = text(facts, key)?.map(|text| text.rsplit('/').next().unwrap_or(text));
        if found != Some(wanted.as_str()) {
            let found = found.map_or("not set".to_owned(), |found| format!("`{found}`"));
            let text = format!("`{key}` is {found}, and the environment's is `{wanted}`");
            problems.fail(text, "use the placeholder in infra/service.json");
        }
    }
    problems.or(format!("`{}` in `{}`", environment.service, environment.cluster))
}

fn network(facts: &Facts<'_>) -> Judgement {
    let mut problems = Problems::default();
    for (key, what) in [("subnets", "subnet"), ("securityGroups", "security group")] {
        let listed = facts.service_member(&format!("networkConfiguration/awsvpcConfiguration/{key}"))?;
        if listed.and_then(Value::as_array).is_none_or(Vec::is_empty) {
            let text = format!("the service has no {what}");
            problems.fail(text, format!("set `networkConfiguration.awsvpcConfiguration.{key}` in infra/service.json"));
        }
    }
    problems.or("the service has subnets and a security group")
}

fn percent(facts: &Facts<'_>) -> Judgement {
    let least = number(facts, "deploymentConfiguration/minimumHealthyPercent")?.unwrap_or(100);
    let most = number(facts, "deploymentConfiguration/maximumPercent")?.unwrap_or(200);
    let wanted = number(facts, "desiredCount")?.unwrap_or(u64::from(facts.environment.count));
    // ECS rounds the minimum up and the maximum down ("Deploy Amazon ECS services by replacing tasks").
    let (floor, ceiling) = ((wanted * least).div_ceil(100), wanted * most / 100);
    let mut problems = Problems::default();
    if wanted > 0 && floor >= wanted && ceiling <= wanted {
        let text = format!(
            "{floor} of {} must stay and {ceiling} may exist: a deployment can neither start nor stop one",
            counted(wanted, "task")
        );
        problems.fail(text, "raise `maximum-percent` or lower `minimum-healthy-percent` in `[strategy]`");
    } else if facts.environment.protected && wanted > 0 && floor < wanted {
        let text = format!("a deployment may leave {floor} of {wanted} tasks to serve");
        problems.warn(text, "set `minimum-healthy-percent` to 100");
    }
    problems.or(format!("{floor} of {} stay and {ceiling} may exist", counted(wanted, "task")))
}

fn breaker(facts: &Facts<'_>) -> Judgement {
    if let Some(other) = text(facts, "deploymentController/type")?.filter(|kind| *kind != "ECS") {
        return unknown(format!("the deployment controller is {other}"));
    }
    let at = "deploymentConfiguration/deploymentCircuitBreaker";
    let is_on = |key: &str| -> Fact<bool> {
        Ok(facts.service_member(&format!("{at}/{key}"))?.and_then(Value::as_bool).unwrap_or(false))
    };
    let mut problems = Problems::default();
    let hint = "set `circuit-breaker` to true in `[strategy]`";
    if !is_on("enable")? {
        problems.fail("the circuit breaker is off: a deployment that fails goes on starting tasks for ever", hint);
    } else if !is_on("rollback")? {
        problems.fail("the circuit breaker ends a deployment and does not roll it back", hint);
    }
    problems.or("a deployment that fails is rolled back")
}

fn target_groups(facts: &Facts<'_>) -> Judgement {
    let strategy = text(facts, "deploymentConfiguration/strategy")?.unwrap_or("ROLLING");
    if strategy == "ROLLING" {
        return unknown("deployments are rolling: one target group is enough");
    }
    let listed = facts.service_member("loadBalancers")?.and_then(Value::as_array);
    let mut problems = Problems::default();
    let needs = ["alternateTargetGroupArn", "productionListenerRule", "roleArn"];
    let balancers: Vec<&Value> = listed.into_iter().flatten().collect();
    if balancers.is_empty() {
        problems.fail(
            format!("{strategy} shifts requests, and the service has no load balancer"),
            "use the rolling strategy",
        );
    }
    for balancer in balancers {
        let has = |key: &&str| balancer.pointer(&format!("/advancedConfiguration/{key}")).is_some();
        for key in needs.iter().filter(|key| !has(key)) {
            let text = format!(
                "{strategy} shifts requests between two target groups, and `advancedConfiguration.{key}` is missing"
            );
            problems.fail(text, "add it in infra/service.json, or use the rolling strategy");
        }
    }
    problems.or(format!("{strategy} has its two target groups"))
}

fn count(facts: &Facts<'_>) -> Judgement {
    let wanted = number(facts, "desiredCount")?.unwrap_or(u64::from(facts.environment.count));
    let mut problems = Problems::default();
    if facts.environment.protected && wanted < 2 {
        problems.warn(
            format!(
                "`{}` is protected and wants {}: users see the loss of it",
                facts.environment.name,
                counted(wanted, "task")
            ),
            "set `count` to 2 in `[task]`",
        );
    }
    problems.or(format!("`{}` wants {}", facts.environment.name, counted(wanted, "task")))
}

//! `local status`: whether the daemon is running, its endpoint, and the state of its services.

use camino::Utf8Path;
use serde_json::{Value, json};

use super::Target;
use crate::effects::local_daemon::{self, Place};
use crate::plan::local::ACCOUNT;
use crate::report::Report;

pub(super) fn run(root: &Utf8Path, target: &Target, report: &Report) -> anyhow::Result<()> {
    let place = Place::of_repository(root);
    let found = local_daemon::running(&place);
    let said = found.and_then(|daemon| local_daemon::status(daemon.endpoint));
    match (found, &said) {
        (Some(daemon), Some(_)) => {
            report.result(format!("the local daemon is running, process {}", daemon.id));
            if daemon.endpoint != target.local.endpoint {
                report.warn(format!(
                    "it listens on {} as it was started; the configuration has changed",
                    daemon.endpoint
                ));
            }
        }
        (Some(daemon), None) => {
            report.warn(format!("process {} is there and does not answer: cargo xtask local start", daemon.id));
        }
        (None, _) => report.result("the local daemon is not running: cargo xtask local start"),
    }
    let outcome = if said.is_some() { "running" } else { "stopped" };
    finish(target, outcome, said.as_ref(), report);
    Ok(())
}

/// Shows the status; also used after a start.
pub(super) fn show(target: &Target, outcome: &str, report: &Report) -> anyhow::Result<()> {
    let said = local_daemon::status(target.local.endpoint);
    finish(target, outcome, said.as_ref(), report);
    Ok(())
}

fn finish(target: &Target, outcome: &str, said: Option<&Value>, report: &Report) {
    let Target { environment, local, names } = target;
    let text = |key: &str| said.and_then(|said| said[key].as_str()).map(str::to_owned);
    let registry = text("registry").unwrap_or_else(|| local.endpoint.to_string());
    let account = text("account").unwrap_or_else(|| ACCOUNT.to_owned());
    let endpoint = format!("http://{}", local.endpoint);
    let url = format!("http://{}", local.balancer);
    let services = said.map_or_else(|| json!([]), |said| said["services"].clone());
    if said.is_some() {
        report.result(format!(
            "  AWS endpoint   {endpoint}   region {}, account {account}, any keys",
            environment.region
        ));
        report.result(format!("  registry       {registry}   repositories {}", names.repositories.join(", ")));
        report.result(format!("  load balancer  {url}   cluster {}", names.cluster));
        for service in services.as_array().into_iter().flatten() {
            report.result(line(service));
        }
    }
    for balancer in said.and_then(|said| said["balancers"].as_array()).into_iter().flatten() {
        if let Some(problem) = balancer["problem"].as_str() {
            report.warn(format!("the load balancer cannot be reached: {problem}"));
        }
    }
    report.closing(json!({"outcome": outcome,
        "endpoint": endpoint,
        "registry": registry,
        "url": url,
        "region": environment.region,
        "account": account,
        "services": services,
    }));
}

/// Returns the line of one service, with the member names of ECS.
fn line(service: &Value) -> String {
    let text = |key: &str| match &service[key] {
        Value::String(text) => text.rsplit('/').next().unwrap_or_default().to_owned(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let [name, revision, desired, running, pending] =
        ["serviceName", "taskDefinition", "desiredCount", "runningCount", "pendingCount"].map(text);
    format!("  service {name:<15} {revision}, {running} of {desired} running, {pending} pending")
}

//! `deploy` on the local AWS emulator: cost of a no-op, this tool's own share of the time for a changed view, delay from
//! ECS's verdict to ours, and failed requests while tasks are replaced and removed.

use std::time::Instant;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::Row;
use super::deployed::PAGE;
use super::local_stage::LocalStage;
use super::measure;
use super::wrk::{Load, Page, Wrk};
use crate::report::Report;

/// Limits: seconds and calls of a no-op, seconds from ECS's verdict to ours, calls per second until then, this tool's own
/// seconds of a deploy, and the number of requests of which none may fail.
const UNCHANGED_BAR: f64 = 1.0;
const CALLS_BAR: f64 = 8.0;
const LAG_BAR: f64 = 1.0;
const PACE_BAR: f64 = 1.0;
const OURS_BAR: f64 = 2.0;
const REQUESTS: usize = 20_000;

const UNCHANGED_RUNS: usize = 5;
const ROUNDS: usize = 3;
/// Load that finds the capacity; half of it is the load while tasks are replaced.
const CONNECTIONS: u32 = 32;
const SECONDS: u32 = 5;

/// Phases of the closing event in which only this tool works: no build, no start of a task, no health check, no draining.
const OWN_PHASES: [&str; 7] = ["connect", "push", "plan", "lease", "register", "verify", "record"];

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let wrk = Wrk::unpacked(root, report)?;
    let stage = LocalStage::copy(root, "deploy", &[], report)?;
    stage.deploy_with_page()?;
    let mut rows = unchanged(&stage)?;
    rows.extend(changed(&stage)?);
    rows.extend(under_load(&stage, &wrk)?);
    Ok(rows)
}

/// Measures no-op deploys.
fn unchanged(stage: &LocalStage<'_>) -> anyhow::Result<Vec<Row>> {
    stage.report.detail("no-op deploys");
    let (mut seconds, mut calls, mut mutating) = (Vec::new(), 0.0_f64, 0.0_f64);
    for _ in 0..UNCHANGED_RUNS {
        let begun = Instant::now();
        let closed = stage.verb(&["deploy"])?;
        seconds.push(begun.elapsed().as_secs_f64());
        ensure!(closed["outcome"] == "unchanged", "a no-op deploy closes with {closed}");
        calls = calls.max(number(&closed, "/api_calls/total")?);
        mutating = mutating.max(number(&closed, "/api_calls/mutating")?);
    }
    Ok(vec![
        Row::at_most("deploy: no-op", measure::median(seconds), UNCHANGED_BAR, "s"),
        Row::at_most("  calls of AWS", calls, CALLS_BAR, ""),
        Row::at_most("  mutating calls", mutating, 0.0, ""),
    ])
}

/// Measures deploys of a changed view, without load.
fn changed(stage: &LocalStage<'_>) -> anyhow::Result<Vec<Row>> {
    stage.report.detail("deploys of a changed view");
    let (mut totals, mut own, mut lags, mut paces) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        stage.stage.change_view(round)?;
        let closed = stage.verb(&["deploy"])?;
        ensure!(closed["outcome"] == "deployed", "a deploy of a changed view closes with {closed}");
        let rollout = number(&closed, "/seconds/rollout")?;
        totals.push(number(&closed, "/seconds/total")?);
        lags.push(number(&closed, "/verdict_lag")?);
        paces.push(number(&closed, "/api_calls/following")? / rollout);
        own.push(own_seconds(stage, &closed)?);
        let calls = paces[round] * rollout;
        stage.report.detail(format!("round {round}: {}; ours {:.2} s; {calls:.0} calls", phases(&closed), own[round]));
    }
    Ok(vec![
        Row::plain("deploy: a changed view, until verified", format!("{:.1} s", measure::median(totals))),
        Row::at_most("  our own part of it", measure::median(own), OURS_BAR, "s"),
        Row::at_most("  from ECS's verdict to ours, the longest", lags.into_iter().fold(0.0, f64::max), LAG_BAR, "s"),
        Row::at_most("  calls while following, the most", paces.into_iter().fold(0.0, f64::max), PACE_BAR, "/s"),
    ])
}

/// Counts failed requests at half the capacity while every task is replaced and while one of two is removed.
fn under_load(stage: &LocalStage<'_>, wrk: &Wrk) -> anyhow::Result<Vec<Row>> {
    let page = Page { address: stage.local.balancer, path: PAGE, header: None };
    let capacity = wrk.full(&page, CONNECTIONS, SECONDS)?;
    let loaded = |what: &str, work: &dyn Fn() -> anyhow::Result<()>| -> anyhow::Result<Row> {
        stage.report.detail(format!("{what}, with requests at half the capacity"));
        let paced = wrk.paced(&page, capacity / 2.0, &stage.stage.root)?;
        work()?;
        let Load { answered, failed, rate } = paced.stop(REQUESTS)?;
        ensure!(answered >= REQUESTS, "wrk made {answered} requests where {REQUESTS} were wanted");
        Ok(Row::at_most(format!("  failed of {answered} at {rate:.0} /s while {what}"), failed as f64, 0.0, ""))
    };
    let rolled = loaded("a changed view is deployed", &|| {
        stage.stage.change_view(ROUNDS)?;
        let closed = stage.verb(&["deploy"])?;
        ensure!(closed["outcome"] == "deployed", "the deploy under load closes with {closed}");
        Ok(())
    })?;
    stage.verb(&["scale", "2"])?;
    healthy(stage, 2)?;
    let scaled = loaded("the second task is removed", &|| {
        stage.verb(&["scale", "1"])?;
        healthy(stage, 1)
    })?;
    Ok(vec![Row::plain("deploy: capacity of the page, cached", format!("{capacity:.0} /s")), rolled, scaled])
}

/// Waits until the load balancer has `count` targets and all are healthy: no target is draining.
fn healthy(stage: &LocalStage<'_>, count: usize) -> anyhow::Result<()> {
    let group = stage.target_group()?;
    stage.seconds_until("steady targets", || {
        let answer = stage.elb_answer(&format!("Action=DescribeTargetHealth&TargetGroupArn={group}"))?;
        let states: Vec<&str> = answer.split("<State>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        Ok(states.len() == count && states.iter().all(|state| *state == "healthy"))
    })?;
    Ok(())
}

/// Returns the seconds of a deploy in which only this tool worked: its own phases, and the rest of the other phases after
/// subtracting the durations that ECS reports.
fn own_seconds(stage: &LocalStage<'_>, closed: &Value) -> anyhow::Result<f64> {
    let own: f64 = OWN_PHASES.iter().filter_map(|phase| closed["seconds"][phase].as_f64()).sum();
    let service = stage.service()?;
    let records = stage.ecs(
        "ListServiceDeployments",
        &json!({
            "cluster": stage.names.cluster, "service": service["serviceArn"],
        }),
    )?;
    let record = &records["serviceDeployments"][0];
    let rollout = number(record, "/finishedAt")? - number(record, "/createdAt")?;
    let mut rest = number(closed, "/seconds/rollout")? - rollout;
    if let Some(release) = closed["seconds"]["release"].as_f64() {
        rest += release - release_task(stage, closed)?;
    }
    Ok(own + rest)
}

/// Returns the seconds of the release phase's task, from creation to stop.
fn release_task(stage: &LocalStage<'_>, closed: &Value) -> anyhow::Result<f64> {
    let cluster = &stage.names.cluster;
    let stopped = json!({ "cluster": cluster, "family": stage.names.family, "desiredStatus": "STOPPED" });
    let listed = stage.ecs("ListTasks", &stopped)?;
    let described = stage.ecs("DescribeTasks", &json!({ "cluster": cluster, "tasks": listed["taskArns"] }))?;
    let tasks = described["tasks"].as_array().cloned().unwrap_or_default();
    // Tasks of the service have its group; a standalone task has none.
    let is_it = |task: &&Value| {
        task["taskDefinitionArn"] == closed["task_definition"]
            && !task["group"].as_str().unwrap_or_default().starts_with("service:")
    };
    let task = tasks.iter().find(is_it).context("ECS does not list the task of the release phase")?;
    Ok(number(task, "/stoppedAt")? - number(task, "/createdAt")?)
}

/// Formats the phases and their seconds, the longest first.
fn phases(closed: &Value) -> String {
    let members = closed["seconds"].as_object().into_iter().flatten();
    let mut phases: Vec<(&str, f64)> =
        members.filter_map(|(phase, seconds)| Some((phase.as_str(), seconds.as_f64()?))).collect();
    phases.retain(|(phase, _)| *phase != "total");
    phases.sort_by(|one, other| other.1.total_cmp(&one.1));
    phases.iter().map(|(phase, seconds)| format!("{phase} {seconds:.2}")).collect::<Vec<_>>().join(", ")
}

fn number(document: &Value, pointer: &str) -> anyhow::Result<f64> {
    document.pointer(pointer).and_then(Value::as_f64).with_context(|| format!("no `{pointer}` in {document}"))
}

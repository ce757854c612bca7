//! The stand-in's load balancer: requests a second against nginx in front of the same two servers, and requests that fail
//! while a rolling deployment replaces every task and while one is killed.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::Row;
use super::local::{SERVE, service};
use super::local_stage::{LocalStage, free_addresses};
use crate::effects::loopback::{self, Request};
use crate::effects::packages::{self, Unpacked};
use crate::effects::{measure, process};
use crate::report::Report;

/// The bars: our requests a second as a part of nginx's, at least; and failed requests of so many.
const RATIO: f64 = 0.8;
const REQUESTS: u64 = 20_000;

const ROUNDS: usize = 5;
const SECONDS: u64 = 4;
const CLIENTS: usize = 8;
const TASKS: usize = 3;
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let stage = LocalStage::start(root, "balancer", report)?;
    let mut rows = throughput(root, &stage, report)?;
    let image = stage.push_busybox(root)?;
    rows.push(rolling(&stage, &image, report)?);
    Ok(rows)
}

fn throughput(root: &Utf8Path, stage: &LocalStage<'_>, report: &Report) -> anyhow::Result<Vec<Row>> {
    let wrk = packages::unpacked(root, "wrk", &["wrk"], report)?.runnable("/usr/bin/wrk")?;
    let unpacked = packages::unpacked(root, "nginx", &["nginx"], report)?;
    let (first, second) = free_addresses()?;
    let (front, _) = free_addresses()?;
    let folder = &stage.stage.root;
    let answer = "location / { default_type text/plain; return 200 'a page of one line\\n'; }";
    let servers = [first, second].map(|address| format!("server {{ listen {address}; {answer} }}")).join(" ");
    let upstream = format!("upstream tasks {{ server {first}; server {second}; keepalive 64; }}");
    let proxy = "location / { proxy_pass http://tasks; proxy_http_version 1.1; proxy_set_header Connection ''; }";
    let _tasks = Nginx::start(&unpacked, &folder.join("tasks"), &servers, first, stage)?;
    let _front = Nginx::start(
        &unpacked,
        &folder.join("front"),
        &format!("{upstream} server {{ listen {front}; {proxy} }}"),
        front,
        stage,
    )?;
    let group = stage.target_group()?;
    let encoded = group.replace(':', "%3A").replace('/', "%2F");
    for (at, address) in [first, second].iter().enumerate() {
        let member = format!("Targets.member.1.Id={}&Targets.member.1.Port={}", address.ip(), address.port());
        stage
            .elb(&format!("Action=RegisterTargets&TargetGroupArn={encoded}&{member}"), "RequestId")
            .with_context(|| format!("failed to register server {at}"))?;
    }
    stage.seconds_until("a healthy target", || Ok(answers(stage.local.balancer)))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        ours.push(requests_a_second(&wrk, stage.local.balancer)?);
        theirs.push(requests_a_second(&wrk, front)?);
        report.detail(format!("round {round}: {:.0} requests a second, nginx {:.0}", ours[round], theirs[round]));
    }
    for address in [first, second] {
        let member = format!("Targets.member.1.Id={}&Targets.member.1.Port={}", address.ip(), address.port());
        stage.elb(&format!("Action=DeregisterTargets&TargetGroupArn={encoded}&{member}"), "RequestId")?;
    }
    let ratio = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    Ok(vec![
        Row::plain("local: the load balancer in front of two servers", format!("{:.0} req/s", measure::median(ours))),
        Row::plain("  nginx in front of the same", format!("{:.0} req/s", measure::median(theirs))),
        Row::at_least("  ours against its", ratio, RATIO, "x"),
    ])
}

fn answers(address: SocketAddr) -> bool {
    loopback::send(address, &Request::get("/healthz/live"), Duration::from_secs(5))
        .is_ok_and(|answer| answer.status == 200)
}

fn requests_a_second(wrk: &Utf8Path, address: SocketAddr) -> anyhow::Result<f64> {
    let mut command = Command::new(wrk);
    command.args([
        "--threads",
        "1",
        "--connections",
        "32",
        "--duration",
        &format!("{SECONDS}s"),
        &format!("http://{address}/"),
    ]);
    let said = process::run(&mut command, LIMIT)?;
    ensure!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "requests failed: {said}");
    let figure = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")?.trim().parse().ok());
    figure.with_context(|| format!("wrk gave no figure: {said}"))
}

/// Clients ask without a pause while every task is replaced, and then while one is killed. What is not answered with 200
/// counts.
fn rolling(stage: &LocalStage<'_>, image: &str, report: &Report) -> anyhow::Result<Row> {
    let first = service(stage, image, "rolling", SERVE, TASKS)?;
    stage.seconds_until("a healthy target", || Ok(answers(stage.local.balancer)))?;
    let (over, asked, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let outcome = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if !answers(stage.local.balancer) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let outcome = roll_and_kill(stage, image, &first, &asked);
        over.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    let (asked, failed) = (asked.into_inner(), failed.into_inner());
    report.detail(format!("{asked} requests while every task was replaced and one was killed"));
    #[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
    Ok(Row::at_most(
        format!("local: failed of {asked} requests while tasks are replaced and killed"),
        failed as f64,
        0.0,
        "requests",
    ))
}

fn roll_and_kill(stage: &LocalStage<'_>, image: &str, first: &str, asked: &AtomicU64) -> anyhow::Result<()> {
    let cluster = &stage.names.cluster;
    let settled = |revision: &str| -> anyhow::Result<bool> {
        let found = stage.ecs("DescribeServices", &json!({ "cluster": cluster, "services": ["rolling"] }))?;
        let service = &found["services"][0];
        let one = service["deployments"].as_array().is_some_and(|all| all.len() == 1);
        Ok(one
            && service["taskDefinition"] == revision
            && service["deployments"][0]["rolloutState"] == "COMPLETED"
            && service["runningCount"] == TASKS)
    };
    stage.seconds_until("the service", || settled(first))?;
    let second = super::local::register(stage, image, "rolling", SERVE)?;
    stage.ecs("UpdateService", &json!({ "cluster": cluster, "service": "rolling", "taskDefinition": second }))?;
    stage.seconds_until("the second revision", || settled(&second))?;
    let tasks = stage.ecs("ListTasks", &json!({ "cluster": cluster, "serviceName": "rolling" }))?;
    let task = tasks["taskArns"][0].as_str().and_then(|arn| arn.rsplit('/').next()).context("no task runs")?.to_owned();
    // One of its containers ends as if it had crashed; the balancer learns of it from a broken connection first.
    let filter = format!("label=slipway.local.task={task}");
    let containers =
        stage.docker(&["ps", "--quiet", "--filter", &filter, "--filter", "label=slipway.local.container=server"])?;
    stage.docker(&["kill", "--signal", "KILL", containers.lines().next().context("the task has no server")?])?;
    stage.seconds_until("a new task", || {
        let found = stage.ecs("ListTasks", &json!({ "cluster": cluster, "serviceName": "rolling" }))?;
        let arns = found["taskArns"].as_array().cloned().unwrap_or_default();
        Ok(arns.len() == TASKS && !arns.iter().any(|arn| arn.as_str().is_some_and(|arn| arn.ends_with(&task))))
    })?;
    stage.seconds_until("enough requests", || Ok(asked.load(Ordering::Relaxed) >= REQUESTS)).map(drop)
}

/// An nginx in a folder of its own; gone when dropped.
struct Nginx {
    child: Child,
}

impl Nginx {
    fn start(
        unpacked: &Unpacked,
        folder: &Utf8Path,
        http: &str,
        address: SocketAddr,
        stage: &LocalStage<'_>,
    ) -> anyhow::Result<Nginx> {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
            .join(" ");
        let text = format!(
            "daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; user root;\n\
             events {{ worker_connections 4096; }}\nhttp {{ access_log off; keepalive_requests 1000000; {temporary} {http} }}\n"
        );
        let configuration: Utf8PathBuf = folder.join("nginx.conf");
        fs::write(&configuration, text).with_context(|| format!("failed to write `{configuration}`"))?;
        let child = Command::new(unpacked.file("/usr/sbin/nginx"))
            .args(["-p", folder.as_str(), "-e", folder.join("error.log").as_str(), "-c", configuration.as_str()])
            .env("LD_LIBRARY_PATH", unpacked.libraries())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start nginx")?;
        let nginx = Nginx { child };
        stage.seconds_until("an answer of nginx", || {
            Ok(loopback::send(address, &Request::get("/"), Duration::from_secs(5))
                .is_ok_and(|answer| answer.status < 500))
        })?;
        Ok(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its workers only where it is asked to.
        process::terminate(self.child.id());
        let _ = self.child.wait();
    }
}

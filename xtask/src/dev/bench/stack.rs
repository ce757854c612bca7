//! The stack of `deploy` against the original one that it replaces (`bench/original/`): two services of one task each, on
//! the same emulator, with the same limit of a quarter of a CPU, measured in alternation.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::Row;
use super::deployed::PAGE;
use super::local_stage::LocalStage;
use super::measure;
use super::stack_original::Original;
use super::wrk::{Page, Wrk};
use crate::dev::postgres::{self, Postgres};
use crate::effects::local_daemon::Place;
use crate::effects::loopback::{self, Request};
use crate::plan::local::FILE_SYSTEM;
use crate::report::Report;

/// Limits: ratios to the original's requests per second, seconds, and share of the original's start time.
const PUBLIC_BAR: f64 = 20.0;
const UNCACHED_BAR: f64 = 1.5;
const WAITING_BAR: f64 = 7.5;
const PROBE_BAR: f64 = 0.1;
const START_BAR: f64 = 0.5;

const ROUNDS: usize = 3;
const SECONDS: u32 = 4;
/// Twice the worker slots of our stack. With many more, health checks would time out behind the load.
const CONNECTIONS: u32 = 16;
/// Number of probes during one slow request, and the interval between them.
const PROBES: usize = 8;
const BETWEEN: Duration = Duration::from_millis(400);

/// Parameter with the URL of the database.
const DATABASE: &str = "/bench/DATABASE_URL";

/// Addresses of both stacks and the tools to measure them.
struct Stacks<'s> {
    ours: SocketAddr,
    original: SocketAddr,
    wrk: &'s Wrk,
    report: &'s Report,
}

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let wrk = Wrk::unpacked(root, report)?;
    let database = Postgres::start(&postgres::binaries(root, report)?)?;
    let stage = LocalStage::copy(
        root,
        "stack",
        &[
            // PostgreSQL instead of SQLite, as a service with more than one task has it.
            ("DATABASE_URL = \"sqlite:////data/db.sqlite3\"\n", ""),
            ("[secrets]", &format!("[secrets]\nDATABASE_URL = \"ssm:{DATABASE}\"")),
            ("[variables]", "[variables]\nSLIPWAY_TEST_ENDPOINTS = \"true\""),
        ],
        report,
    )?;
    share_socket(&stage, &database)?;
    let address = json!({ "Name": DATABASE, "Type": "SecureString", "Value": database.url_by_socket("/data") });
    stage.call("ssm", "AmazonSSM.PutParameter", &address)?;
    stage.deploy_with_page()?;
    let service = stage.service()?;
    let original = Original::serve(root, &stage, &service)?;
    let stacks = Stacks { ours: stage.local.balancer, original: original.balancer, wrk: &wrk, report };
    let (ours, theirs) = (body(stacks.ours, PAGE)?, body(stacks.original, PAGE)?);
    ensure!(ours == theirs, "the two stacks answer `{PAGE}` with different pages:\n{ours}\n{theirs}");

    let mut rows = stacks.compare("public page", PAGE, None, PUBLIC_BAR)?;
    // nginx does not use its cache for requests with a session cookie.
    rows.extend(stacks.compare(
        "page with a session, from the database",
        PAGE,
        Some("Cookie: sessionid=bench"),
        UNCACHED_BAR,
    )?);
    rows.extend(stacks.compare("page that waits 50 ms", "/-/sleep?seconds=0.05", None, WAITING_BAR)?);
    rows.extend(stacks.probes()?);
    rows.extend(starts(&stage, &service, &original)?);
    Ok(rows)
}

/// Links the database's socket into the tasks' shared file system, so that no address outside of loopback is opened.
fn share_socket(stage: &LocalStage<'_>, database: &Postgres) -> anyhow::Result<()> {
    let folder = Place::of_repository(&stage.stage.root).state().join("efs").join(FILE_SYSTEM);
    fs::create_dir_all(&folder).with_context(|| format!("failed to create `{folder}`"))?;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))
        .with_context(|| format!("failed to open `{folder}`"))?;
    let socket = database.socket();
    // A hard link: the server's user has no access to the emulator's state.
    let link = folder.join(postgres::SOCKET);
    fs::hard_link(&socket, &link).with_context(|| format!("failed to link `{socket}` to `{link}`"))
}

fn body(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let answer = loopback::send(address, &Request::get(path), Duration::from_secs(30))
        .with_context(|| format!("failed to request `{path}` from {address}"))?;
    ensure!(answer.status == 200, "{address} answers `{path}` with {}", answer.status);
    Ok(answer.body)
}

impl Stacks<'_> {
    /// Measures requests per second of both, in alternation.
    fn compare(&self, what: &str, path: &str, header: Option<&str>, bar: f64) -> anyhow::Result<Vec<Row>> {
        self.report.detail(what);
        let rate = |address: SocketAddr, seconds: u32| {
            self.wrk.full(&Page { address, path, header }, CONNECTIONS, seconds).with_context(|| what.to_owned())
        };
        for address in [self.original, self.ours] {
            rate(address, 1)?;
        }
        let (mut ours, mut original) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            original.push(rate(self.original, SECONDS)?);
            ours.push(rate(self.ours, SECONDS)?);
        }
        let (ours, original) = (measure::median(ours), measure::median(original));
        Ok(vec![
            Row::plain(format!("stack: {what}, the original"), format!("{original:.0} /s")),
            Row::plain("  ours", format!("{ours:.0} /s")),
            Row::at_least("  ours against the original's", ours / original, bar, "x"),
        ])
    }

    /// Measures the slowest health check during a request of five seconds.
    fn probes(&self) -> anyhow::Result<Vec<Row>> {
        self.report.detail("health checks during a request of five seconds");
        let slowest = |address: SocketAddr| -> anyhow::Result<f64> {
            thread::scope(|scope| {
                let visitor = scope.spawn(move || body(address, "/-/sleep?seconds=5"));
                let mut seconds = Vec::new();
                for _ in 0..PROBES {
                    thread::sleep(BETWEEN);
                    if visitor.is_finished() {
                        break;
                    }
                    let begun = Instant::now();
                    body(address, "/healthz/live")?;
                    seconds.push(begun.elapsed().as_secs_f64());
                }
                ensure!(visitor.join().is_ok_and(|answer| answer.is_ok()), "the visitor's request failed");
                Ok(seconds.into_iter().fold(0.0, f64::max))
            })
        };
        let (original, ours) = (slowest(self.original)?, slowest(self.ours)?);
        Ok(vec![
            Row::plain("stack: slowest health check during a request of 5 s, the original", format!("{original:.3} s")),
            Row::at_most("  ours", ours, PROBE_BAR, "s"),
        ])
    }
}

/// Measures the seconds from `RunTask` to the first answer through nginx, in alternation. The images are pulled already.
fn starts(stage: &LocalStage<'_>, service: &Value, original: &Original) -> anyhow::Result<Vec<Row>> {
    stage.report.detail("tasks until their first answer");
    let deployed = service["taskDefinition"].as_str().unwrap_or_default();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(start(stage, service, &original.revision)?);
        ours.push(start(stage, service, deployed)?);
    }
    let ratio = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    Ok(vec![
        Row::plain("stack: a task until its first answer, the original", format!("{:.2} s", measure::median(theirs))),
        Row::plain("  ours", format!("{:.2} s", measure::median(ours))),
        Row::at_most("  ours as a share of the original's", ratio, START_BAR, ""),
    ])
}

fn start(stage: &LocalStage<'_>, service: &Value, revision: &str) -> anyhow::Result<f64> {
    let cluster = &stage.names.cluster;
    let begun = Instant::now();
    let answer = stage.ecs(
        "RunTask",
        &json!({
            "cluster": cluster, "taskDefinition": revision, "launchType": "FARGATE",
            "networkConfiguration": service["networkConfiguration"],
        }),
    )?;
    let task = answer["tasks"][0]["taskArn"].as_str().with_context(|| format!("no task was started: {answer}"))?;
    let mut address = None;
    stage.seconds_until("a task's first answer", || {
        if address.is_none() {
            let described = stage.ecs("DescribeTasks", &json!({ "cluster": cluster, "tasks": [task] }))?;
            let interface = &described["tasks"][0]["containers"][0]["networkInterfaces"][0];
            address =
                interface["privateIpv4Address"].as_str().and_then(|ip| Some(SocketAddr::new(ip.parse().ok()?, 8080)));
        }
        let Some(address) = address else { return Ok(false) };
        let answer = loopback::send(address, &Request::get("/healthz/live"), Duration::from_secs(5));
        Ok(answer.is_ok_and(|answer| answer.status == 200))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    stage.ecs("StopTask", &json!({ "cluster": cluster, "task": task }))?;
    // A stopping task uses CPU: the next start begins after it.
    stage.seconds_until("a task's end", || {
        let described = stage.ecs("DescribeTasks", &json!({ "cluster": cluster, "tasks": [task] }))?;
        Ok(described["tasks"][0]["lastStatus"] == "STOPPED")
    })?;
    Ok(seconds)
}

//! The emulator's load balancer: requests per second against nginx in front of the same targets, and failed requests while
//! a deployment replaces every task and while a task is killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::Row;
use super::local::{SERVE, service};
use super::local_stage::{LocalStage, free_address};
use super::measure;
use crate::dev::packages::{self, Unpacked};
use crate::effects::loopback::{self, Request};
use crate::effects::process;
use crate::report::Report;

/// Limits: share of nginx's requests per second, and the number of requests of which none may fail.
const SPEED_BAR: f64 = 0.8;
const REQUESTS: usize = 20_000;

const ROUNDS: usize = 5;
/// Connections of wrk, which runs with one thread: it shares the machine with the servers.
const CONNECTIONS: &str = "64";
const SECONDS: &str = "3";
/// Clients while tasks are replaced, and requests per connection.
const CLIENTS: usize = 8;
const KEPT: usize = 50;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let tools = packages::unpacked(root, "balancer-bench", &["nginx-light", "wrk"], report)?;
    let stage = LocalStage::start(root, "balancer", report)?;
    let mut rows = speed(&stage, &tools)?;
    let image = stage.push_busybox(root)?;
    rows.extend(failures(&stage, &image)?);
    Ok(rows)
}

/// Path of the program on Debian and Ubuntu.
const NGINX: &str = "/usr/sbin/nginx";

/// An nginx process, terminated when dropped.
struct Nginx {
    child: Child,
}

impl Nginx {
    /// Starts nginx with an `http` block, in its own folder.
    fn start(tools: &Unpacked, folder: &Utf8Path, workers: &str, http: &str) -> anyhow::Result<Nginx> {
        fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path t;"));
        let text = format!(
            "worker_processes {workers}; pid pid; error_log stderr error; daemon off;\nevents {{ worker_connections 4096; }}\n\
             http {{ access_log off; keepalive_requests 1000000; {} {http} }}\n",
            paths.join(" ")
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, text).with_context(|| format!("failed to write `{file}`"))?;
        // Debian 12's `nginx-light` depends on `nginx` for the program, which is not fetched if it is installed.
        let unpacked = tools.file(NGINX);
        // In its own session, as the daemon: Linux schedules by session first (CONFIG_SCHED_AUTOGROUP), so a proxy in
        // wrk's session would share wrk's time slices.
        let mut command = Command::new("setsid");
        command
            .arg(if unpacked.is_file() { unpacked.as_str() } else { NGINX })
            .env("LD_LIBRARY_PATH", tools.libraries())
            .arg("-p")
            .arg(format!("{folder}/"))
            .args(["-c", "nginx.conf"]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().context("failed to start nginx")?;
        Ok(Nginx { child })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // At SIGTERM the master stops its workers; SIGKILL would leave them running.
        process::terminate(self.child.id());
        let _ = self.child.wait();
    }
}

/// Measures requests per second of both, in alternation, for a short answer and for a page of 2 KB.
fn speed(stage: &LocalStage<'_>, tools: &Unpacked) -> anyhow::Result<Vec<Row>> {
    let group = stage.target_group()?;
    let folder = &stage.stage.root;
    let (mut targets, mut servers) = (Vec::new(), Vec::new());
    for number in 0..2 {
        let (target, own) = (free_address()?, folder.join(format!("target-{number}")));
        fs::create_dir_all(&own).with_context(|| format!("failed to create `{own}`"))?;
        fs::write(own.join("page"), "x".repeat(2048)).context("failed to write a page")?;
        let http =
            format!("server {{ listen {target}; location / {{ return 200 ok; }} location = /page {{ root {own}; }} }}");
        servers.push(Nginx::start(tools, &own, "1", &http)?);
        targets.push(target);
    }
    let front = free_address()?;
    let upstream = targets.iter().map(|target| format!("server {target};")).collect::<String>();
    let http = format!(
        "upstream targets {{ {upstream} keepalive 256; keepalive_requests 1000000; }} server {{ listen {front}; location / {{ \
         proxy_pass http://targets; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $http_host; \
         proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; \
         proxy_set_header X-Forwarded-Port $server_port; proxy_set_header X-Amzn-Trace-Id $request_id; }} }}"
    );
    servers.push(Nginx::start(tools, &folder.join("front"), "auto", &http)?);
    let members = |(number, target): (usize, &SocketAddr)| {
        let at = number + 1;
        format!("&Targets.member.{at}.Id={}&Targets.member.{at}.Port={}", target.ip(), target.port())
    };
    let members = targets.iter().enumerate().map(members).collect::<String>();
    stage.elb(&format!("Action=RegisterTargets&TargetGroupArn={group}{members}"), "RequestId")?;
    let balancer = stage.local.balancer;
    for address in [balancer, front] {
        stage.seconds_until("a proxy", || {
            let answer = loopback::send(address, &Request::get("/page"), Duration::from_secs(5));
            Ok(answer.is_ok_and(|answer| answer.status == 200 && answer.body.len() == 2048))
        })?;
    }
    let mut rows = Vec::new();
    for (path, what) in [("/", "a short answer"), ("/page", "a page of 2 KB")] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(wrk(tools, front, path)?);
            ours.push(wrk(tools, balancer, path)?);
        }
        // Ratio per round: both sides of a round see the same other load of the machine.
        let ratio = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
        let (ours, theirs) = (measure::median(ours), measure::median(theirs));
        rows.push(Row::plain(format!("balancer: {what}, nginx"), format!("{theirs:.0} /s")));
        rows.push(Row::plain("  the emulator", format!("{ours:.0} /s")));
        rows.push(Row::at_least("  share of nginx's", ratio, SPEED_BAR, "×"));
    }
    stage.elb(&format!("Action=DeregisterTargets&TargetGroupArn={group}{members}"), "RequestId")?;
    stage.seconds_until("an empty target group", || {
        let answer = loopback::send(balancer, &Request::get("/"), Duration::from_secs(5));
        Ok(answer.is_ok_and(|answer| answer.status == 503))
    })?;
    Ok(rows)
}

/// Returns requests per second; a failed request is an error.
fn wrk(tools: &Unpacked, address: SocketAddr, path: &str) -> anyhow::Result<f64> {
    let mut command = Command::new(tools.file("/usr/bin/wrk"));
    command.env("LD_LIBRARY_PATH", tools.libraries()).args(["-t1", "-c", CONNECTIONS, "-d", SECONDS]);
    let output = process::run(command.arg(format!("http://{address}{path}")), Duration::from_secs(60))?;
    ensure!(!output.contains("Non-2xx") && !output.contains("Socket errors"), "requests failed:\n{output}");
    let line = output.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|figure| figure.trim().parse().ok()).with_context(|| format!("no figure in:\n{output}"))
}

/// Counts failed requests while a deployment replaces both tasks of a service, and while one is killed.
fn failures(stage: &LocalStage<'_>, image: &str) -> anyhow::Result<Vec<Row>> {
    let cluster = &stage.names.cluster;
    let family = "rolled";
    service(stage, image, family, SERVE, 2)?;
    let first = settled(stage, family, &[])?;
    let rolled = under_load(stage.local.balancer, || {
        let input = json!({ "cluster": cluster, "service": family, "forceNewDeployment": true });
        stage.ecs("UpdateService", &input)?;
        settled(stage, family, &first)
    })?;
    let second = settled(stage, family, &[])?;
    let killed = under_load(stage.local.balancer, || {
        let one = second.first().cloned().into_iter().collect::<Vec<_>>();
        let described = stage.ecs("DescribeTasks", &json!({ "cluster": cluster, "tasks": one }))?;
        let containers = described["tasks"][0]["containers"].as_array().cloned().unwrap_or_default();
        let server = containers.iter().find(|container| container["name"] == "server");
        let id = server.and_then(|server| server["runtimeId"].as_str()).context("a task has no container")?;
        stage.docker(&["kill", id])?;
        settled(stage, family, &one)
    })?;
    stage.ecs("DeleteService", &json!({ "cluster": cluster, "service": family, "force": true }))?;
    let row = |what: &str, (failed, made): (usize, usize)| {
        Row::at_most(format!("balancer: failed of {made} requests while {what}"), failed as f64, 0.0, "")
    };
    Ok(vec![row("every task is replaced", rolled), row("a task is killed", killed)])
}

/// Waits until the only deployment is complete with two tasks, none of them in `gone`, and returns their ARNs.
fn settled(stage: &LocalStage<'_>, service: &str, gone: &[String]) -> anyhow::Result<Vec<String>> {
    let cluster = &stage.names.cluster;
    let mut tasks = Vec::new();
    stage.seconds_until("a steady service", || {
        let listed = stage.ecs("ListTasks", &json!({ "cluster": cluster, "serviceName": service }))?;
        let listed = listed["taskArns"].as_array().cloned().unwrap_or_default();
        tasks = listed.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        let described = stage.ecs("DescribeServices", &json!({ "cluster": cluster, "services": [service] }))?;
        let service = &described["services"][0];
        let complete = service["deployments"].as_array().is_some_and(|all| all.len() == 1)
            && service["deployments"][0]["rolloutState"] == "COMPLETED";
        Ok(complete && service["runningCount"] == 2 && tasks.len() == 2 && !tasks.iter().any(|one| gone.contains(one)))
    })?;
    Ok(tasks)
}

/// Sends requests until `work` returns, and at least `REQUESTS`; returns the failed ones and all.
fn under_load<T>(address: SocketAddr, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(usize, usize)> {
    let (over, failed, made) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let client = || {
        while !over.load(Ordering::Relaxed) || made.load(Ordering::Relaxed) < REQUESTS {
            let Ok(mut connection) = TcpStream::connect(address).map(BufReader::new) else {
                made.fetch_add(1, Ordering::Relaxed);
                failed.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            for _ in 0..KEPT {
                made.fetch_add(1, Ordering::Relaxed);
                if !request(&mut connection).unwrap_or(false) {
                    failed.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                // The load lasts about as long as a deployment and leaves it CPU time.
                thread::sleep(Duration::from_millis(2));
            }
        }
    };
    let outcome = thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
        let outcome = work();
        over.store(true, Ordering::Relaxed);
        outcome
    });
    outcome?;
    Ok((failed.into_inner(), made.into_inner()))
}

/// Sends one request on a kept connection; returns whether a complete answer with status 200 arrived.
fn request(connection: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    connection.get_ref().set_read_timeout(Some(Duration::from_secs(20)))?;
    connection.get_mut().write_all(b"GET /healthz/live HTTP/1.1\r\nHost: bench\r\n\r\n")?;
    let (mut line, mut length) = (String::new(), 0);
    connection.read_line(&mut line)?;
    let is_ok = line.starts_with("HTTP/1.1 200 ");
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        if line == "\r\n" {
            connection.read_exact(&mut vec![0; length])?;
            return Ok(is_ok);
        }
    }
}

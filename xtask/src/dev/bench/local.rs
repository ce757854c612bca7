//! The local AWS emulator: time until a task serves, CPU and memory of the idle daemon, and latency of calls with many
//! services.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::Row;
use super::local_stage::LocalStage;
use super::measure;
use crate::effects::loopback::{self, Request};
use crate::report::Report;

/// Limits: seconds over `docker run`, percent of a core, MiB, seconds per call.
const START_BAR: f64 = 1.5;
const CPU_BAR: f64 = 0.5;
const MEMORY_BAR: f64 = 32.0;
const CALL_BAR: f64 = 0.050;

const STARTS: usize = 5;
const SERVICES: usize = 200;
const IDLE: Duration = Duration::from_secs(10);

/// Commands of a web server and of an idle second container.
pub(super) const SERVE: &str =
    "mkdir -p /tmp/www/healthz && echo yes > /tmp/www/healthz/live && exec /bin/busybox httpd -f -p 8080 -h /tmp/www";
const WAIT: &str = "exec /bin/busybox sleep 600";

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let stage = LocalStage::start(root, "local", report)?;
    let image = stage.push_busybox(root)?;
    let mut rows = Vec::new();
    report.detail("a task against `docker run` of the same containers");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..STARTS {
        theirs.push(docker_run(&stage, &image, round)?);
        ours.push(task(&stage, &image, round)?);
    }
    let over = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs));
    rows.push(Row::plain(
        "local: docker run of two containers until they answer",
        format!("{:.3} s", measure::median(theirs)),
    ));
    rows.push(Row::plain(
        "  a service of the same until its target is healthy",
        format!("{:.3} s", measure::median(ours)),
    ));
    rows.push(Row::at_most("  over docker run", over, START_BAR, "s"));
    report.detail("the idle daemon with one service");
    let (cpu, memory) = idle(&stage)?;
    rows.push(Row::at_most("local: idle daemon, share of a core", cpu, CPU_BAR, "%"));
    rows.push(Row::at_most("  resident memory", memory, MEMORY_BAR, "MiB"));
    report.detail(format!("{SERVICES} services with a task definition each"));
    let calls = calls(&stage, &image)?;
    let worst = calls.iter().copied().fold(0.0, f64::max);
    rows.push(Row::plain(
        format!("local: a call among {SERVICES} services, median"),
        format!("{:.4} s", measure::median(calls)),
    ));
    rows.push(Row::at_most("  the slowest of all calls", worst, CALL_BAR, "s"));
    Ok(rows)
}

/// Returns the seconds until both containers run in one network namespace and the server answers.
fn docker_run(stage: &LocalStage<'_>, image: &str, round: usize) -> anyhow::Result<f64> {
    let names = ["a", "b"].map(|part| format!("slipway-bench-{}-{round}{part}", std::process::id()));
    let network = format!("--network=container:{}", names[0]);
    let begun = Instant::now();
    let run = || -> anyhow::Result<f64> {
        let limits = ["--cpus=0.25", "--memory=512m"];
        stage.docker(
            &[&["run", "--detach", "--name", &names[0]], &limits[..], &[image, "/bin/sh", "-c", SERVE]].concat(),
        )?;
        stage.docker(
            &[&["run", "--detach", "--name", &names[1], &network], &limits[..], &[image, "/bin/sh", "-c", WAIT]]
                .concat(),
        )?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = stage.docker(&["inspect", "--format", format, &names[0]])?;
        let address = format!("{address}:8080").parse().with_context(|| format!("`{address}` is not an address"))?;
        stage.seconds_until("the answer of a container", || {
            let answer = loopback::send(address, &Request::get("/healthz/live"), Duration::from_secs(5));
            Ok(answer.is_ok_and(|answer| answer.status == 200))
        })?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let seconds = run();
    stage.docker(&["rm", "--force", &names[0], &names[1]])?;
    seconds
}

/// Returns the seconds from `CreateService` until the load balancer serves. The service of the last round remains.
fn task(stage: &LocalStage<'_>, image: &str, round: usize) -> anyhow::Result<f64> {
    let cluster = &stage.names.cluster;
    let name = format!("start-{round}");
    let begun = Instant::now();
    service(stage, image, &name, SERVE, 1)?;
    stage.seconds_until("a healthy target", || {
        let answer = loopback::send(stage.local.balancer, &Request::get("/healthz/live"), Duration::from_secs(5));
        Ok(answer.is_ok_and(|answer| answer.status == 200))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    if round + 1 < STARTS {
        stage.ecs("DeleteService", &json!({ "cluster": cluster, "service": name, "force": true }))?;
        stage.seconds_until("the end of a service", || {
            let tasks = stage.ecs("ListTasks", &json!({ "cluster": cluster }))?;
            let answer = loopback::send(stage.local.balancer, &Request::get("/"), Duration::from_secs(5));
            Ok(tasks["taskArns"] == json!([]) && answer.is_ok_and(|answer| answer.status == 503))
        })?;
    }
    Ok(seconds)
}

/// Creates a service behind the load balancer and returns the ARN of its revision.
pub(super) fn service(
    stage: &LocalStage<'_>,
    image: &str,
    name: &str,
    command: &str,
    count: usize,
) -> anyhow::Result<String> {
    let revision = register(stage, image, name, command)?;
    stage.ecs("CreateService", &json!({
        "cluster": stage.names.cluster, "serviceName": name, "taskDefinition": revision, "desiredCount": count, "launchType": "FARGATE",
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"] } },
        "loadBalancers": [{ "targetGroupArn": stage.target_group()?, "containerName": "server", "containerPort": 8080 }],
    }))?;
    Ok(revision)
}

/// Registers a revision of two containers, one of which serves, and returns its ARN.
pub(super) fn register(stage: &LocalStage<'_>, image: &str, family: &str, command: &str) -> anyhow::Result<String> {
    let container = |name: &str, command: &str| json!({ "name": name, "image": image, "command": ["/bin/sh", "-c", command], "stopTimeout": 2 });
    let mut server = container("server", command);
    server["portMappings"] = json!([{ "containerPort": 8080 }]);
    let registered = stage.ecs("RegisterTaskDefinition", &json!({
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
        "executionRoleArn": format!("arn:aws:iam::{}:role/{}", crate::plan::local::ACCOUNT, stage.names.execution_role),
        "containerDefinitions": [server, container("companion", WAIT)],
    }))?;
    let arn = registered["taskDefinition"]["taskDefinitionArn"].as_str();
    arn.map(str::to_owned).context("failed to read the answer of RegisterTaskDefinition")
}

/// Returns percent of a core and resident MiB of the daemon.
fn idle(stage: &LocalStage<'_>) -> anyhow::Result<(f64, f64)> {
    // Work of the last start finishes first.
    thread::sleep(Duration::from_secs(3));
    let id = stage.daemon.id;
    let before = measure::cpu_seconds(id)?;
    let begun = Instant::now();
    thread::sleep(IDLE);
    let used = measure::cpu_seconds(id)? - before;
    let status = fs::read_to_string(format!("/proc/{id}/status")).context("failed to read the daemon's memory")?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    Ok((100.0 * used / begun.elapsed().as_secs_f64(), resident.context("the daemon has no `VmRSS`")? / 1024.0))
}

/// Returns the seconds of each call that describes or lists the services, page by page.
fn calls(stage: &LocalStage<'_>, image: &str) -> anyhow::Result<Vec<f64>> {
    let cluster = &stage.names.cluster;
    let names: Vec<String> = (0..SERVICES).map(|number| format!("many-{number:03}")).collect();
    for name in &names {
        register(stage, image, name, SERVE)?;
        stage.ecs("CreateService", &json!({
            "cluster": cluster, "serviceName": name, "taskDefinition": name, "desiredCount": 0, "launchType": "FARGATE",
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"] } },
        }))?;
    }
    let mut seconds = Vec::new();
    let mut timed = |action: &str, input: &Value| {
        let begun = Instant::now();
        let answer = stage.ecs(action, input);
        seconds.push(begun.elapsed().as_secs_f64());
        answer
    };
    // DescribeServices takes at most ten.
    for page in names.chunks(10) {
        let described = timed("DescribeServices", &json!({ "cluster": cluster, "services": page }))?;
        ensure!(described["services"].as_array().map(Vec::len) == Some(page.len()), "not all services were described");
    }
    for name in names.iter().step_by(10) {
        timed("DescribeTaskDefinition", &json!({ "taskDefinition": name }))?;
    }
    for (action, member) in [("ListServices", "serviceArns"), ("ListTaskDefinitions", "taskDefinitionArns")] {
        let (mut count, mut token) = (0, Value::Null);
        loop {
            let mut input = json!({ "maxResults": 50 });
            if action == "ListServices" {
                input["cluster"] = json!(cluster);
            }
            if !token.is_null() {
                input["nextToken"] = token;
            }
            let page = timed(action, &input)?;
            count += page[member].as_array().map_or(0, Vec::len);
            token = page["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        ensure!(count >= SERVICES, "{action} listed {count} of {SERVICES}");
    }
    Ok(seconds)
}

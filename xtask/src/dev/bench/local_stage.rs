//! A local AWS emulator for one measurement: free ports, temporary state, a small image; removed when dropped.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::dev::packages;
use crate::effects::engine::Engine;
use crate::effects::local_daemon::{self, Place, Running, Start, program, reset};
use crate::effects::loopback::{self, Request};
use crate::effects::{engine, files, process, project_files};
use crate::plan::local::{self, Names};
use crate::project::{EnvironmentName, Local};
use crate::report::Report;

/// Longest duration of one docker command, one request or one change of a service.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// The daemon and its start parameters.
#[derive(Debug)]
pub(super) struct LocalStage<'r> {
    pub(super) stage: Stage,
    pub(super) engine: Engine,
    pub(super) names: Names,
    pub(super) local: Local,
    pub(super) daemon: Running,
    pub(super) program: Utf8PathBuf,
    pub(super) report: &'r Report,
}

impl<'r> LocalStage<'r> {
    /// Starts an emulator with the names of this repository's project.
    pub(super) fn start(root: &Utf8Path, name: &str, report: &'r Report) -> anyhow::Result<LocalStage<'r>> {
        let engine = engine::ensure(root, report)?;
        let project = project_files::load(root)?;
        let environment = project_files::load_environment(root, EnvironmentName::LOCAL, &project)?;
        let names = local::names(&project, &environment);
        let stage = Stage::empty(name)?;
        let (endpoint, balancer) = free_addresses()?;
        let local = Local { endpoint, balancer, ..Local::default() };
        let seed = local::seed(&names, &local);
        let program = program::compiled(root, report)?;
        let start = Start::new(program.clone(), endpoint, &environment.region, &engine.address()?, &seed)?;
        let daemon = local_daemon::start(&Place::of_repository(&stage.root), &start, &seed)?;
        Ok(LocalStage { stage, engine, names, local, daemon, program, report })
    }

    /// Calls an API of the emulator and returns its answer.
    pub(super) fn call(&self, service: &str, target: &str, input: &Value) -> anyhow::Result<Value> {
        let answer = loopback::call(self.local.endpoint, service, target, &input.to_string(), LIMIT)
            .with_context(|| format!("failed to call {target}"))?;
        ensure!(answer.status == 200, "{target} was refused: {}", answer.body);
        serde_json::from_str(&answer.body).with_context(|| format!("failed to read the answer of {target}"))
    }

    /// Calls ECS.
    pub(super) fn ecs(&self, action: &str, input: &Value) -> anyhow::Result<Value> {
        self.call("ecs", &format!("AmazonEC2ContainerServiceV20141113.{action}"), input)
    }

    /// Calls the API of Elastic Load Balancing (form in, XML out) and returns the text of the first such element.
    pub(super) fn elb(&self, form: &str, element: &str) -> anyhow::Result<String> {
        let answer = self.elb_answer(form)?;
        let text = answer.split(&format!("<{element}>")).nth(1).and_then(|rest| rest.split('<').next());
        text.map(str::to_owned).with_context(|| format!("no {element} in {answer}"))
    }

    /// Calls the API of Elastic Load Balancing and returns the whole answer.
    pub(super) fn elb_answer(&self, form: &str) -> anyhow::Result<String> {
        let scope = "Credential=local/20260101/local/elasticloadbalancing/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature={}", "0".repeat(64));
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("X-Amz-Date", "20260101T000000Z"),
            ("Authorization", &authorization),
        ];
        let body = format!("{form}&Version=2015-12-01");
        let request = Request { method: "POST", path: "/", headers: &headers, body: &body };
        let answer =
            loopback::send(self.local.endpoint, &request, LIMIT).context("failed to call Elastic Load Balancing")?;
        ensure!(answer.status == 200, "`{form}` was refused: {}", answer.body);
        Ok(answer.body)
    }

    /// Returns the ARN of the only target group.
    pub(super) fn target_group(&self) -> anyhow::Result<String> {
        self.elb("Action=DescribeTargetGroups", "TargetGroupArn")
    }

    /// Pushes a busybox image of two megabytes to the first repository and returns its reference.
    pub(super) fn push_busybox(&self, root: &Utf8Path) -> anyhow::Result<String> {
        let unpacked = packages::unpacked(root, "busybox", &["busybox-static"], self.report)?;
        let found = ["/bin/busybox", "/usr/bin/busybox"].map(|path| unpacked.file(path));
        let busybox = found.iter().find(|file| file.is_file()).context("the package busybox-static has no busybox")?;
        let tree = self.stage.root.join("image");
        std::fs::create_dir_all(tree.join("bin")).with_context(|| format!("failed to create `{tree}`"))?;
        for name in ["busybox", "sh"] {
            std::fs::copy(busybox, tree.join("bin").join(name)).context("failed to copy busybox")?;
        }
        let archive = self.stage.root.join("image.tar");
        let mut tar = Command::new("tar");
        process::run(tar.args(["-c", "-f", archive.as_str(), "-C", tree.as_str(), "."]), LIMIT)?;
        let repository = self.names.repositories.first().context("the project has no images")?;
        let reference = format!("{}/{repository}:bench", self.local.endpoint);
        self.docker(&["import", "--change", "CMD [\"/bin/busybox\"]", archive.as_str(), &reference])?;
        let mut push = self.engine.docker();
        push.args(["push", "--quiet", &reference]).env("DOCKER_CONFIG", self.credentials()?);
        process::run(&mut push, LIMIT)?;
        Ok(reference)
    }

    /// Writes a folder for `DOCKER_CONFIG` with which registry clients may push, and returns it.
    pub(super) fn credentials(&self) -> anyhow::Result<Utf8PathBuf> {
        let token = self.call("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", &json!({}))?;
        let token = &token["authorizationData"][0]["authorizationToken"];
        let folder = self.stage.root.join("client");
        let text = json!({ "auths": { self.local.endpoint.to_string(): { "auth": token } } }).to_string();
        files::write_atomically(&folder.join("config.json"), text.as_bytes())?;
        Ok(folder)
    }

    /// Runs a command of the docker client and returns its output.
    pub(super) fn docker(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut docker = self.engine.docker();
        Ok(process::run(docker.args(arguments), LIMIT)?.trim().to_owned())
    }

    /// Polls `ready` until it returns true; returns the seconds.
    pub(super) fn seconds_until(
        &self,
        what: &str,
        mut ready: impl FnMut() -> anyhow::Result<bool>,
    ) -> anyhow::Result<f64> {
        let begun = Instant::now();
        loop {
            if ready()? {
                return Ok(begun.elapsed().as_secs_f64());
            }
            ensure!(begun.elapsed() < LIMIT, "{what}: not within {} s", LIMIT.as_secs());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for LocalStage<'_> {
    fn drop(&mut self) {
        if let Err(error) = reset::reset(&self.stage.root, Some(&self.engine), false, self.report) {
            self.report.warn(format!("failed to remove the emulator of the measurement: {error:#}"));
        }
        let images = self.names.repositories.iter().map(|name| format!("{}/{name}:bench", self.local.endpoint));
        for image in images {
            // Only the first repository has one.
            let _ = self.docker(&["image", "rm", "--force", &image]);
        }
    }
}

/// Returns two loopback addresses with free ports.
pub(super) fn free_addresses() -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to find a free port");
    let (first, second) = (bind()?, bind()?);
    let address = |listener: &TcpListener| listener.local_addr().context("failed to read the address of a port");
    Ok((address(&first)?, address(&second)?))
}

/// Returns a loopback address with a free port.
pub(super) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(free_addresses()?.0)
}

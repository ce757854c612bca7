//! The emulator's registry against Debian's `docker-registry`: crane pushes a 300 MB image to both, in alternation.

use std::fs;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use super::local_stage::{LocalStage, free_addresses};
use super::measure;
use super::{Row, proof};
use crate::dev::packages;
use crate::effects::files;
use crate::effects::loopback::{self, Request};
use crate::report::Report;

/// Limits: ratio of seconds, and MiB.
const RATIO: f64 = 1.0;
const MEMORY: f64 = 64.0;

const ROUNDS: usize = 5;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let crane = packages::crane(root, report)?;
    let stage = LocalStage::start(root, "registry", report)?;
    let layout = stage.stage.root.join("layout");
    proof::write_layout(&layout)?;
    let credentials = stage.credentials()?;
    let other = DockerRegistry::start(root, &stage, report)?;
    let push = |reference: String| -> anyhow::Result<f64> {
        let mut command = Command::new(&crane);
        command.args(["push", "--insecure", layout.as_str(), &reference]).env("DOCKER_CONFIG", &credentials);
        Ok(measure::run(command)?.seconds)
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // A new repository per round, so that every round sends all blobs.
    for round in 0..ROUNDS {
        let repository = format!("bench/{round}");
        let input = json!({ "repositoryName": repository });
        stage.call("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository", &input)?;
        ours.push(push(format!("{}/{repository}:one", stage.local.endpoint))?);
        theirs.push(push(format!("{}/{repository}:one", other.address))?);
        report.detail(format!("round {round}: {:.2} s, docker-registry {:.2} s", ours[round], theirs[round]));
        // The next round does not need these blobs, and the disk may be small.
        let input = json!({ "repositoryName": repository, "force": true });
        stage.call("ecr", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository", &input)?;
        files::remove_directory(&other.data)?;
    }
    let peak = measure::high_water_mib(stage.daemon.id)?;
    let ratio = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    Ok(vec![
        Row::plain("local: crane push of a 300 MB image", format!("{:.3} s", measure::median(ours))),
        Row::plain("  into docker-registry", format!("{:.3} s", measure::median(theirs))),
        Row::at_most("  ours against theirs", ratio, RATIO, "x"),
        Row::at_most("  highest memory of the daemon", peak, MEMORY, "MiB"),
    ])
}

/// Debian's registry on a free port, stopped when dropped.
struct DockerRegistry {
    child: Child,
    address: SocketAddr,
    data: Utf8PathBuf,
}

impl DockerRegistry {
    fn start(root: &Utf8Path, stage: &LocalStage<'_>, report: &Report) -> anyhow::Result<DockerRegistry> {
        let unpacked = packages::unpacked(root, "docker-registry", &["docker-registry"], report)?;
        let program = unpacked.runnable("/usr/bin/docker-registry")?;
        let (address, _) = free_addresses()?;
        let folder = &stage.stage.root;
        let data = folder.join("other");
        let configuration = folder.join("other.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: '{data}'}}}}\nhttp: {{addr: '{address}'}}\n"
        );
        fs::write(&configuration, text).with_context(|| format!("failed to write `{configuration}`"))?;
        let child = Command::new(program)
            .args(["serve", configuration.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("failed to start docker-registry")?;
        let other = DockerRegistry { child, address, data };
        let begun = Instant::now();
        stage.seconds_until("an answer of docker-registry", || {
            let answer = loopback::send(address, &Request::get("/v2/"), super::local_stage::LIMIT);
            ensure!(begun.elapsed() < super::local_stage::LIMIT, "docker-registry does not answer");
            Ok(answer.is_ok_and(|answer| answer.status == 200))
        })?;
        Ok(other)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! `push` of a 300 MB image to the emulator's registry against `crane push` of the same layout, in alternation.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::local_stage::LocalStage;
use super::measure;
use super::{Row, proof};
use crate::dev::packages;
use crate::effects::layouts::Layout;
use crate::effects::{aws, files};
use crate::image::{Fingerprint, Platform};
use crate::release::{self, Built, Release};
use crate::report::Report;

/// Limits: ratio to crane's seconds, MiB, and requests per image of a no-op.
const RATIO: f64 = 1.0;
const MEMORY: f64 = 64.0;
const REQUESTS: f64 = 2.0;

const ROUNDS: usize = 5;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let crane = packages::crane(root, report)?;
    let stage = LocalStage::start(root, "push", report)?;
    let project = stage.stage.root.join("project");
    let layout = project.join("target/slipway/images/app");
    proof::write_layout(&layout)?;
    let credentials = stage.credentials()?;
    let program = std::env::current_exe().context("failed to find this program")?;
    let push = || {
        let mut command = Command::new(&program);
        command.args(["push", "--as-built", "--output", "json"]).current_dir(&project);
        command.env(aws::ENDPOINT_VARIABLE, format!("http://{}", stage.local.endpoint)).env("CI", "true");
        command
    };
    let (mut ours, mut theirs, mut peak) = (Vec::new(), Vec::new(), 0.0_f64);
    for round in 0..ROUNDS {
        // New repositories per round, so that every round sends all blobs.
        let names = [format!("ours-{round}/app"), format!("crane-{round}/app")];
        for name in &names {
            let input = json!({ "repositoryName": name });
            stage.call("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository", &input)?;
        }
        write_project(&project, &format!("ours-{round}"), &layout)?;
        let run = measure::run(push())?;
        peak = peak.max(run.peak_mib);
        ours.push(run.seconds);
        let mut command = Command::new(&crane);
        let reference = format!("{}/{}:one", stage.local.endpoint, names[1]);
        command.args(["push", "--insecure", layout.as_str(), &reference]).env("DOCKER_CONFIG", &credentials);
        theirs.push(measure::run(command)?.seconds);
        report.detail(format!("round {round}: {:.2} s, crane {:.2} s", ours[round], theirs[round]));
    }
    let output = push().output().context("failed to push again")?;
    let last = String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned).unwrap_or_default();
    let last: Value = serde_json::from_str(&last).context("failed to read the closing event of `push`")?;
    ensure!(last["outcome"] == "unchanged", "a second push is not `unchanged`: {last}");
    let requests = last["images"]["app"]["requests"].as_u64().zip(last["shared_requests"].as_u64());
    let (of_image, shared) = requests.context("the closing event of `push` has no number of requests")?;
    let ratio = measure::median(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    Ok(vec![
        Row::plain("push of a 300 MB image", format!("{:.3} s", measure::median(ours))),
        Row::plain("  crane push", format!("{:.3} s", measure::median(theirs))),
        Row::at_most("  ours against theirs", ratio, RATIO, "x"),
        Row::at_most("  highest memory", peak, MEMORY, "MiB"),
        Row::at_most("  no-op", (of_image + shared) as f64, REQUESTS, "requests"),
    ])
}

/// Writes a project of one image that is built already.
fn write_project(root: &Utf8Path, name: &str, layout: &Utf8Path) -> anyhow::Result<()> {
    let write = |file: &str, text: &str| files::write_atomically(&root.join(file), text.as_bytes());
    write("app/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")?;
    let text = format!("[project]\nname = \"{name}\"\nplatform = \"linux/amd64\"\n[images.app]\ncontext = \"app\"\n");
    write("infra/slipway.toml", &text)?;
    let text = "region = \"eu-central-1\"\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n";
    write("infra/environments/local.toml", text)?;
    let (digest, manifest) = Layout::open(layout)?.only_manifest()?;
    let built = Built {
        digest,
        fingerprint: Fingerprint::new(*digest.as_bytes()),
        bytes: manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.size).sum(),
        platform: Platform::LinuxAmd64,
        layout: "target/slipway/images/app".into(),
        source_date_epoch: 0,
        substitutes: Vec::new(),
        tags: Vec::new(),
    };
    let release = Release {
        version: release::VERSION,
        project: name.to_owned(),
        environment: "local".to_owned(),
        commit: None,
        dirty: false,
        images: BTreeMap::from([("app".parse().context("failed to name an image")?, built)]),
    };
    files::write_release(root, &release)
}

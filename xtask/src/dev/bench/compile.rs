//! CPU seconds of a clean build of this tool, against a clean build of a crate that has only the AWS SDK's crates.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use camino::Utf8Path;

use super::Row;
use super::stage::Stage;
use crate::report::Report;

/// The design's budget: CPU seconds of this tool, as a multiple of those of the AWS crates alone.
const BAR: f64 = 1.3;

const MANIFEST: &str = r#"[package]
name = "only-aws"
version = "0.0.0"
edition = "2024"

[dependencies]
aws-config = { version = "1", default-features = false, features = ["rt-tokio"] }
aws-sdk-ecs = { version = "1", default-features = false, features = ["rt-tokio"] }
aws-sdk-ecr = { version = "1", default-features = false, features = ["rt-tokio"] }
aws-smithy-http-client = { version = "1", default-features = false, features = ["rustls-ring"] }

[workspace]
"#;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::empty("compile")?;
    let crate_root = stage.root.join("only-aws");
    fs::create_dir_all(crate_root.join("src")).with_context(|| format!("failed to create `{crate_root}`"))?;
    fs::write(crate_root.join("Cargo.toml"), MANIFEST).context("failed to write the manifest")?;
    fs::write(crate_root.join("src/main.rs"), "fn main() {}\n").context("failed to write the program")?;
    report.detail("this tool, from nothing");
    let ours = cpu_seconds(root, &["build", "--package", "xtask"], &stage.root.join("ours"))?;
    report.detail("the AWS crates alone, from nothing");
    let aws = cpu_seconds(&crate_root, &["build"], &stage.root.join("aws"))?;
    Ok(vec![
        Row::plain("clean build of this tool", format!("{ours:.0} CPU s")),
        Row::plain("  of the AWS crates alone", format!("{aws:.0} CPU s")),
        Row::at_most("  ours against theirs", ours / aws, BAR, "x"),
    ])
}

/// User and system seconds that all children took, as the kernel accounts them to this process once they are reaped.
fn cpu_seconds(directory: &Utf8Path, arguments: &[&str], target: &Utf8Path) -> anyhow::Result<f64> {
    // Downloads are not compilation.
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let fetched = Command::new(&cargo)
        .args(["fetch", "--quiet"])
        .current_dir(directory)
        .status()
        .context("failed to start `cargo fetch`")?;
    ensure!(fetched.success(), "`cargo fetch` failed in `{directory}`");
    let before = children_seconds()?;
    let status = Command::new(&cargo)
        .args(arguments)
        .arg("--quiet")
        .env("CARGO_TARGET_DIR", target)
        .current_dir(directory)
        .status()
        .context("failed to start `cargo build`")?;
    ensure!(status.success(), "`cargo build` failed in `{directory}`");
    Ok(children_seconds()? - before)
}

/// Fields 16 and 17 of `/proc/self/stat`: clock ticks of reaped children. Linux counts 100 of them a second.
fn children_seconds() -> anyhow::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat").context("failed to read `/proc/self/stat`")?;
    // The second field is the program's name in parentheses, which may hold spaces.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at - 3).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(16).zip(ticks(17)).context("failed to read the CPU time of children")?;
    Ok((user + system) / 100.0)
}

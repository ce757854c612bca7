//! A copy of this repository with its own emulator, in which verbs run as on the command line.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use camino::Utf8Path;
use serde_json::{Value, json};

use super::local_stage::{LocalStage, free_addresses};
use super::stage::Stage;
use crate::effects::local_daemon::{self, Place, program};
use crate::effects::{engine, files, process, project_files};
use crate::plan::local;
use crate::project::{EnvironmentName, Local, parse};
use crate::report::Report;

/// Longest run of a verb: the first `deploy` builds both images without a cache.
const VERB: Duration = Duration::from_secs(1200);

/// Public page of the demo data (`manage seed_demo`).
pub(super) const PAGE: &str = "/@ada";

/// A text of the environment's file and its replacement.
pub(super) type Change<'c> = (&'c str, &'c str);

impl<'r> LocalStage<'r> {
    /// Copies the repository, applies `changes` to the environment's file and starts an emulator on free addresses.
    pub(super) fn copy(
        root: &Utf8Path,
        name: &str,
        changes: &[Change<'_>],
        report: &'r Report,
    ) -> anyhow::Result<LocalStage<'r>> {
        let engine = engine::ensure(root, report)?;
        let stage = Stage::copy(root, name)?;
        let file = stage.root.join(parse::environment_file(EnvironmentName::LOCAL));
        let mut text = fs::read_to_string(&file).with_context(|| format!("failed to read `{file}`"))?;
        for (before, after) in changes {
            ensure!(text.contains(before), "`{file}` does not have `{before}`");
            text = text.replace(before, after);
        }
        ensure!(!text.contains("\n[local]"), "`{file}` sets `[local]` already");
        let (endpoint, balancer) = free_addresses()?;
        text.push_str(&format!("\n[local]\nendpoint = \"{endpoint}\"\nbalancer = \"{balancer}\"\n"));
        files::write_atomically(&file, text.as_bytes())?;
        let project = project_files::load(&stage.root)?;
        let environment = project_files::load_environment(&stage.root, EnvironmentName::LOCAL, &project)?;
        let names = local::names(&project, &environment);
        let program = program::compiled(root, report)?;
        let local = Local { endpoint, balancer, ..Local::default() };
        let mut start = stage.xtask(&engine, &["local", "start"])?;
        process::run(start.env(program::VARIABLE, &program), VERB)?;
        let daemon = local_daemon::running(&Place::of_repository(&stage.root)).context("the emulator does not run")?;
        Ok(LocalStage { stage, engine, names, local, daemon, program, report })
    }

    /// Returns the command of a verb in the copy.
    pub(super) fn xtask(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = self.stage.xtask(&self.engine, arguments)?;
        command.env(program::VARIABLE, &self.program);
        Ok(command)
    }

    /// Runs a verb and returns its closing event.
    pub(super) fn verb(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let output = process::run(&mut self.xtask(&[arguments, &["--output", "json"]].concat())?, VERB)?;
        let last = output.lines().last().unwrap_or_default();
        serde_json::from_str(last).with_context(|| format!("`{}` closes with `{last}`", arguments.join(" ")))
    }

    /// Runs the first `deploy` and creates the demo data.
    pub(super) fn deploy_with_page(&self) -> anyhow::Result<()> {
        self.report.detail("the first deploy, which builds both images");
        let closed = self.verb(&["deploy"])?;
        ensure!(closed["outcome"] == "deployed", "the first deploy closes with {closed}");
        process::run(&mut self.xtask(&["run", "--", "manage", "seed_demo"])?, VERB)?;
        Ok(())
    }

    /// Describes the service.
    pub(super) fn service(&self) -> anyhow::Result<Value> {
        let input = json!({ "cluster": self.names.cluster, "services": [self.service_name()?] });
        let described = self.ecs("DescribeServices", &input)?;
        described["services"].get(0).cloned().context("ECS does not describe the service")
    }

    fn service_name(&self) -> anyhow::Result<String> {
        let listed = self.ecs("ListServices", &json!({ "cluster": self.names.cluster }))?;
        let arns = listed["serviceArns"].as_array().cloned().unwrap_or_default();
        ensure!(arns.len() == 1, "{} services exist where one is expected", arns.len());
        arns.first().and_then(Value::as_str).map(str::to_owned).context("the service has no ARN")
    }
}

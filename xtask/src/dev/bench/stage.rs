//! Temporary repositories for measurements, in which this program runs.

use std::fs;
use std::process::Command;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::effects::engine::Engine;
use crate::effects::{files, git};

/// A temporary folder with a git repository, removed when dropped.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) root: Utf8PathBuf,
}

impl Stage {
    /// Creates an empty folder.
    pub(super) fn empty(name: &str) -> anyhow::Result<Stage> {
        let base = Utf8PathBuf::from_path_buf(std::env::temp_dir())
            .map_err(|path| anyhow::anyhow!("the temporary directory {} is not UTF-8", path.display()))?;
        let root = base.join(format!("slipway-bench-{}-{name}", std::process::id()));
        files::remove_directory(&root)?;
        fs::create_dir_all(&root).with_context(|| format!("failed to create `{root}`"))?;
        Ok(Stage { root })
    }

    /// Copies the working tree of `repository` and its existing substitute base images.
    pub(super) fn copy(repository: &Utf8Path, name: &str) -> anyhow::Result<Stage> {
        let stage = Stage::empty(name)?;
        for file in git::files(repository)? {
            let (from, to) = (repository.join(&file), stage.root.join(&file));
            if !from.is_file() {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
            }
            fs::copy(&from, &to).with_context(|| format!("failed to copy `{from}`"))?;
        }
        stage.take_bases(repository)?;
        git::commit_everything(&stage.root)?;
        Ok(stage)
    }

    /// Copies the substitute base images of `repository`, so that they are not built again.
    pub(super) fn take_bases(&self, repository: &Utf8Path) -> anyhow::Result<()> {
        let (from, to) = (repository.join("target/slipway/bases"), self.root.join("target/slipway"));
        if from.exists() {
            fs::create_dir_all(&to).with_context(|| format!("failed to create `{to}`"))?;
            let status = Command::new("cp").arg("-a").arg(&from).arg(&to).status().context("failed to start `cp`")?;
            anyhow::ensure!(status.success(), "failed to copy `{from}`: {status}");
        }
        Ok(())
    }

    /// Appends a line to the app's views: only the app's last layer is built again.
    pub(super) fn change_view(&self, number: usize) -> anyhow::Result<()> {
        let views = git::files(&self.root)?.into_iter().find(|file| file.file_name() == Some("views.py"));
        let view = self.root.join(views.context("failed to find a `views.py`")?);
        let mut text = fs::read_to_string(&view).with_context(|| format!("failed to read `{view}`"))?;
        text.push_str(&format!("\n# Change {number}.\n"));
        fs::write(&view, text).with_context(|| format!("failed to write `{view}`"))
    }

    /// Returns the command of this program in the folder, with the engine's variables.
    pub(super) fn xtask(&self, engine: &Engine, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("failed to find this program's file")?);
        for (name, value) in engine.docker().get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.args(arguments).env("CI", "true").current_dir(&self.root);
        Ok(command)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = files::remove_directory(&self.root);
    }
}

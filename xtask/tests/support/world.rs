//! The environment of tests of real images: the engine of this repository, and fresh clones of its tree.

use std::fs;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use xtask::effects::engine;
use xtask::report::{Output as Words, Report};

/// Returns the root of the repository that contains these tests.
pub(crate) fn repository() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the folder of the base images that this repository has created.
fn bases() -> Utf8PathBuf {
    repository().join("target/slipway/bases")
}

/// The engine, set up once for all tests.
pub(crate) static ENGINE: LazyLock<engine::Engine> =
    LazyLock::new(|| engine::ensure(&repository(), &Report::plain(Words::Human)).unwrap());

/// Creates a docker command for that engine.
pub(crate) fn docker(arguments: &[&str]) -> Command {
    let mut command = ENGINE.docker();
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs a docker command that must succeed. Returns its standard output.
pub(crate) fn docker_ok(arguments: &[&str]) -> String {
    let output = docker(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A clone of the current tree, committed at a fixed time, in a folder of its own that is removed when dropped.
pub(crate) struct Clone {
    pub(crate) root: Utf8PathBuf,
}

impl Clone {
    pub(crate) fn new(name: &str) -> Clone {
        let base = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        let root = base.join(format!("slipway-containers-{}-{name}", std::process::id()));
        sweep(&base);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let listed = run(Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(repository()));
        for file in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
            let from = repository().join(file);
            if from.is_file() {
                fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
                fs::copy(from, root.join(file)).unwrap();
            }
        }
        let clone = Clone { root };
        clone.git(&["init", "--quiet", "--initial-branch=main"]);
        clone.commit("a clone");
        // Base images are the same for every clone; creating them again would only take time.
        let shared = bases();
        if shared.exists() {
            let slipway = clone.root.join("target/slipway");
            fs::create_dir_all(&slipway).unwrap();
            run(Command::new("cp").args(["-a", shared.as_str(), slipway.as_str()]));
        }
        clone
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Output {
        run(Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@slipway.example"])
            .args(arguments)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .current_dir(&self.root))
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Creates an `xtask` command in this clone that uses the engine.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let docker = ENGINE.docker();
        for (name, value) in docker.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.args(arguments).env("CI", "true").current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Runs `xtask … --output json`. Returns exit code, all events, and standard error.
    pub(crate) fn json(&self, arguments: &[&str]) -> Run {
        let arguments = [arguments, &["--output", "json"]].concat();
        Run::of(self.xtask(&arguments))
    }

    /// Runs the first build of a clone. The base images that it creates are stored for later clones and runs.
    pub(crate) fn first_build(&self) {
        self.build(&[]);
        let made = self.root.join("target/slipway/bases");
        if made.exists() && !bases().exists() {
            // Copied beside and renamed, so that the folder is complete or absent. If another process was faster, its
            // folder stays.
            let copy = bases().with_file_name(format!("bases.{}", std::process::id()));
            fs::create_dir_all(copy.parent().unwrap()).unwrap();
            run(Command::new("cp").args(["-a", made.as_str(), copy.as_str()]));
            if fs::rename(&copy, bases()).is_err() {
                let _ = fs::remove_dir_all(&copy);
            }
        }
    }

    /// Runs a build that must succeed.
    pub(crate) fn build(&self, arguments: &[&str]) -> Run {
        let run = self.json(&[&["build"], arguments].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        run
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Removes clones of earlier runs whose process no longer exists.
fn sweep(base: &Utf8Path) {
    for entry in base.read_dir_utf8().unwrap().flatten() {
        let Some(rest) = entry.file_name().strip_prefix("slipway-containers-") else { continue };
        let owner = rest.split('-').next().unwrap_or_default();
        if !Utf8Path::new("/proc").join(owner).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The result of a run in JSON mode.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn of(mut command: Command) -> Run {
        let output = command.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{stderr}"));
        Run {
            code: output.status.code().unwrap_or(-1),
            events: stdout.lines().map(parse).collect(),
            stderr: stderr.clone(),
        }
    }

    /// Returns the closing event.
    pub(crate) fn finished(&self) -> &Value {
        let last = self.events.last().unwrap_or_else(|| panic!("no event at all\n{}", self.stderr));
        assert_eq!(last["event"], "finished", "{}", self.stderr);
        last
    }

    /// Returns the digest of an image in the closing event.
    pub(crate) fn digest(&self, image: &str) -> String {
        let digest = self.finished()["images"][image]["digest"].as_str();
        digest.unwrap_or_else(|| panic!("no digest of {image} in {}", self.finished())).to_owned()
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

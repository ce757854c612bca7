//! A project of one small image in a folder that goes with it, and a `docker` on its PATH that is a script.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::layouts::{Image, MemoryLayout};

pub(crate) const PROJECT: &str = "[project]
name = \"small\"
platform = \"linux/amd64\"

[images.app]
context = \"app\"
ports = [8000]
";
const ENVIRONMENT: &str = "region = \"eu-central-1\"\n\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n";
const DOCKERFILE: &str = "FROM scratch\nCOPY hello /hello\nUSER app\nEXPOSE 8000\nENTRYPOINT [\"/app/start.sh\"]\n";

/// What an engine with containerd's store says of itself.
const INFO: &str = r#"{"ServerVersion":"28.2.2","Architecture":"x86_64","OSType":"linux",
    "DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],
    "ClientInfo":{"Version":"28.2.2","Plugins":[{"Name":"buildx","Version":"v0.30.1"}]}}"#;

/// A client that knows some of docker's commands, of an engine that has nothing. The bake document is left in `plan.json`.
const CLIENT: &str = r#"#!/bin/sh
case "$*" in
"info "*) cat "$FAKE/info.json" ;;
"ps "*|"network ls "*|"volume ls "*|"image ls "*) ;;
"context inspect "*) echo unix:///nowhere.sock ;;
"buildx bake "*) cat > "$FAKE/plan.json"; . "$FAKE/bake.sh" ;;
*) echo "docker $*: not known here" >&2; exit 1 ;;
esac
"#;

/// Writes prepared layouts to where the plan wants them and, as BuildKit does, no blob that is there already.
pub(crate) const WRITES_LAYOUTS: &str = r#"
for dest in $(sed -n 's/.*dest=\([^,]*\),.*/\1/p' "$FAKE/plan.json"); do
    from="$FAKE/layouts/${dest##*/}"
    mkdir -p "$dest/blobs/sha256"
    for file in oci-layout index.json; do cp "$from/$file" "$dest/$file"; done
    for blob in "$from"/blobs/sha256/*; do
        [ -e "$dest/blobs/sha256/${blob##*/}" ] || cp "$blob" "$dest/blobs/sha256/"
    done
done
"#;

/// The folder of the project and of the script.
pub(crate) struct Sandbox {
    folder: Utf8PathBuf,
    pub(crate) root: Utf8PathBuf,
}

impl Sandbox {
    /// A project that builds a good image.
    pub(crate) fn new(name: &str) -> Sandbox {
        Sandbox::at(name, "project")
    }

    /// The same with another name of the folder that is the repository.
    pub(crate) fn at(name: &str, repository: &str) -> Sandbox {
        let base = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        let folder = base.join(format!("slipway-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let sandbox = Sandbox { root: folder.join(repository), folder };
        sandbox.write("infra/slipway.toml", PROJECT);
        sandbox.write("infra/environments/local.toml", ENVIRONMENT);
        sandbox.write("app/Dockerfile", DOCKERFILE);
        sandbox.write("app/hello", "hello\n");
        sandbox.write("../fake/info.json", INFO);
        sandbox.write("../fake/docker", CLIENT);
        fs::set_permissions(sandbox.folder.join("fake/docker"), fs::Permissions::from_mode(0o755)).unwrap();
        sandbox.bakes("app", &Image::good().build());
        sandbox
    }

    /// What the next bake writes for an image.
    pub(crate) fn bakes(&self, image: &str, layout: &MemoryLayout) {
        let directory = self.folder.join("fake/layouts").join(image);
        let _ = fs::remove_dir_all(&directory);
        layout.write_to(&directory);
        self.write("../fake/bake.sh", WRITES_LAYOUTS);
    }

    /// What the next bake does instead, in the words of a shell.
    pub(crate) fn bake_is(&self, script: &str) {
        self.write("../fake/bake.sh", script);
    }

    /// The document that was baked last; `None` where docker was never asked.
    pub(crate) fn baked(&self) -> Option<Value> {
        let text = fs::read_to_string(self.folder.join("fake/plan.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        fs::create_dir_all(&self.root).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.root.join(file)).unwrap()
    }

    /// `release.json`, as far as it is there.
    pub(crate) fn release(&self) -> Option<Value> {
        let text = fs::read_to_string(self.root.join("target/slipway/release.json")).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The digest of the manifest that an image's layout names.
    pub(crate) fn manifest_digest(&self, image: &str) -> String {
        let index = fs::read(self.root.join("target/slipway/images").join(image).join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        index["manifests"][0]["digest"].as_str().unwrap().to_owned()
    }

    /// Digests of the layers of an image's layout.
    pub(crate) fn layers(&self, image: &str) -> Vec<String> {
        let blobs = self.root.join("target/slipway/images").join(image).join("blobs/sha256");
        let manifest = fs::read(blobs.join(self.manifest_digest(image).trim_start_matches("sha256:"))).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["layers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|layer| layer["digest"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@slipway.example"])
            .args(arguments)
            .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
            .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
            .current_dir(&self.root)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// `xtask` in the project, with the script as its docker.
    pub(crate) fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(arguments)
            .current_dir(&self.root)
            .env("PATH", format!("{}:{path}", self.folder.join("fake")))
            .env("FAKE", self.folder.join("fake"))
            .env("CI", "true")
            .env_remove("DOCKER_HOST")
            .stdin(Stdio::null());
        command
    }

    /// Runs it with `--output json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Run {
        Run::of(self.xtask(&[arguments, &["--output", "json"]].concat()))
    }

    /// A build that must succeed, with this outcome.
    pub(crate) fn builds(&self, outcome: &str) -> Run {
        let run = self.json(&["build"]);
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some(outcome)), "{}", run.stderr);
        run
    }

    /// Whether anything lies in the build directory: nothing does unless a build is running.
    pub(crate) fn has_leftovers(&self) -> bool {
        self.root.join("target/slipway/building").read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Run {
    /// Runs a command in JSON mode: whatever is on its standard output must be one object a line.
    pub(crate) fn of(mut command: Command) -> Run {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{stderr}"));
        let events = String::from_utf8(stdout).unwrap().lines().map(parse).collect();
        Run { code: status.code().unwrap_or(-1), events, stderr }
    }

    /// The closing event.
    pub(crate) fn finished(&self) -> &Value {
        let last = self.events.last().unwrap_or_else(|| panic!("no event at all\n{}", self.stderr));
        assert_eq!(last["event"], "finished", "{}", self.stderr);
        last
    }

    /// Asserts a failure with this code and outcome, whose message holds these words.
    pub(crate) fn fails(&self, code: i32, outcome: &str, words: &[&str]) {
        assert_eq!((self.code, self.finished()["outcome"].as_str()), (code, Some(outcome)), "{}", self.stderr);
        assert_eq!(self.finished()["exit_code"], code);
        for words in words {
            assert!(self.stderr.contains(words), "no `{words}` in:\n{}", self.stderr);
        }
    }
}

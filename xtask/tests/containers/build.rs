//! What `build` promises: unchanged is free, only what changed is built, the same commit gives the same bytes, and
//! failures leave nothing half done.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::shared::shared;
use crate::world::{Clone, Run};

/// `xtask build` where any docker process would fail: no client on PATH, and no engine behind the variable.
fn build_without_docker(clone: &Clone) -> Run {
    let mut command = clone.xtask(&["build", "--output", "json"]);
    let git = String::from_utf8(Command::new("which").arg("git").output().unwrap().stdout).unwrap();
    let only_git = camino::Utf8Path::new(git.trim()).parent().unwrap().to_string();
    let tools = clone.root.join("target/only-git");
    std::fs::create_dir_all(&tools).unwrap();
    let link = tools.join("git");
    if !link.exists() {
        std::os::unix::fs::symlink(format!("{only_git}/git"), &link).unwrap();
    }
    command.env("PATH", tools.as_str()).env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    Run::of(command)
}

#[test]
fn a_second_build_is_unchanged_and_needs_no_docker() {
    let clone = shared();
    let run = build_without_docker(&clone);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let finished = run.finished();
    assert_eq!(finished["outcome"], "unchanged");
    for image in ["app", "nginx"] {
        let image = &finished["images"][image];
        assert!(image["digest"].as_str().unwrap().starts_with("sha256:"));
        assert_eq!(image["fingerprint"].as_str().unwrap().len(), 64);
        assert!(image["bytes"].as_u64().unwrap() > 1_000_000);
        assert_eq!(image["platform"], "linux/amd64");
    }
    assert!(finished["seconds"]["total"].as_f64().unwrap() < 5.0);
}

#[test]
fn touching_a_view_builds_app_and_leaves_nginx_alone() {
    let clone = shared();
    let before = clone.build(&[]);
    let view = "app/links/views.py";
    clone.write(view, &format!("{}\n# A changed line.\n", clone.read(view)));
    let dry = clone.build(&["--explain", "--dry-run"]);
    let explained = dry.events.iter().find(|event| event["event"] == "explained" && event["image"] == "app").unwrap();
    assert!(explained["changes"].to_string().contains("links/views.py"), "{explained}");
    let run = clone.build(&[]);
    assert_eq!(run.finished()["outcome"], "built");
    assert_eq!(run.finished()["images"]["app"]["outcome"], "built");
    assert_eq!(run.finished()["images"]["nginx"]["outcome"], "unchanged");
    assert_ne!(run.digest("app"), before.digest("app"));
    assert_eq!(run.digest("nginx"), before.digest("nginx"));
}

#[test]
fn touching_a_stylesheet_builds_both() {
    let clone = shared();
    let styles = Command::new("git").args(["ls-files", "app/**/*.css"]).current_dir(&clone.root).output().unwrap();
    let style = String::from_utf8(styles.stdout).unwrap().lines().next().expect("the app has a stylesheet").to_owned();
    clone.write(&style, &format!("{}\nbody {{ margin: 0 }}\n", clone.read(&style)));
    let run = clone.build(&[]);
    assert_eq!(run.finished()["images"]["app"]["outcome"], "built");
    assert_eq!(run.finished()["images"]["nginx"]["outcome"], "built");
}

#[test]
fn touching_the_front_leaves_app_alone_and_times_do_not_count() {
    let clone = shared();
    clone.write("nginx/nginx.conf", &format!("{}\n# A changed line.\n", clone.read("nginx/nginx.conf")));
    let run = clone.build(&[]);
    assert_eq!(run.finished()["images"]["app"]["outcome"], "unchanged");
    assert_eq!(run.finished()["images"]["nginx"]["outcome"], "built");
    clone.write("nginx/nginx.conf", &clone.read("nginx/nginx.conf"));
    assert_eq!(clone.build(&[]).finished()["outcome"], "unchanged");
}

#[test]
fn two_clean_builds_of_one_commit_give_the_same_digests() {
    let one = shared();
    let two = Clone::new("second");
    // A tree that was checked out long ago, where the other is as fresh as can be.
    let aged = Command::new("find")
        .args(["app", "nginx", "-exec", "touch", "--no-dereference", "--date=2001-02-03", "{}", "+"])
        .current_dir(&two.root)
        .status();
    assert!(aged.unwrap().success());
    let again = two.build(&["--no-cache"]);
    let first = one.build(&[]);
    for image in ["app", "nginx"] {
        assert_eq!(first.digest(image), again.digest(image), "{image}");
        assert_eq!(
            first.finished()["images"][image]["fingerprint"],
            again.finished()["images"][image]["fingerprint"],
            "{image}"
        );
    }
}

/// Digests of the layers of the one image in a layout.
fn layers(layout: &camino::Utf8Path) -> Vec<String> {
    let json = |path: camino::Utf8PathBuf| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let index = json(layout.join("index.json"));
    let hex = index["manifests"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let manifest = json(layout.join("blobs/sha256").join(hex));
    manifest["layers"].as_array().unwrap().iter().map(|layer| layer["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_layers_of_the_base_are_handed_on_as_they_are() {
    let clone = shared();
    let bases = clone.root.join("target/slipway/bases");
    let layouts = bases.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    let bases = layouts.filter(|path| path.join("index.json").exists()).map(|path| layers(&path)).collect::<Vec<_>>();
    assert!(bases.len() >= 2, "{bases:?}");
    for image in ["app", "nginx"] {
        let ours = layers(&clone.root.join("target/slipway/images").join(image));
        let base = bases.iter().find(|base| ours.starts_with(base));
        assert!(base.is_some_and(|base| base.len() < ours.len()), "{image}: {ours:?} begins with none of {bases:?}");
    }
}

#[test]
fn one_image_can_be_built_alone_with_another_dockerfile_and_tags() {
    let clone = shared();
    let dockerfile = clone.read("nginx/Dockerfile") + "LABEL variant=other\n";
    clone.write("nginx/Dockerfile.other", &dockerfile);
    let run = clone.build(&["--image", "nginx", "--file", "nginx/Dockerfile.other", "--tag", "v1.2"]);
    assert_eq!(run.finished()["images"].as_object().unwrap().keys().collect::<Vec<_>>(), ["nginx"]);
    let release: Value = serde_json::from_str(&clone.read("target/slipway/release.json")).unwrap();
    assert_eq!(release["images"]["nginx"]["tags"], serde_json::json!(["v1.2"]));
    assert_eq!(release["version"], 1);
    assert!(release["images"]["app"].is_object(), "the other image stays in the release");
    for (arguments, expected) in [
        (vec!["build", "--file", "nginx/Dockerfile.other"], "needs exactly one --image"),
        (vec!["build", "--image", "nginx", "--file", "nope"], "there is no such file"),
        (vec!["build", "--image", "nginx", "--file", "../nope"], "leaves the repository"),
        (vec!["build", "--image", "ghost"], "no image `ghost`"),
        (vec!["build", "--tag", "a b"], "is not a tag"),
    ] {
        let run = clone.json(&arguments);
        assert_eq!(run.code, 2, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.finished()["outcome"], "failed");
    }
}

#[test]
fn a_dry_run_prints_the_exact_document_and_builds_nothing() {
    let clone = shared();
    clone.write("app/links/views.py", &(clone.read("app/links/views.py") + "\n# Dry.\n"));
    let before = clone.read("target/slipway/release.json");
    let run = clone.build(&["--dry-run"]);
    let finished = run.finished();
    assert_eq!(finished["outcome"], "planned");
    assert_eq!(finished["bake"]["group"]["default"]["targets"], serde_json::json!(["app"]));
    assert!(finished["command"].as_str().unwrap().ends_with("docker buildx bake --progress plain --file -"));
    assert_eq!(clone.read("target/slipway/release.json"), before);
    assert_eq!(clone.build(&[]).finished()["outcome"], "built");
}

#[test]
fn a_failing_step_is_shown_with_its_line_and_leaves_the_last_build() {
    let clone = shared();
    let before = clone.build(&[]);
    let broken =
        clone.read("nginx/Dockerfile").replace("USER 101:101", "RUN echo the-last-words && exit 7\nUSER 101:101");
    let line = broken.lines().position(|line| line.starts_with("RUN echo")).unwrap() + 1;
    clone.write("nginx/Dockerfile", &broken);
    let run = clone.json(&["build"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(run.finished()["outcome"], "failed");
    assert!(
        run.stderr.contains(&format!("image `nginx` failed to build at nginx/Dockerfile:{line}")),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("exit code: 7") && run.stderr.contains("the-last-words"), "{}", run.stderr);
    assert!(!clone.has_leftovers());
    clone.git(&["checkout", "--quiet", "."]);
    let after = clone.build(&[]);
    assert_eq!(after.finished()["outcome"], "unchanged");
    assert_eq!(after.digest("nginx"), before.digest("nginx"));
}

/// Starts a build of a step that sleeps, and hands it over once the step runs.
fn slow_build(clone: &Clone) -> std::process::Child {
    // A step that ran to its end in an earlier run of these tests would come from the builder's cache.
    let unique = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let step = format!("RUN echo {unique} && sleep 30\nUSER 101:101");
    clone.write("nginx/Dockerfile", &clone.read("nginx/Dockerfile").replace("USER 101:101", &step));
    let child = clone.xtask(&["build"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while !sleeping() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the slow step never ran");
        std::thread::sleep(Duration::from_millis(100));
    }
    child
}

/// Whether the slow step of `slow_build` runs: its process is visible to root on the host.
fn sleeping() -> bool {
    let output = Command::new("pgrep").args(["--full", "--exact", "sleep 30"]).output().unwrap();
    output.status.success()
}

fn until_the_step_is_gone() {
    let begun = Instant::now();
    while sleeping() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the interrupted step goes on");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn an_interrupt_stops_the_builder_and_leaves_no_half_written_layout() {
    let clone = shared();
    let mut child = slow_build(&clone);
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    until_the_step_is_gone();
    assert!(!clone.has_leftovers());
    clone.git(&["checkout", "--quiet", "."]);
    assert_eq!(clone.build(&[]).finished()["outcome"], "unchanged");
}

#[test]
fn a_killed_build_leaves_the_last_layout_and_the_next_one_cleans_up() {
    let clone = shared();
    let mut child = slow_build(&clone);
    child.kill().unwrap();
    child.wait().unwrap();
    clone.git(&["checkout", "--quiet", "."]);
    assert!(sleeping(), "the client of the killed build went with it, so there is nothing to clean up");
    assert_eq!(clone.build(&[]).finished()["outcome"], "unchanged");
    until_the_step_is_gone();
    assert!(!clone.has_leftovers());
    clone.write("nginx/nginx.conf", &(clone.read("nginx/nginx.conf") + "\n# After a kill.\n"));
    assert_eq!(clone.build(&[]).finished()["outcome"], "built");
    assert!(!clone.has_leftovers());
}

#[test]
fn a_damaged_layout_is_built_again() {
    let clone = shared();
    let before = clone.build(&[]);
    for damage in ["index.json", "oci-layout"] {
        std::fs::remove_file(clone.root.join("target/slipway/images/nginx").join(damage)).unwrap();
        let run = clone.build(&[]);
        assert_eq!(run.finished()["images"]["nginx"]["outcome"], "built");
        assert_eq!(run.finished()["images"]["app"]["outcome"], "unchanged");
        assert_eq!(run.digest("nginx"), before.digest("nginx"));
    }
    std::fs::write(clone.root.join("target/slipway/release.json"), "{ not json").unwrap();
    let run = clone.json(&["build"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("target/slipway/release.json:1:3"), "{}", run.stderr);
    std::fs::remove_file(clone.root.join("target/slipway/release.json")).unwrap();
    assert_eq!(clone.build(&[]).digest("app"), before.digest("app"));
}

#[test]
fn two_builds_at_once_take_turns() {
    let clone = shared();
    clone.write("nginx/nginx.conf", &(clone.read("nginx/nginx.conf") + "\n# Twice.\n"));
    let start =
        || clone.xtask(&["build", "--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children = [start(), start()];
    let mut outcomes = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let stdout = String::from_utf8(output.stdout).unwrap();
        let last: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
        outcomes.push(last["outcome"].as_str().unwrap().to_owned());
    }
    outcomes.sort();
    assert_eq!(outcomes, ["built", "unchanged"]);
}

#[test]
fn secrets_of_the_build_are_in_no_layer_and_no_document() {
    const SENTINEL: &str = "sentinel-4f0c9b";
    let clone = shared();
    let configuration = clone.read("infra/slipway.toml").replace(
        "[images.nginx.contexts]",
        "[images.nginx.secrets]\ntoken = { variable = \"TEST_TOKEN\" }\n\n[images.nginx.contexts]",
    );
    clone.write("infra/slipway.toml", &configuration);
    // The step proves that it got the value, without the value in the Dockerfile.
    let expected = xtask::image::Digest::of(SENTINEL.as_bytes()).hex();
    let step = format!(
        "RUN --mount=type=secret,id=token,mode=0444 echo \"{expected}  /run/secrets/token\" | sha256sum -c -\nUSER 101:101"
    );
    clone.write("nginx/Dockerfile", &clone.read("nginx/Dockerfile").replace("USER 101:101", &step));
    let mut command = clone.xtask(&["build", "--output", "json", "--no-cache", "--image", "nginx"]);
    command.env("TEST_TOKEN", SENTINEL);
    let run = Run::of(command);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains(SENTINEL));
    assert!(!serde_json::to_string(&run.events).unwrap().contains(SENTINEL));
    let mut searched = 0;
    for file in files_below(&clone.root.join("target/slipway")) {
        let bytes = std::fs::read(&file).unwrap();
        // Layers of our own are zstd; what does not decompress is searched as it is.
        let plain = zstd::decode_all(bytes.as_slice()).unwrap_or(bytes);
        let found = plain.windows(SENTINEL.len()).any(|window| window == SENTINEL.as_bytes());
        assert!(!found, "the secret's value is in {file}");
        searched += 1;
    }
    assert!(searched > 10, "only {searched} files were searched");
}

fn files_below(folder: &camino::Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(files_below(entry.path())),
            kind if kind.is_file() => files.push(entry.path().to_owned()),
            _ => {}
        }
    }
    files
}

//! Layouts and histories that went bad between two builds.

use std::fs;

use crate::layouts::Image;
use crate::sandbox::{Run, Sandbox};

#[test]
fn a_damaged_blob_of_the_last_layout_does_not_get_into_the_next() {
    let sandbox = Sandbox::new("blob");
    sandbox.builds("built");
    let layer = sandbox.layers("app").remove(0);
    let blob = sandbox.root.join("target/slipway/images/app/blobs/sha256").join(layer.trim_start_matches("sha256:"));
    let bytes = fs::read(&blob).unwrap();
    // Cut short: noticed by its size.
    fs::write(&blob, &bytes[..bytes.len() / 2]).unwrap();
    sandbox.builds("built");
    assert_eq!(fs::read(&blob).unwrap(), bytes);
    // Of the same size: noticed when it is to be used again.
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    fs::write(&blob, &flipped).unwrap();
    sandbox.write("app/hello", "changed\n");
    sandbox.builds("built");
    assert_eq!(fs::read(&blob).unwrap(), bytes);
}

#[test]
fn a_builder_that_writes_a_damaged_blob_is_refused() {
    let sandbox = Sandbox::new("builder");
    let layer = Image::good().build().layers[0];
    let blob = sandbox.folder().join("fake/layouts/app/blobs/sha256").join(layer.hex());
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&blob, bytes).unwrap();
    sandbox.json(&["build"]).fails(3, "refused", &["image `app` does not pass the proof", "blob-digest"]);
    assert_eq!(sandbox.release().unwrap()["images"], serde_json::json!({}));
}

fn epoch_of(sandbox: &Sandbox) -> u64 {
    sandbox.release().unwrap()["images"]["app"]["source_date_epoch"].as_u64().unwrap()
}

/// 1980-01-01, for what no commit has touched.
const WITHOUT_COMMIT: u64 = 315_532_800;
/// The time of the sandbox's commits.
const COMMITTED: u64 = 1_767_323_045;

#[test]
fn files_are_dated_by_commits_and_doubtful_dates_are_said() {
    let sandbox = Sandbox::new("dates");
    let run = sandbox.builds("built");
    assert_eq!(epoch_of(&sandbox), WITHOUT_COMMIT);
    assert!(!run.stderr.contains("git"), "no repository, nothing to say: {}", run.stderr);
    sandbox.write(".gitignore", "target\n");
    sandbox.git(&["init", "--quiet", "--initial-branch=main"]);
    assert!(!sandbox.builds("unchanged").stderr.contains("warning"), "a repository without a commit");
    sandbox.git(&["add", "--all"]);
    sandbox.git(&["commit", "--quiet", "--message", "one"]);
    sandbox.write("app/hello", "changed\n");
    sandbox.builds("built");
    assert_eq!(epoch_of(&sandbox), COMMITTED);

    // A clone without history has but one commit to date everything by.
    sandbox.git(&["commit", "--quiet", "--all", "--message", "two"]);
    let source = format!("file://{}", sandbox.root);
    let shallow = Sandbox::at("dates-shallow", "unused");
    let clone = shallow.folder().join("clone");
    sandbox.git(&["clone", "--quiet", "--depth=1", &source, clone.as_str()]);
    let mut command = shallow.xtask(&["build", "--output", "json"]);
    command.current_dir(&clone);
    let run = Run::of(command);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("git fetch --unshallow"), "{}", run.stderr);
}

#[test]
fn a_git_that_refuses_or_is_not_there_is_said_and_stops_nothing() {
    let sandbox = Sandbox::new("git");
    sandbox.git(&["init", "--quiet", "--initial-branch=main"]);
    sandbox.git(&["add", "--all"]);
    sandbox.git(&["commit", "--quiet", "--message", "one"]);
    // What git says in a container whose user does not own the repository.
    sandbox.write(
        "../fake/git",
        "#!/bin/sh\necho \"fatal: detected dubious ownership in repository at '/x'\" >&2\nexit 128\n",
    );
    let permissions = fs::metadata(sandbox.folder().join("fake/docker")).unwrap().permissions();
    fs::set_permissions(sandbox.folder().join("fake/git"), permissions).unwrap();
    let run = sandbox.builds("built");
    assert!(run.stderr.contains("warning: ") && run.stderr.contains("dubious ownership"), "{}", run.stderr);
    assert_eq!(epoch_of(&sandbox), WITHOUT_COMMIT);
    assert_eq!(sandbox.release().unwrap()["commit"], serde_json::Value::Null);
}

//! What is refused, before anything is sent, and how the user gets on.

use serde_json::json;

use super::registry::{ACCOUNT, Registry};
use super::rig::{REPOSITORY, Rig};

#[test]
fn nothing_built_and_a_lost_layout() {
    let rig = Rig::new("lost");
    std::fs::remove_file(rig.blobs().remove(0)).unwrap();
    rig.push(&[]).fails(3, "failed", &["has lost blob", "hint: cargo xtask build"]);
    std::fs::remove_file(rig.sandbox.root.join("target/slipway/release.json")).unwrap();
    rig.push(&[]).fails(1, "failed", &["nothing is built yet", "hint: cargo xtask build"]);
    assert_eq!(rig.registry.count(""), 0);
}

#[test]
fn inputs_that_changed_since_the_build() {
    let rig = Rig::new("stale");
    rig.sandbox.write("app/hello", "something else\n");
    rig.push(&[]).fails(3, "failed", &["the inputs of `app` have changed", "push --as-built"]);
    assert_eq!(rig.registry.count(""), 0);
    let run = rig.push(&["--as-built"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    rig.is_whole();
}

#[test]
fn a_repository_that_is_not_there() {
    let rig = Rig::with("missing", Registry::start(&[]));
    let words = ["does not exist", "aws ecr create-repository --region eu-central-1 --repository-name small/app"];
    rig.push(&[]).fails(1, "failed", &words);
}

#[test]
fn another_account() {
    let rig = Rig::new("account");
    rig.environment("dev", "999988887777");
    let words = ["`dev` is in the AWS account 999988887777, and the caller is in 123456789012"];
    rig.push(&["--env", "dev", "--as-built"]).fails(3, "failed", &words);
    assert_eq!(rig.registry.count("P"), 0);
    rig.environment("dev", ACCOUNT);
    let run = rig.push(&["--env", "dev", "--as-built"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(rig.registry.tags(REPOSITORY).contains_key("dev"));
}

#[test]
fn substitutes_and_dirty_trees() {
    let rig = Rig::new("substitutes");
    rig.environment("production", ACCOUNT);
    rig.release(|release| release["dirty"] = json!(true));
    rig.push(&["--env", "production"]).fails(3, "failed", &["built from a tree with uncommitted changes"]);
    rig.release(|release| release["images"]["app"]["substitutes"] = json!(["python:3.13-slim"]));
    rig.push(&["--env", "production"]).fails(
        3,
        "failed",
        &["good for `local` only", "`app` stands on python:3.13-slim"],
    );
    assert_eq!(rig.registry.count(""), 0);
    rig.pushes("pushed");
}

#[test]
fn another_image_under_the_fingerprints_tag() {
    let rig = Rig::new("conflict");
    let other = format!("sha256:{}", "0".repeat(64));
    rig.registry.lock().repositories.get_mut(REPOSITORY).unwrap().tags.insert(rig.inputs_tag(), other);
    rig.push(&[]).fails(3, "failed", &["the same inputs gave two images"]);
    assert_eq!(rig.registry.count("P"), 0);
}

#[test]
fn an_image_that_the_project_does_not_have() {
    let rig = Rig::new("unknown");
    rig.push(&["--image", "web"]).fails(2, "failed", &["no image `web`", "the project has `app`"]);
}

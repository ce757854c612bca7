//! Clients that people use, against the registry: docker, crane, skopeo. Needs an engine (`SLIPWAY_TEST_ENGINE`) and the
//! programs (`SLIPWAY_TEST_CRANE`, `SLIPWAY_TEST_SKOPEO`; `docker` from `PATH`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

#[expect(dead_code, reason = "the tests over the wire use the rest of it")]
#[path = "../registry/client.rs"]
mod client;

use std::process::{Command, Stdio};

use local_aws::registry::auth;
use serde_json::json;

use crate::client::{Daemon, Folder};

/// What a test runs programs with: credentials in a folder of their own.
struct Stage {
    // Ends before its state goes.
    daemon: Daemon,
    folder: Folder,
    _state: Folder,
}

impl Stage {
    async fn new() -> Stage {
        let (folder, state) = (Folder::new(), Folder::new());
        let daemon = Daemon::start(&state).await;
        let mutability = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "moving*" }] });
        daemon.api("CreateRepository", mutability).await.unwrap();
        std::fs::create_dir_all(folder.0.join("docker")).unwrap();
        let auths = json!({ "auths": { daemon.address.to_string(): {
            "auth": daemon.authorization().trim_start_matches("Basic ") } } });
        std::fs::write(folder.0.join("docker/config.json"), auths.to_string()).unwrap();
        // A layer that does not fit one read of a socket.
        std::fs::create_dir_all(folder.0.join("root")).unwrap();
        std::fs::write(folder.0.join("root/data"), b"content ".repeat(1_000_000)).unwrap();
        let stage = Stage { daemon, folder, _state: state };
        stage.run("tar", &["-C", "root", "-cf", "layer.tar", "data"]).await.unwrap();
        stage
    }

    fn image(&self, tag: &str) -> String {
        format!("{}/app:{tag}", self.daemon.address)
    }

    /// What the program printed; its complaint where it failed.
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder.0).stdin(Stdio::null());
        command.env("DOCKER_CONFIG", self.folder.0.join("docker"));
        command.env("REGISTRY_AUTH_FILE", self.folder.0.join("docker/config.json"));
        if program == "docker" {
            command.env("DOCKER_HOST", needed("SLIPWAY_TEST_ENGINE"));
        }
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

fn needed(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set"))
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_logs_in_pushes_and_pulls() {
    let stage = Stage::new().await;
    let (image, moving) = (stage.image("v1"), stage.image("moving"));
    let password = auth::credentials(&stage.daemon.emulator).password;
    let address = stage.daemon.address.to_string();
    stage.run("docker", &["login", "--username", "AWS", "--password", &password, &address]).await.unwrap();
    stage.run("docker", &["import", "layer.tar", &image]).await.unwrap();
    stage.run("docker", &["tag", &image, &moving]).await.unwrap();
    let pushed = async {
        stage.run("docker", &["push", "--quiet", &image]).await?;
        stage.run("docker", &["push", "--quiet", &moving]).await?;
        stage.run("docker", &["push", "--quiet", &moving]).await?;
        let resolved = local_aws::registry::images::resolve(&stage.daemon.emulator, "app", "v1").unwrap();
        stage.run("docker", &["rmi", &image, &moving]).await?;
        let by_digest = format!("{address}/app@{}", resolved.digest);
        stage.run("docker", &["pull", "--quiet", &by_digest]).await?;
        stage.run("docker", &["rmi", &by_digest]).await?;
        Ok::<_, String>(resolved)
    };
    let pushed = pushed.await;
    // Nothing stays in the engine, however it went.
    let _ = stage.run("docker", &["rmi", "--force", &image, &moving]).await;
    let resolved = pushed.unwrap();
    assert_eq!(resolved.platforms.first().map(|platform| platform.os.as_str()), Some("linux"));
    let unknown = format!("{address}/nowhere:v1");
    let complaint = stage.run("docker", &["pull", &unknown]).await.unwrap_err();
    assert!(complaint.contains("nowhere"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn crane_pushes_copies_and_is_refused_an_immutable_tag() {
    let crane = needed("SLIPWAY_TEST_CRANE");
    let stage = Stage::new().await;
    let image = stage.image("v1");
    stage.run(&crane, &["append", "--new_layer", "layer.tar", "--new_tag", &image]).await.unwrap();
    let digest = stage.run(&crane, &["digest", &image]).await.unwrap();
    stage.run(&crane, &["tag", &image, "moving"]).await.unwrap();
    stage.run(&crane, &["tag", &image, "moving"]).await.unwrap();
    assert_eq!(stage.run(&crane, &["ls", &image.replace(":v1", "")]).await.unwrap(), "moving\nv1");
    stage.run(&crane, &["pull", "--format", "oci", &image, "copy"]).await.unwrap();
    stage.run(&crane, &["push", "copy", &stage.image("again")]).await.unwrap();
    assert_eq!(stage.run(&crane, &["digest", &stage.image("again")]).await.unwrap(), digest);
    // crane looks first: what is there already is not pushed again. Something else under the same tag is refused.
    stage.run(&crane, &["push", "copy", &image]).await.unwrap();
    let other = ["append", "--base", &image, "--new_layer", "layer.tar", "--new_tag", &image];
    let complaint = stage.run(&crane, &other).await.unwrap_err();
    assert!(complaint.contains("TAG_INVALID") && complaint.contains("because the tag is immutable"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_there_and_back() {
    let skopeo = needed("SLIPWAY_TEST_SKOPEO");
    let stage = Stage::new().await;
    let digest = stage.daemon.push_image("app", "v1", "layer").await;
    let remote = |tag: &str| format!("docker://{}", stage.image(tag));
    let copy = async |from: &str, to: &str| {
        let flags = ["copy", "--insecure-policy", "--preserve-digests"];
        let tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
        stage.run(&skopeo, &[&flags[..], &tls[..], &[from, to]].concat()).await
    };
    copy(&remote("v1"), "dir:there").await.unwrap();
    stage.daemon.api("DeleteRepository", json!({ "repositoryName": "app", "force": true })).await.unwrap();
    stage.daemon.api("CreateRepository", json!({ "repositoryName": "app" })).await.unwrap();
    copy("dir:there", &remote("v2")).await.unwrap();
    let resolved = local_aws::registry::images::resolve(&stage.daemon.emulator, "app", "v2").unwrap();
    assert_eq!(resolved.digest, digest);
}

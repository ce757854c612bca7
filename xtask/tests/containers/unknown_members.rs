//! Members that the SDK's version does not know pass whole. `trustedExecutionConfiguration` is newer than the SDK and known to
//! Slipway: it is sent, read back and compared. `futureMember` is known to neither: it is read back and shown, but not compared,
//! since no template may have it. The emulator runs in its permissive setting and without an engine: no task starts.

use std::collections::BTreeMap;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use serde_json::{Map, Value, json};
use xtask::ecs::TaskDefinition;
use xtask::ecs::diff::{task_definition_changes, unknown_members};
use xtask::effects::aws::{Aws, CredentialSource};
use xtask::effects::ecs;

use crate::stand::DAEMON;

/// A daemon that keeps unknown members, with a state of its own; stopped and removed when dropped.
struct Permissive {
    daemon: Child,
    state: Utf8PathBuf,
    endpoint: String,
}

impl Permissive {
    fn start() -> Permissive {
        let state = Utf8PathBuf::from(format!("/tmp/slipway-unknown-members-{}", std::process::id()));
        let arguments = ["serve", "--endpoint", "127.0.0.1:0", "--region", "eu-central-1", "--unknown-members", "keep"];
        let rest = ["--engine", "unix:///nonexistent/docker.sock", "--state", state.as_str()];
        let daemon = Command::new(&*DAEMON).args(arguments).args(rest).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let endpoint = loop {
            let record = std::fs::read(state.join("daemon.json")).unwrap_or_default();
            if let Ok(record) = serde_json::from_slice::<Value>(&record) {
                break format!("http://{}", record["endpoint"].as_str().unwrap());
            }
            assert!(Instant::now() < deadline, "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(20));
        };
        Permissive { daemon, state, endpoint }
    }
}

impl Drop for Permissive {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

fn document(policy: &str) -> Map<String, Value> {
    let document = json!({
        "family": "web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
        "trustedExecutionConfiguration": { "attestationPolicy": policy }, "futureMember": { "mode": "x" },
        "containerDefinitions": [{ "name": "app", "image": "app:1", "essential": true, "futureOption": [1, 2] }],
    });
    document.as_object().unwrap().clone()
}

#[test]
fn unknown_members_are_registered_compared_and_shown_whole() {
    let emulator = Permissive::start();
    let aws = Aws::connect("eu-central-1", Some(&emulator.endpoint), CredentialSource::Anonymous).unwrap();
    ecs::register_task_definition(&aws, &document("a"), &BTreeMap::new()).unwrap();
    let running = ecs::describe_task_definition(&aws, "web").unwrap().unwrap();
    assert_eq!(running.document["trustedExecutionConfiguration"], json!({ "attestationPolicy": "a" }));
    assert_eq!(running.document["futureMember"], json!({ "mode": "x" }));
    assert_eq!(running.document["containerDefinitions"][0]["futureOption"], json!([1, 2]));
    // `deploy` warns of these by path.
    assert_eq!(unknown_members(&running), ["containerDefinitions[0].futureOption", "futureMember"]);
    let changes = |policy: &str| {
        let desired = TaskDefinition::from_document(document(policy)).unwrap();
        task_definition_changes(&desired, &running).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(changes("a"), Vec::<String>::new());
    assert_eq!(changes("b"), ["task.trustedExecutionConfiguration.attestationPolicy: a → b"]);
}

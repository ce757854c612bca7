//! `local` where nothing runs: what is said, what is refused, what is left alone. With an engine: `tests/containers/local.rs`.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::sandbox::Sandbox;

/// A project whose emulator has addresses that are free at this moment.
fn sandbox(name: &str) -> Sandbox {
    let sandbox = Sandbox::new(name);
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (endpoint, balancer) = (free(), free());
    addresses(&sandbox, &endpoint.local_addr().unwrap().to_string(), &balancer.local_addr().unwrap().to_string());
    sandbox
}

fn addresses(sandbox: &Sandbox, endpoint: &str, balancer: &str) {
    let file = "infra/environments/local.toml";
    let text = sandbox.read(file);
    let before = text.split("[local]").next().unwrap();
    sandbox.write(file, &format!("{before}[local]\nendpoint = \"{endpoint}\"\nbalancer = \"{balancer}\"\n"));
}

#[test]
fn what_is_not_running_is_said_to_be_stopped_and_nothing_is_made() {
    let sandbox = sandbox("local-stopped");
    addresses(&sandbox, "127.0.0.1:4999", "127.0.0.1:8999");
    let status = sandbox.json(&["local", "status"]);
    let expected = json!({
        "event": "finished", "outcome": "stopped", "endpoint": "http://127.0.0.1:4999", "registry": "127.0.0.1:4999",
        "url": "http://127.0.0.1:8999", "region": "eu-central-1", "account": "123456789012", "services": [],
    });
    assert_eq!((status.code, status.finished()), (0, &expected), "{}", status.stderr);
    for arguments in [&["local", "stop"][..], &["local", "reset", "--yes"]] {
        let run = sandbox.json(arguments);
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("unchanged")), "{}", run.stderr);
    }
    assert!(!sandbox.root.join("target").exists());
    sandbox.json(&["local", "logs"]).fails(1, "failed", &["has not been started", "cargo xtask local start"]);
}

#[test]
fn a_reset_that_nobody_confirms_and_another_environment_are_refused() {
    let sandbox = sandbox("local-refused");
    sandbox.json(&["local", "reset"]).fails(2, "failed", &["removes pushed images", "--yes"]);
    sandbox.json(&["local", "start", "--env", "dev"]).fails(2, "failed", &["only `local` has an emulator"]);
    addresses(&sandbox, "0.0.0.0:4510", "127.0.0.1:8080");
    sandbox.json(&["local", "start"]).fails(
        2,
        "failed",
        &["infra/environments/local.toml:8:12", "can be reached by others", "^^^^^", "\nhint: "],
    );
    assert!(!sandbox.root.join("target/slipway/local/state").exists());
}

#[test]
fn a_taken_port_is_named_with_its_holder_and_the_setting() {
    let sandbox = sandbox("local-port");
    for key in ["endpoint", "balancer"] {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let (taken, free) = (holder.local_addr().unwrap().to_string(), other.local_addr().unwrap().to_string());
        drop(other);
        let (endpoint, balancer) = if key == "endpoint" { (&taken, &free) } else { (&free, &taken) };
        addresses(&sandbox, endpoint, balancer);
        let run = sandbox.json(&["local", "start"]);
        let us = format!("{taken} is taken by process {} (", std::process::id());
        let us = if cfg!(target_os = "linux") { us } else { format!("{taken} is taken") };
        run.fails(1, "failed", &[&us, &format!("`{key}` under `[local]`"), "infra/environments/local.toml"]);
    }
}

#[test]
fn a_daemon_that_cannot_be_used_is_said_with_its_own_words() {
    let sandbox = sandbox("local-daemon");
    let start = |program: &str| {
        let mut command = sandbox.xtask(&["local", "start", "--output", "json"]);
        command.env("SLIPWAY_LOCAL_AWS", sandbox.folder().join(program));
        crate::sandbox::Run::of(command)
    };
    start("missing").fails(2, "failed", &["SLIPWAY_LOCAL_AWS", "missing"]);
    sandbox.write("../local-aws", "#!/bin/sh\necho \"the words of $1\"\nexit 3\n");
    let program = sandbox.folder().join("local-aws");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    start("local-aws").fails(1, "failed", &["ended with exit status: 3", "the words of serve", "daemon.log"]);
    let seed: serde_json::Value = serde_json::from_str(&sandbox.read("target/slipway/local/seed.json")).unwrap();
    assert_eq!(seed["repositories"], json!(["small/app"]));
    // What a start that failed has left goes, too, whether or not its engine is there.
    let run = sandbox.json(&["local", "reset", "--yes"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (1, Some("failed")), "{}", run.stderr);
    sandbox.write("../local-aws", "#!/bin/sh\nexit 0\n");
    let run = sandbox.json(&["local", "reset", "--yes"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("reset")), "{}", run.stderr);
    assert!(!sandbox.root.join("target/slipway/local").exists());
}

#[test]
fn the_source_of_the_daemon_is_compiled_and_the_compilers_words_are_shown() {
    let sandbox = sandbox("local-compiler");
    sandbox.json(&["local", "start"]).fails(1, "failed", &["failed to compile the local daemon", "Cargo.toml"]);
}

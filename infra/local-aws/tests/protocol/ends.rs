//! How the daemon does not start, and how it ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::daemon::{Daemon, Folder};

/// Exit code and what was said.
fn run(mut command: Command) -> (Option<i32>, String) {
    let output = command.stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = run(folder.command(&address));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("--endpoint"), "{said}");
}

#[test]
fn only_loopback_is_served() {
    let folder = Folder::new();
    let (code, said) = run(folder.command("0.0.0.0:0"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("loopback"), "{said}");
    assert!(!folder.state().exists());
}

#[test]
fn a_seed_with_a_mistake_is_refused_with_its_place() {
    let folder = Folder::new();
    let seed = folder.0.join("seed.json");
    let check = |text: &str, words: &[&str]| {
        fs::write(&seed, text).unwrap();
        let mut command = folder.command("127.0.0.1:0");
        command.args(["--seed", seed.as_str()]);
        let (code, said) = run(command);
        assert_eq!(code, Some(2), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    check("{\n  \"cluster\": [\"a\"]\n}", &["seed.json", "unknown field `cluster`", "line 2"]);
    check("{\"clusters\": [1]}", &["invalid type", "line 1"]);
    fs::remove_file(&seed).unwrap();
    let mut command = folder.command("127.0.0.1:0");
    command.args(["--seed", seed.as_str()]);
    assert_eq!(run(command).0, Some(2));
}

#[test]
fn the_seed_is_there_once_whatever_happens_between() {
    let folder = Folder::new();
    let seed = folder.0.join("seed.json");
    let document = json!({ "clusters": ["c"], "parameters": { "/plain": "v" }, "randomParameters": ["/secret"] });
    fs::write(&seed, document.to_string()).unwrap();
    let start = || {
        let mut command = folder.command("127.0.0.1:0");
        command.args(["--seed", seed.as_str()]);
        Daemon::with(command, &folder)
    };
    let secret = |daemon: &Daemon| {
        let input = json!({ "Name": "/secret", "WithDecryption": true });
        daemon.call("ssm", "GetParameter", &input).json()["Parameter"]["Value"].as_str().unwrap().to_owned()
    };
    let mut daemon = start();
    let first = secret(&daemon);
    assert_eq!(first.len(), 50);
    let input = json!({ "Name": "/plain", "Value": "changed", "Overwrite": true });
    assert_eq!(daemon.call("ssm", "PutParameter", &input).status, 200);
    daemon.kill();
    let daemon = start();
    assert_eq!(secret(&daemon), first);
    let plain = daemon.call("ssm", "GetParameter", &json!({ "Name": "/plain" })).json();
    assert_eq!(plain["Parameter"]["Value"], "changed");
}

#[test]
fn one_daemon_has_a_state() {
    let folder = Folder::new();
    let mut daemon = Daemon::start(&folder);
    let (code, said) = run(folder.command("127.0.0.1:0"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("process {}", daemon.child.id())) && said.contains(&daemon.address), "{said}");
    assert_eq!(daemon.put("/a").status, 200);
    // The lock ends with the process, however that ends.
    daemon.kill();
    let daemon = Daemon::start(&folder);
    assert_eq!(daemon.parameters(), ["/a"]);
}

#[test]
fn sigterm_and_stop_end_it_in_order() {
    let folder = Folder::new();
    let mut daemon = Daemon::start(&folder);
    assert_eq!(daemon.put("/a").status, 200);
    daemon.terminate();
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!folder.state().join("daemon.json").exists());
    let mut daemon = Daemon::start(&folder);
    assert_eq!(daemon.parameters(), ["/a"]);
    assert_eq!(daemon.send("POST", "/_local/stop", &[], b"").status, 202);
    assert_eq!(daemon.ended().code(), Some(0));
    assert_eq!(Daemon::start(&folder).parameters(), ["/a"]);
}

#[test]
fn what_was_answered_survives_kill_9() {
    let folder = Folder::new();
    let mut promised = Vec::new();
    for round in 0..3 {
        let mut daemon = Daemon::start(&folder);
        let answered: Vec<String> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let daemon = &daemon;
                    scope.spawn(move || {
                        let names = (0..3).map(move |number| format!("/kill/{round}/{writer}/{number}"));
                        names.filter(|name| daemon.put(name).status == 200).collect::<Vec<_>>()
                    })
                })
                .collect();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
        });
        daemon.kill();
        promised.extend(answered);
    }
    promised.sort();
    assert_eq!(promised.len(), 36);
    assert_eq!(Daemon::start(&folder).parameters(), promised);
}

#[test]
fn a_state_that_cannot_be_read_is_left_as_it_is() {
    let folder = Folder::new();
    drop(Daemon::start(&folder));
    let file = folder.state().join("state.json");
    for text in ["{", "{\"version\": 999, \"state\": {}}"] {
        fs::write(&file, text).unwrap();
        let (code, said) = run(folder.command("127.0.0.1:0"));
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("state.json"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn only_the_owner_may_look() {
    let folder = Folder::new();
    fs::create_dir(folder.state()).unwrap();
    fs::set_permissions(folder.state(), fs::Permissions::from_mode(0o755)).unwrap();
    let daemon = Daemon::start(&folder);
    assert_eq!(daemon.put("/a").status, 200);
    let mode = |path: &str| fs::metadata(folder.0.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/state.json"), mode("state/daemon.json")), (0o700, 0o600, 0o600));
}

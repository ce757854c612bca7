//! What is said where: usage, configuration errors, help, closed pipes, machines without an engine.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xtask::effects::lock::{self, Lock};
use xtask::effects::{host, process};

use crate::sandbox::{PROJECT, Run, Sandbox};

const VERBS: [&str; 6] = ["build", "setup", "doctor", "local", "test", "bench"];

fn output(mut command: Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

#[test]
fn a_configuration_error_shows_its_place_a_caret_and_a_hint() {
    let sandbox = Sandbox::new("configuration");
    sandbox.write("infra/slipway.toml", &PROJECT.replace("context", "contxt"));
    let run = sandbox.json(&["build"]);
    run.fails(2, "failed", &["infra/slipway.toml:6:1", "^^^^^^", "\nhint: "]);
    assert_eq!(run.events.len(), 1);
    assert!(run.finished()["error"].as_str().unwrap().contains("contxt"));
    assert!(!run.finished()["hints"].as_array().unwrap().is_empty());
    let (code, stdout, stderr) = output(sandbox.xtask(&["build"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: infra/slipway.toml:6:1"), "{stderr}");
    assert_eq!(sandbox.baked(), None);
}

#[test]
fn outside_of_a_project_every_verb_says_so_in_both_modes() {
    let sandbox = Sandbox::new("outside");
    let nowhere = sandbox.folder().join("nowhere");
    fs::create_dir_all(&nowhere).unwrap();
    for verb in VERBS {
        let words: &[&str] = if verb == "local" { &["local", "status"] } else { &[verb] };
        let mut command = sandbox.xtask(words);
        command.current_dir(&nowhere);
        let (code, stdout, stderr) = output(command);
        assert_eq!((code, stdout.as_str()), (2, ""), "{verb}: {stderr}");
        assert!(stderr.contains("is in no Slipway project") && stderr.contains("\nhint: "), "{verb}: {stderr}");
    }
    for verb in ["build", "setup", "doctor"] {
        let mut command = sandbox.xtask(&[verb, "--output", "json"]);
        command.current_dir(&nowhere);
        Run::of(command).fails(2, "failed", &["is in no Slipway project"]);
    }
}

#[test]
fn what_is_misspelled_gets_a_suggestion_and_exit_code_2() {
    let sandbox = Sandbox::new("usage");
    for (arguments, suggestion) in [
        (&["biuld"][..], "build"),
        (&["build", "--explian"], "--explain"),
        (&["build", "--output", "jsn"], "json"),
        (&["build", "--env", "locl"], "local"),
        (&["build", "--env", "../local"], "lower-case letters, digits and hyphens"),
        (&["build", "--env", "Local"], "lower-case letters, digits and hyphens"),
        (&["build", "--image", "App"], "lower-case"),
        (&["bench", "--only", "prof"], "proof"),
    ] {
        let (code, stdout, stderr) = output(sandbox.xtask(arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(suggestion), "{arguments:?}: no `{suggestion}` in {stderr}");
    }
}

#[test]
fn the_help_of_every_verb_has_an_example() {
    let sandbox = Sandbox::new("help");
    for verb in VERBS {
        let (code, stdout, stderr) = output(sandbox.xtask(&[verb, "--help"]));
        assert_eq!((code, stderr.as_str()), (0, ""), "{verb}");
        assert!(stdout.contains(&format!("\n  cargo xtask {verb}")), "{verb}: {stdout}");
    }
    let (code, stdout, _) = output(sandbox.xtask(&["--help"]));
    assert!(code == 0 && stdout.contains("Exit codes:"), "{stdout}");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let sandbox = Sandbox::new("pipe");
    // Both streams go to a reader that is gone before the first line.
    for (arguments, expected) in [(&["build"][..], 0), (&["build", "--output", "json", "--env", "dev"], 2)] {
        let words = arguments.join(" ");
        let script = format!("{{ sleep 0.2; '{}' {words} 2>&1; echo $? > code; }} | true", env!("CARGO_BIN_EXE_xtask"));
        let mut shell = sandbox.xtask(&[]);
        let variables = shell.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
        let variables = variables.collect::<Vec<_>>();
        shell = Command::new("sh");
        for (name, value) in variables {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        assert!(shell.args(["-c", &script]).current_dir(&sandbox.root).status().unwrap().success());
        assert_eq!(sandbox.read("code").trim(), expected.to_string(), "{words}");
    }
}

#[test]
fn without_an_engine_and_without_a_way_to_one_there_is_one_clear_sentence() {
    let sandbox = Sandbox::new("engine");
    let info = r#"{"ServerErrors":["Cannot connect"],"ClientInfo":{"Version":"28.2.2","Plugins":[{"Name":"buildx","Version":"v0.30.1"}]}}"#;
    sandbox.write("../fake/info.json", info);
    let mut command = sandbox.xtask(&["build", "--output", "json"]);
    if host::is_root() {
        // An unprivileged user can neither set an engine up nor read this program where it is.
        const UNPRIVILEGED: u32 = 65534;
        let program = sandbox.folder().join("xtask");
        fs::copy(env!("CARGO_BIN_EXE_xtask"), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&sandbox.root, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
        let variables = command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)));
        let variables = variables.collect::<Vec<_>>();
        command = Command::new(&program);
        command.args(["build", "--output", "json"]).current_dir(&sandbox.root).uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        for (name, value) in variables.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            command.env(name, value);
        }
    }
    let run = Run::of(command);
    run.fails(1, "failed", &["a private engine needs", "\nhint: "]);
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{}", run.stderr);
}

#[test]
fn setup_removes_no_engine_from_under_a_build() {
    let sandbox = Sandbox::new("remove");
    let lock = Lock::acquire(&sandbox.root.join(lock::BUILD), || {}).unwrap();
    let mut child =
        sandbox.xtask(&["setup", "--remove"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("a build is running in this repository"), "{line}");
    assert!(child.try_wait().unwrap().is_none());
    drop(lock);
    assert!(child.wait().unwrap().success());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(stdout, "there is no private engine\n");
}

#[test]
fn a_build_that_waits_for_another_can_be_interrupted() {
    let sandbox = Sandbox::new("waiting");
    let _lock = Lock::acquire(&sandbox.root.join(lock::BUILD), || {}).unwrap();
    let mut command = sandbox.xtask(&["build"]);
    let mut child = command.process_group(0).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("another build is running"), "{line}");
    process::interrupt_group(child.id());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn an_interrupt_ends_what_the_build_waits_for() {
    let sandbox = Sandbox::new("interrupt");
    sandbox.write("app/Dockerfile", "FROM base.test/python:3\n");
    // A registry that does not answer, and a client that notes its process.
    let client = sandbox.read("../fake/docker");
    let slow = "#!/bin/sh\ncase \"$*\" in *imagetools*) echo $$ > \"$FAKE/new\"; mv \"$FAKE/new\" \"$FAKE/client\"; sleep 30; exit 1;; esac\n";
    sandbox.write("../fake/docker", &client.replace("#!/bin/sh\n", slow));
    let note = sandbox.folder().join("fake/client");
    let mut child = sandbox.xtask(&["build", "--output", "json"]);
    let child = child.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(process::wait_until(Duration::from_secs(20), || note.exists()));
    let begun = Instant::now();
    process::interrupt_group(child.id());
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    let client = fs::read_to_string(note).unwrap().trim().parse().unwrap();
    assert!(process::wait_until(Duration::from_secs(5), || !process::is_alive(client)));
}

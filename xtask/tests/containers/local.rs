//! `cargo xtask local` with an engine: what a restart, a kill and a stop do to running tasks, and that a reset leaves
//! nothing (issue 3, acceptance 5).

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::json;
use xtask::effects::local_daemon::leftovers::{LABEL, instance};
use xtask::effects::process;

use crate::service::{Images, serve, settled_on};
use crate::stand::{CLUSTER, Stand};
use crate::world::docker_ok;

/// The containers of the service's tasks that run.
fn containers(stand: &Stand) -> BTreeSet<String> {
    let tasks = stand.ecs("ListTasks", &json!({ "cluster": CLUSTER, "serviceName": "linkbio" }));
    let tasks = stand.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": tasks["taskArns"] }));
    let tasks = tasks["tasks"].as_array().unwrap();
    let containers = tasks.iter().flat_map(|task| task["containers"].as_array().unwrap());
    containers.filter_map(|container| container["runtimeId"].as_str().map(str::to_owned)).collect()
}

/// All that the machine itself shows of an emulator: mounts, control groups, processes that name one of these words.
fn traces(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> =
        fs::read_to_string("/proc/self/mountinfo").unwrap().lines().map(str::to_owned).collect();
    lines.extend(
        process::all_ids()
            .into_iter()
            .filter(|id| *id != std::process::id())
            .map(|id| process::arguments(id).join(" ")),
    );
    let mut folders = vec![std::path::PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                lines.push(entry.path().display().to_string());
                folders.push(entry.path());
            }
        }
    }
    lines.retain(|line| words.iter().any(|word| line.contains(word.as_str())));
    lines
}

/// What every trace of this emulator would name: its state, its instance, its containers.
fn words(stand: &Stand) -> Vec<String> {
    let mut words: Vec<String> = stand.in_engine().split_whitespace().map(str::to_owned).collect();
    assert!(words.len() > 1, "the emulator has nothing in the engine");
    words.push(stand.place().state().into_string());
    words.push(instance(&stand.place()));
    words
}

fn nothing_is_left(stand: &Stand, words: &[String]) {
    assert_eq!(stand.process(), None);
    assert_eq!(stand.in_engine(), "");
    let pulled = format!("--filter=reference={}/*/*", stand.endpoint);
    assert_eq!(docker_ok(&["image", "ls", "--quiet", &pulled]), "");
    assert!(!stand.place().folder().exists());
    // The kernel needs a moment between the end of the last process and an empty control group.
    process::wait_until(Duration::from_secs(30), || traces(words).is_empty());
    assert_eq!(traces(words), Vec::<String>::new());
}

#[test]
fn tasks_outlive_a_restart_and_a_kill_of_the_daemon_end_with_a_stop_and_come_back() {
    let stand = Stand::started();
    let first = stand.process().unwrap();
    let running = stand.local_is(&["status"], "running");
    let status = running.finished();
    assert_eq!(status["endpoint"], format!("http://{}", stand.endpoint));
    assert_eq!(status["url"], format!("http://{}", stand.balancer));
    assert_eq!(status["registry"], stand.endpoint.to_string());
    assert_eq!((&status["region"], &status["account"]), (&json!("eu-central-1"), &json!("123456789012")));
    stand.local_is(&["start"], "unchanged");
    assert_eq!(stand.process(), Some(first));

    let images = Images::pushed(&stand);
    let revision = serve(&stand, &images);
    assert_eq!(stand.local(&["status"]).finished()["services"][0]["serviceName"], "linkbio");
    let tasks = containers(&stand);
    assert_eq!(tasks.len(), 2, "{tasks:?}");

    // The program has changed, as cargo changes it: another file under the same name.
    let next = stand.program.with_extension("next");
    fs::copy(&stand.program, &next).unwrap();
    fs::rename(&next, &stand.program).unwrap();
    stand.local_is(&["start"], "restarted");
    let second = stand.process().unwrap();
    assert_ne!(first, second);
    stand.wait("the adopted service", |service| service["runningCount"] == 1);
    assert_eq!(containers(&stand), tasks);

    // The daemon was killed: the tasks serve on, and are adopted afterwards.
    process::kill(second);
    assert!(process::wait_until(Duration::from_secs(30), || stand.process().is_none()));
    stand.local_is(&["status"], "stopped");
    for container in &tasks {
        assert_eq!(docker_ok(&["inspect", "--format", "{{.State.Running}}", container]), "true");
    }
    stand.local_is(&["start"], "started");
    stand.wait("the service after a kill", |service| service["runningCount"] == 1);
    assert_eq!(containers(&stand), tasks);
    // The load balancer is back with its target.
    let serves = || stand.get("/@ada").is_ok_and(|page| page.status == 200);
    assert!(process::wait_until(Duration::from_secs(60), serves), "nothing is served after a kill");

    // A stop ends the tasks; a start brings the service back with another one.
    stand.local_is(&["stop"], "stopped");
    let ours = format!("label={LABEL}={}", instance(&stand.place()));
    assert_eq!((stand.process(), docker_ok(&["ps", "--quiet", "--filter", &ours])), (None, String::new()));
    stand.local_is(&["stop"], "unchanged");
    stand.local_is(&["start"], "started");
    stand.wait("the service after a stop", |service| settled_on(service, &revision) && service["runningCount"] == 1);
    assert!(process::wait_until(Duration::from_secs(60), serves), "nothing is served after a stop");
    assert!(containers(&stand).is_disjoint(&tasks));

    // Killed, and removed without being started again.
    let words = words(&stand);
    process::kill(stand.process().unwrap());
    stand.local_is(&["reset", "--yes"], "reset");
    nothing_is_left(&stand, &words);
    stand.local_is(&["reset", "--yes"], "unchanged");
}

#[test]
fn setup_remove_takes_the_emulator_along() {
    let stand = Stand::started();
    let images = Images::pushed(&stand);
    serve(&stand, &images);
    let words = words(&stand);
    assert!(!traces(&words).is_empty(), "nothing of a running service can be seen, so nothing left could be either");
    let run = stand.json(&["setup", "--remove"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (0, Some("removed")), "{}", run.stderr);
    nothing_is_left(&stand, &words);
}

#[test]
fn a_reset_without_its_engine_says_what_it_could_not_look_at() {
    let stand = Stand::started();
    let record = stand.place().folder().join("started.json");
    let text = fs::read_to_string(&record).unwrap();
    let engine = serde_json::from_str::<serde_json::Value>(&text).unwrap()["engine"].as_str().unwrap().to_owned();
    // The daemon is said to have worked with an engine that is gone by now.
    fs::write(&record, text.replace(&engine, "unix:///nonexistent/docker.sock")).unwrap();
    let run = stand.local_is(&["reset", "--yes"], "reset");
    assert!(
        run.finished()["unseen"].as_str().is_some_and(|why| why.contains("/nonexistent/docker.sock")),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("could not be looked at"), "{}", run.stderr);
    assert_eq!(stand.process(), None);
    assert!(!stand.place().folder().exists());
}

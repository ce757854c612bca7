//! Deploys that must not go through: each ends with its own outcome, cause and exit code, and one release serves throughout
//! (issue 4, acceptance 2, and its list of faults).

use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::deploy::deploy;
use crate::load::Load;
use crate::stand::{CLUSTER, Stand};
use crate::world::Run;

const DEFINITION: &str = "infra/task-definition.json";
const PROJECT: &str = "infra/slipway.toml";

/// A first release that serves, with a page in its database.
fn serving() -> Stand {
    let stand = Stand::new();
    deploy(&stand, 0, "deployed");
    let seeded = stand.json(&["run", "--", "manage", "seed_demo"]);
    assert_eq!(seeded.code, 0, "{}", seeded.stderr);
    stand
}

/// Changes one container of the task definition.
fn change(stand: &Stand, container: &str, change: impl Fn(&mut Value)) {
    let mut document: Value = serde_json::from_str(&stand.clone.read(DEFINITION)).unwrap();
    let containers = document["containerDefinitions"].as_array_mut().unwrap();
    change(containers.iter_mut().find(|one| one["name"] == container).unwrap());
    stand.clone.write(DEFINITION, &serde_json::to_string_pretty(&document).unwrap());
}

fn restore(stand: &Stand) {
    stand.clone.git(&["checkout", "--quiet", "--force", "."]);
    // The addresses of this stand are settings that no commit has.
    stand.configure();
}

fn cause(run: &Run) -> &str {
    run.finished()["cause"]["id"].as_str().unwrap_or_else(|| panic!("no cause: {:#}\n{}", run.finished(), run.stderr))
}

/// What serves is the first release.
fn still_serves(stand: &Stand, release: &Value) {
    let ready = stand.get("/healthz/ready").unwrap();
    assert!(ready.status == 200 && ready.body.contains(release.as_str().unwrap()), "{}", ready.body);
}

#[test]
fn what_fails_names_its_cause_and_the_release_before_serves_on() {
    let stand = serving();
    let status = stand.json(&["status"]);
    let first = status.finished()["release"].clone();
    let load = Load::start(&stand);

    // The commit breaks at import: rolled back, by its traceback's last line.
    change(&stand, "app", |app| app["command"] = json!(["python", "-c", "import nowhere_to_be_found"]));
    let run = stand.json(&["deploy"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (4, Some("rolled-back")), "{}", run.stderr);
    assert_eq!(cause(&run), "exits-at-start");
    assert!(run.stderr.contains("No module named 'nowhere_to_be_found'"), "{}", run.stderr);
    still_serves(&stand, &first);
    restore(&stand);
    // What serves again is what the tree says, so nothing is to be done.
    deploy(&stand, 0, "unchanged");

    // A secret that is not there: ended early, no retry mends it.
    change(&stand, "app", |app| {
        app["secrets"] = json!([{ "name": "SECRET_KEY", "valueFrom": "/linkbio/local/NOT_THERE" }]);
    });
    let run = stand.json(&["deploy"]);
    assert!([3, 4].contains(&run.code), "{:#}\n{}", run.finished(), run.stderr);
    still_serves(&stand, &first);
    restore(&stand);

    // Memory that is not enough.
    change(&stand, "app", |app| {
        app["command"] = json!(["python", "-c", "x = bytearray(10**9)\nfor i in range(0, len(x), 4096): x[i] = 1"]);
    });
    let run = stand.json(&["deploy"]);
    assert_eq!((run.code, cause(&run)), (4, "out-of-memory"), "{}", run.stderr);
    still_serves(&stand, &first);
    restore(&stand);

    // A migration that fails: the service is untouched, there is no deployment at all.
    let before = stand.service()["deployments"].clone();
    let project = stand.clone.read(PROJECT);
    let failing = r#"command = ["sh", "-c", "echo 'column does not exist'; exit 9"]"#;
    let changed = project.replace(r#"command = ["migrate"]"#, failing);
    assert_ne!(project, changed, "the project has no release phase to change");
    stand.clone.write(PROJECT, &changed);
    change(&stand, "app", |app| app["stopTimeout"] = json!(41));
    let run = stand.json(&["deploy"]);
    assert_eq!((run.code, cause(&run)), (1, "migration-failed"), "{}", run.stderr);
    assert!(run.stderr.contains("column does not exist"), "{}", run.stderr);
    assert_eq!(stand.service()["deployments"], before);
    still_serves(&stand, &first);
    restore(&stand);

    let served = load.end();
    assert!(served > 100, "only {served} pages were requested meanwhile");
    assert!(stand.get("/@ada").unwrap().body.contains("Ada"));
}

#[test]
fn a_task_that_never_gets_healthy_times_out_with_a_cause_and_the_next_deploy_goes_on() {
    let stand = serving();
    let first = stand.json(&["status"]).finished()["release"].clone();
    change(&stand, "app", |app| app["command"] = json!(["sleep", "600"]));
    let run = stand.json(&["deploy", "--timeout", "12"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (7, Some("timed-out")), "{}", run.stderr);
    assert!(run.finished()["cause"]["evidence"].as_array().is_some_and(|all| !all.is_empty()), "{}", run.finished());
    still_serves(&stand, &first);
    restore(&stand);
    // The first release is deployed over the stuck one.
    deploy(&stand, 0, "deployed");
    still_serves(&stand, &first);
}

/// A deploy in the background.
fn begin(stand: &Stand) -> Child {
    let mut command = stand.xtask(&["deploy", "--output", "json"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
}

pub(crate) fn end(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        events: stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) fn until(what: &str, ready: impl Fn() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn rolls(stand: &Stand) -> bool {
    stand.service()["deployments"].as_array().is_some_and(|all| all.len() > 1)
}

#[test]
fn ctrl_c_and_kill_leave_one_release_serving_and_the_next_deploy_carries_on() {
    let stand = serving();
    let load = Load::start(&stand);

    // Ctrl-C in the middle of the rollout: 130, and the next deploy follows what is under way.
    change(&stand, "app", |app| app["stopTimeout"] = json!(42));
    let child = begin(&stand);
    until("the rollout", || rolls(&stand));
    // One deploy at a time: the lease is held.
    let locked = stand.json(&["deploy"]);
    assert_eq!((locked.code, locked.finished()["outcome"].as_str()), (5, Some("locked")), "{}", locked.stderr);
    xtask::effects::process::terminate(child.id());
    let run = end(child);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (130, Some("interrupted")), "{}", run.stderr);
    let carried_on = stand.json(&["deploy"]);
    assert_eq!(
        (carried_on.code, carried_on.finished()["outcome"].as_str()),
        (0, Some("deployed")),
        "{}",
        carried_on.stderr
    );

    // SIGKILL right after `UpdateService`: the lease is held by a process that is gone.
    change(&stand, "app", |app| app["stopTimeout"] = json!(43));
    let mut child = begin(&stand);
    until("the rollout", || rolls(&stand));
    child.kill().unwrap();
    child.wait().unwrap();
    let after = stand.json(&["deploy"]);
    assert_eq!((after.code, after.finished()["outcome"].as_str()), (0, Some("deployed")), "{}", after.stderr);
    load.end();

    // The daemon is killed in the middle of a deploy and started again: the deploy comes to its verdict, or says how to
    // go on, and the next one ends well.
    change(&stand, "app", |app| app["stopTimeout"] = json!(44));
    let child = begin(&stand);
    until("the rollout", || rolls(&stand));
    xtask::effects::process::kill(stand.process().unwrap());
    until("the end of the daemon", || stand.process().is_none());
    let started = stand.local(&["start"]);
    assert_eq!(started.code, 0, "{}", started.stderr);
    let run = end(child);
    assert!([0, 1].contains(&run.code), "{:#}\n{}", run.finished(), run.stderr);
    let after = stand.json(&["deploy"]);
    assert_eq!(after.code, 0, "{}", after.stderr);
    let ready = stand.get("/healthz/ready").unwrap();
    assert!(ready.body.contains(after.finished()["release"].as_str().unwrap()), "{}", ready.body);

    // Somebody else deploys meanwhile.
    change(&stand, "app", |app| app["stopTimeout"] = json!(45));
    let child = begin(&stand);
    until("the rollout", || rolls(&stand));
    let other = stand.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "linkbio-local", "sort": "ASC" }));
    let other = other["taskDefinitionArns"][0].clone();
    stand.ecs("UpdateService", &json!({ "cluster": CLUSTER, "service": "linkbio", "taskDefinition": other }));
    let run = end(child);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (6, Some("superseded")), "{}", run.stderr);
}

#[test]
fn ctrl_c_in_the_release_phase_stops_its_task_and_leaves_the_service_alone() {
    let stand = serving();
    let first = stand.json(&["status"]).finished()["release"].clone();
    let before = stand.service()["deployments"].clone();
    let project = stand.clone.read(PROJECT);
    stand.clone.write(PROJECT, &project.replace(r#"command = ["migrate"]"#, r#"command = ["sleep", "100"]"#));
    change(&stand, "app", |app| app["stopTimeout"] = json!(46));
    let tasks = |status: &str| {
        let wanted = json!({ "cluster": CLUSTER, "startedBy": "slipway", "desiredStatus": status });
        stand.ecs("ListTasks", &wanted)["taskArns"].as_array().map_or(0, Vec::len)
    };
    let stopped = tasks("STOPPED");
    let child = begin(&stand);
    until("the task of the release phase", || tasks("RUNNING") == 1);
    xtask::effects::process::terminate(child.id());
    let run = end(child);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (130, Some("interrupted")), "{}", run.stderr);
    assert!(run.stderr.contains("was stopped"), "{}", run.stderr);
    assert_eq!((tasks("RUNNING"), tasks("STOPPED")), (0, stopped + 1));
    assert_eq!(stand.service()["deployments"], before);
    still_serves(&stand, &first);
    // The lease was given back, and the next deploy takes the revision that is there already.
    stand.clone.write(PROJECT, &project);
    let after = deploy(&stand, 0, "deployed");
    assert!(!after.stderr.contains("==> registered"), "{}", after.stderr);
}

/// A disk of a few pages over a folder; the folder is as it was when this is dropped.
struct FullDisk(camino::Utf8PathBuf);

impl FullDisk {
    fn over(folder: camino::Utf8PathBuf) -> FullDisk {
        std::fs::create_dir_all(&folder).unwrap();
        let mut mount = std::process::Command::new("mount");
        assert!(mount.args(["-t", "tmpfs", "-o", "size=8k", "full", folder.as_str()]).status().unwrap().success());
        FullDisk(folder)
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_the_next_deploy_goes_through() {
    let stand = serving();
    let first = stand.json(&["status"]).finished()["release"].clone();
    let view = "app/links/views.py";
    let text = stand.clone.read(view);
    stand.clone.write(view, &format!("{text}\n# Another image.\n"));

    // This machine's, where layouts are made.
    let full = FullDisk::over(stand.clone.root.join("target/slipway/building"));
    let run = deploy(&stand, 1, "failed");
    assert!(run.stderr.to_lowercase().contains("no space left on device"), "{}", run.stderr);
    drop(full);
    still_serves(&stand, &first);

    // The registry's.
    let full = FullDisk::over(stand.place().state().join("registry"));
    let run = deploy(&stand, 1, "failed");
    assert!(run.stderr.contains("failed to write to the disk"), "{}", run.stderr);
    drop(full);
    still_serves(&stand, &first);
    assert!(!stand.clone.has_leftovers());

    let run = deploy(&stand, 0, "deployed");
    assert_ne!(run.finished()["release"], first);
}

#[test]
fn what_is_refused_is_refused_before_anything_changes() {
    let stand = Stand::started();
    // An unknown environment, and one in another account.
    let unknown = stand.json(&["deploy", "--env", "nowhere"]);
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    let file = "infra/environments/local.toml";
    let settings = stand.clone.read(file);
    stand.clone.write(file, &format!("account = \"999988887777\"\n{settings}"));
    let run = stand.json(&["deploy"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (3, Some("refused")), "{}", run.stderr);
    assert!(run.stderr.contains("999988887777"), "{}", run.stderr);
    stand.clone.write(file, &settings);

    // A key that AWS does not have, with its place and what was meant.
    let definition = stand.clone.read(DEFINITION);
    stand.clone.write(DEFINITION, &definition.replace("\"essential\"", "\"esential\""));
    let run = stand.json(&["deploy"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("infra/task-definition.json:") && run.stderr.contains("essential"), "{}", run.stderr);
    stand.clone.write(DEFINITION, &definition);

    // A rule that no linter has: nginx waits for the health of a container without a check.
    change(&stand, "app", |app| drop(app.as_object_mut().unwrap().remove("healthCheck")));
    let run = stand.json(&["deploy"]);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (3, Some("refused")), "{}", run.stderr);
    let services = stand.ecs("ListServices", &json!({ "cluster": CLUSTER }));
    assert_eq!(services["serviceArns"], json!([]));
}

#[test]
fn a_worker_without_a_load_balancer_is_a_service_too() {
    let stand = Stand::new();
    let file = "infra/service.json";
    let mut service: Value = serde_json::from_str(&stand.clone.read(file)).unwrap();
    let members = service.as_object_mut().unwrap();
    members.remove("loadBalancers");
    members.remove("healthCheckGracePeriodSeconds");
    stand.clone.write(file, &service.to_string());
    let run = deploy(&stand, 0, "deployed");
    assert_eq!(run.finished()["url"], Value::Null);
    deploy(&stand, 0, "unchanged");
}

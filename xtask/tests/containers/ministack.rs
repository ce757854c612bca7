//! The unchanged program against an emulator of AWS that others wrote: one image, one container, no load balancer, with the
//! real engine. What ministack 1.5 lacks, and what follows: docs/guide/deploy.md, "Other endpoints".

mod server;

use std::time::Duration;

use serde_json::{Value, json};
use xtask::dev::packages;
use xtask::effects::process;
use xtask::report::{Output, Report};

use self::server::{ACCOUNT, Ministack, REGION};
use crate::world::{Clone, Run, docker_ok, repository};

/// The sample project in a folder of its own, which goes with it.
pub(crate) fn sample(name: &str) -> Clone {
    let folder = format!("slipway-containers-{}-{name}", std::process::id());
    let root = camino::Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap().join(folder);
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    let clone = Clone { root };
    for (file, text) in [
        (".gitignore", include_str!("ministack/sample/.gitignore")),
        ("hello/Dockerfile", include_str!("ministack/sample/hello/Dockerfile")),
        ("infra/slipway.toml", include_str!("ministack/sample/infra/slipway.toml")),
        ("infra/service.json", include_str!("ministack/sample/infra/service.json")),
        ("infra/task-definition.json", include_str!("ministack/sample/infra/task-definition.json")),
    ] {
        clone.write(file, text);
    }
    let busybox = packages::unpacked(&repository(), "busybox", &["busybox-static"], &Report::plain(Output::Human));
    let busybox = busybox.unwrap();
    let places = ["/bin/busybox", "/usr/bin/busybox"].map(|path| busybox.file(path));
    let program = places.into_iter().find(|file| file.is_file()).expect("the package has a busybox");
    std::fs::copy(program, clone.root.join("hello/busybox")).unwrap();
    clone
}

/// A verb that must end so.
fn ends(clone: &Clone, verb: &str, code: i32, outcome: &str) -> Run {
    let run = clone.json(&[verb]);
    let said = run.finished();
    assert_eq!((run.code, said["outcome"].as_str()), (code, Some(outcome)), "{said:#}\n{}", run.stderr);
    run
}

/// A change of the image's command, committed.
fn change(clone: &Clone, before: &str, after: &str) {
    let text = clone.read("hello/Dockerfile");
    assert!(text.contains(before), "{text}");
    clone.write("hello/Dockerfile", &text.replace(before, after));
    clone.commit(after);
}

/// The digest that the release on this machine has.
fn built(clone: &Clone) -> String {
    let release: Value = serde_json::from_str(&clone.read("target/slipway/release.json")).unwrap();
    release["images"]["hello"]["digest"].as_str().unwrap().to_owned()
}

fn service(ministack: &Ministack) -> Value {
    let input = json!({ "cluster": "hello-local", "services": ["hello"] });
    ministack.ecs("DescribeServices", &input)["services"][0].clone()
}

/// Everything that a deploy could have changed, as the emulator has it.
fn state(ministack: &Ministack) -> [Value; 4] {
    let service = service(ministack);
    let revision = json!({ "taskDefinition": service["taskDefinition"], "include": ["TAGS"] });
    [
        ministack.ecs("ListTaskDefinitions", &json!({ "familyPrefix": "hello-local" })),
        ministack.ecs("DescribeTaskDefinition", &revision),
        ministack.ecs("ListTasks", &json!({ "cluster": "hello-local", "serviceName": "hello" })),
        service,
    ]
}

/// One task runs, of this revision and this very digest: for the emulator and for the engine.
fn serves(ministack: &Ministack, revision: &str, digest: &str) {
    let reference = format!("{}/hello/hello@{digest}", ministack.address);
    let definition = ministack.ecs("DescribeTaskDefinition", &json!({ "taskDefinition": revision }));
    assert_eq!(definition["taskDefinition"]["containerDefinitions"][0]["image"], reference, "{definition:#}");
    let listed = ministack.ecs("ListTasks", &json!({ "cluster": "hello-local", "serviceName": "hello" }));
    let tasks = ministack.ecs("DescribeTasks", &json!({ "cluster": "hello-local", "tasks": listed["taskArns"] }));
    let tasks = tasks["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    assert_eq!((&tasks[0]["lastStatus"], &tasks[0]["taskDefinitionArn"]), (&json!("RUNNING"), &json!(revision)));
    assert_eq!(tasks[0]["containers"][0]["imageDigest"], digest, "{tasks:#?}");
    // It calls a task stopped before it stops its container.
    process::wait_until(Duration::from_secs(60), || ministack.containers(&[]) == [reference.as_str()]);
    assert_eq!(ministack.containers(&[]), [reference]);
}

fn revision(run: &Run) -> String {
    run.finished()["task_definition"].as_str().unwrap_or_else(|| panic!("no revision: {}", run.finished())).to_owned()
}

#[test]
fn pushed_deployed_unchanged_changed_and_rolled_back_on_an_emulator_of_others() {
    let clone = sample("ministack");
    let mut ministack = Ministack::start(&clone.root.join("target/ministack"));
    ministack.prepare();
    let address = ministack.address;
    let settings = include_str!("ministack/sample/infra/environments/local.toml");
    let place = format!("endpoint = \"http://{address}\"\nregistry = \"{address}\"\n");
    clone.write("infra/environments/local.toml", &format!("{place}{settings}"));
    clone.git(&["init", "--quiet", "--initial-branch=main"]);
    clone.commit("a sample");

    // One push, one deploy: the release phase runs, and a parameter gets into the container.
    clone.build(&[]);
    let digest = built(&clone);
    let pushed = ends(&clone, "push", 0, "pushed");
    assert_eq!(pushed.digest("hello"), digest);
    let first = ends(&clone, "deploy", 0, "deployed");
    assert_eq!(first.finished()["url"], Value::Null);
    assert_eq!(revision(&first), format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/hello-local:1"));
    assert!(first.stderr.contains("migrated"), "the release phase was not heard:\n{}", first.stderr);
    serves(&ministack, &revision(&first), &digest);
    let logs = clone.json(&["logs"]);
    assert!(logs.events.iter().any(|event| event["message"] == "hello, moon"), "{:?}\n{}", logs.events, logs.stderr);
    let status = clone.json(&["status"]);
    assert_eq!((status.code, &status.finished()["verdict"]), (0, &json!("verified")), "{}", status.finished());

    // Again: no mutating call, no change.
    let before = state(&ministack);
    let again = ends(&clone, "deploy", 0, "unchanged");
    assert_eq!(again.finished()["api_calls"]["mutating"], 0, "{}", again.finished());
    assert_eq!(state(&ministack), before);

    // Another image: the old container goes once the new one runs.
    change(&clone, "echo hello,", "echo good evening,");
    let second = ends(&clone, "deploy", 0, "deployed");
    let good = built(&clone);
    assert_ne!(good, digest);
    serves(&ministack, &revision(&second), &good);

    // One that ends at once. The emulator keeps no records of deployments: its service alone tells of the rollback.
    change(&clone, "trap : TERM", "exit 3");
    let third = ends(&clone, "deploy", 4, "rolled-back");
    assert_ne!(revision(&third), revision(&second));
    assert_ne!(built(&clone), good);
    serves(&ministack, &revision(&second), &good);

    assert!(ministack.end(), "ministack did not stop");
    assert_eq!(ministack.containers(&["--all"]), Vec::<String>::new());
    let images = docker_ok(&["images", "--quiet", "--filter", &format!("reference={address}/hello/hello")]);
    assert_eq!(images, "", "images of the emulator's registry are left");
}

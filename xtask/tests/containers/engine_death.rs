//! The engine ends in the middle of a deploy, for real: a sample project with a private engine of its own, whose daemons are
//! killed (issue 4, its list of faults).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use xtask::effects::engine::{self, place::Place};
use xtask::effects::local_daemon::program;
use xtask::effects::process;
use xtask::report::{Output, Report};

use crate::deploy_failures::{end, until};
use crate::ministack::sample;
use crate::stand::DAEMON;
use crate::world::{Clone, Run, repository};

/// The sample project, its local AWS emulator and its engine. All of them go with it.
struct Machine {
    clone: Clone,
    place: Place,
}

impl Machine {
    fn new() -> Machine {
        let clone = sample("engine-death");
        let place = Place::of_repository(&clone.root);
        // The packages of this repository's engine, where it has one: only downloading them again is saved.
        let packages = Place::of_repository(&repository()).root();
        if packages.exists() {
            std::fs::create_dir_all(place.folder()).unwrap();
            let status = Command::new("cp").arg("-a").arg(packages).arg(place.root()).status().unwrap();
            assert!(status.success());
        }
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [endpoint, balancer] = free.map(|listener| listener.local_addr().unwrap());
        let settings = include_str!("ministack/sample/infra/environments/local.toml");
        let settings = settings.split("[secrets]").next().unwrap();
        let local = format!("[local]\nendpoint = \"{endpoint}\"\nbalancer = \"{balancer}\"\n");
        clone.write("infra/environments/local.toml", &format!("{settings}{local}"));
        // A task is healthy after five seconds, so that there is a middle of a rollout.
        let check = r#""healthCheck": { "command": ["CMD", "/bin/busybox", "true"], "interval": 5 }, "essential""#;
        let definition = "infra/task-definition.json";
        clone.write(definition, &clone.read(definition).replace("\"essential\"", check));
        clone.git(&["init", "--quiet", "--initial-branch=main"]);
        clone.commit("a sample");
        Machine { clone, place }
    }

    /// A verb, on a machine where no other engine answers.
    fn xtask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).args(["--output", "json"]).current_dir(&self.clone.root).stdin(Stdio::null());
        command
            .env("CI", "true")
            .env(program::VARIABLE, &*DAEMON)
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
        command
    }

    fn begin(&self, arguments: &[&str]) -> Child {
        self.xtask(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn deploy(&self, code: i32, outcome: &str) -> Run {
        let run = Run::of(self.xtask(&["deploy"]));
        assert_eq!((run.code, run.finished()["outcome"].as_str()), (code, Some(outcome)), "{}", run.stderr);
        run
    }

    /// The image is another one.
    fn change(&self, after: &str) {
        self.clone.write("hello/Dockerfile", after);
        self.clone.commit("a change");
    }

    /// SIGKILL for the engine's two daemons. What they had started is left alone, as by a crash.
    fn kill_engine(&self) {
        let daemons: Vec<u32> = process::all_ids()
            .into_iter()
            .filter(|id| {
                let file = process::executable(*id).unwrap_or_default();
                file.starts_with(self.place.folder().as_str())
                    && (file.ends_with("/dockerd") || file.ends_with("/containerd"))
            })
            .collect();
        assert_eq!(daemons.len(), 2, "the engine's daemons are {daemons:?}");
        daemons.iter().for_each(|id| process::kill(*id));
        until("the end of the engine", || daemons.iter().all(|id| !process::is_alive(*id)));
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.xtask(&["local", "reset", "--yes"]).output();
        let _ = engine::remove_private(&self.place, &Report::plain(Output::Human));
    }
}

fn runs(words: &str) -> bool {
    process::all_ids().into_iter().any(|id| process::arguments(id).join(" ").contains(words))
}

#[test]
fn an_engine_that_dies_midway_is_told_and_the_next_deploy_carries_on() {
    let machine = Machine::new();
    let first = machine.deploy(0, "deployed");
    let dockerfile = machine.clone.read("hello/Dockerfile");

    // While it builds.
    machine.change(&dockerfile.replace("USER", "RUN [\"/bin/busybox\", \"sleep\", \"61\"]\nUSER"));
    let child = machine.begin(&["deploy"]);
    until("the build", || runs("/bin/busybox sleep 61"));
    machine.kill_engine();
    let run = end(child);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (1, Some("failed")), "{}", run.stderr);
    assert!(run.stderr.contains("the Docker engine stopped answering while it built"), "{}", run.stderr);

    // The next deploy starts the engine and goes on.
    machine.change(&dockerfile.replace("hello,", "good evening,"));
    let second = machine.deploy(0, "deployed");
    assert_ne!(second.finished()["release"], first.finished()["release"]);

    // While tasks are replaced: no verdict comes, and the reason is reported.
    let words = format!("good night from {},", std::process::id());
    machine.change(&dockerfile.replace("hello,", &words));
    let child = machine.begin(&["deploy", "--timeout", "30"]);
    until("the rollout", || runs(&words));
    machine.kill_engine();
    let run = end(child);
    assert_eq!((run.code, run.finished()["outcome"].as_str()), (7, Some("timed-out")), "{}", run.stderr);
    assert_eq!(run.finished()["cause"]["id"], "engine-away", "{}", run.stderr);
    let third = machine.deploy(0, "deployed");
    assert_ne!(third.finished()["release"], second.finished()["release"]);
    machine.deploy(0, "unchanged");

    // Regression: a container that the killed engine had begun, and its successor did not know, was left running permanently.
    drop(machine);
    until("the end of every container", || !runs(&words));
}

//! The private engine for real: needs root on Debian or Ubuntu, and the distribution's archive. Run it by name:
//! `cargo test -p xtask --test engine`. Everything happens in a folder of its own, which is removed again.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that does not hold")]

mod bases;
mod packages;
mod registry;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use xtask::commands::doctor;
use xtask::commands::setup::{self, Setup};
use xtask::effects::engine::{self, Engine, Export, Kind, Store, place::Place};
use xtask::effects::{host, process};
use xtask::report::{Output, Report};

const REPORT: fn() -> Report = || Report::plain(Output::Human);

/// A folder that the test removes, with the engine that is in it.
struct Scratch {
    place: Place,
    folder: Utf8PathBuf,
}

impl Scratch {
    fn new(name: &str) -> Scratch {
        let folder = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        let folder = folder.join(format!("slipway-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Scratch { place: Place::of_repository(&folder), folder }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = engine::remove_private(&self.place, &REPORT());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// An interface named as that of the user's own Docker; made, and removed again, where there is none.
struct OtherDocker {
    is_ours: bool,
}

impl OtherDocker {
    fn new() -> OtherDocker {
        let is_ours = !Utf8Path::new("/sys/class/net/docker0").exists();
        if is_ours {
            let status = Command::new("ip").args(["link", "add", "docker0", "type", "bridge"]).status().unwrap();
            assert!(status.success());
        }
        OtherDocker { is_ours }
    }
}

impl Drop for OtherDocker {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = Command::new("ip").args(["link", "del", "docker0"]).status();
        }
    }
}

/// What a machine shows of engines: processes, mounts, devices, rules, control groups, sockets.
fn traces(place: &Place) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    for id in process::all_ids() {
        let line = process::arguments(id).join(" ");
        if process::executable(id).is_some_and(|file| file.starts_with(place.folder().as_str())) {
            traces.insert(format!("process {line}"));
        }
    }
    for line in fs::read_to_string("/proc/self/mountinfo").unwrap().lines() {
        if line.contains(place.folder().as_str()) {
            traces.insert(format!("mount {line}"));
        }
    }
    for folder in ["/sys/class/net", "/run", "/run/containerd/s", "/run/docker", "/run/runc"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Ends of containers' cables come and go with other engines; ours go with their bridge, which is listed.
            if !name.starts_with("veth") {
                traces.insert(format!("{folder}/{name}"));
            }
        }
    }
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        for path in [hierarchy.path(), hierarchy.path().join(place.cgroup())] {
            if path.to_string_lossy().contains("slipway") && path.exists() {
                traces.insert(format!("control group {}", path.display()));
            }
        }
    }
    traces
}

/// The rules of both tables as our own program prints them, without counters.
fn rules(iptables: &[&str]) -> String {
    let Some((program, arguments)) = iptables.split_first() else { return String::new() };
    let tables = ["nat", "filter"].map(|table| {
        let output = Command::new(program).args(arguments).args(["-t", table, "-S"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    tables.concat()
}

fn docker(engine: &Engine, arguments: &[&str]) -> String {
    let output = engine.docker().args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &stderr
}

/// The daemon's process, known by its configuration.
fn daemon_ids(place: &Place) -> Vec<u32> {
    let configuration = place.configuration();
    let ours = |id: &u32| {
        let arguments = process::arguments(*id);
        arguments.first().is_some_and(|program| program.ends_with("/dockerd"))
            && arguments.iter().any(|argument| *argument == configuration)
    };
    process::all_ids().into_iter().filter(ours).collect()
}

fn copy_of_packages(from: &Place, to: &Place) {
    fs::create_dir_all(to.folder()).unwrap();
    let status = Command::new("cp").args(["-a"]).arg(from.root()).arg(to.root()).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_private_engine_lives_through_everything_and_leaves_nothing() {
    assert!(host::is_root(), "this test needs root: it is run by name only");
    let scratch = Scratch::new("engine");
    let place = &scratch.place;
    let _other = OtherDocker::new();
    let before = traces(place);

    // Two set-ups at once: one downloads, both end with the same engine.
    let begin = Instant::now();
    let engines: Vec<Engine> = std::thread::scope(|scope| {
        let start = || engine::start_private(place, Store::Containerd, &REPORT()).unwrap();
        let handles = [scope.spawn(start), scope.spawn(start)];
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    println!("set up by two at once in {:.1} s: {}", begin.elapsed().as_secs_f32(), engines[0].describe());
    assert_eq!(daemon_ids(place).len(), 1);
    let engine = &engines[0];
    assert_eq!((engine.kind(), engine.export()), (Kind::Private, Export::OciLayout));

    // Idempotent, and fast.
    let begin = Instant::now();
    engine::start_private(place, Store::Containerd, &REPORT()).unwrap();
    println!("found again in {:.2} s", begin.elapsed().as_secs_f32());
    assert!(begin.elapsed() < Duration::from_secs(5));

    // A crash: the daemon and nothing else is killed, its containerd and containers stay behind.
    let image = busybox_image(engine, place, &scratch.folder);
    docker(engine, &["run", "--detach", "--name", "engine-sleeper", &image, "/busybox", "sleep", "600"]);
    for id in daemon_ids(place) {
        process::kill(id);
    }
    assert!(process::wait_until(Duration::from_secs(10), || daemon_ids(place)
        .iter()
        .all(|id| !process::is_alive(*id))));
    let begin = Instant::now();
    let engine = engine::start_private(place, Store::Containerd, &REPORT()).unwrap();
    println!("recovered from kill -9 in {:.1} s", begin.elapsed().as_secs_f32());
    assert!(docker(&engine, &["ps", "--all"]).contains("engine-sleeper"), "the containers are still known");
    assert!(Utf8Path::new("/sys/class/net/docker0").exists(), "the user's own Docker keeps its interface");
    docker(&engine, &["start", "engine-sleeper"]);

    // A network of its own, a published port, and a container that is alive at removal.
    docker(&engine, &["network", "create", "engine-net"]);
    let serve = ["/busybox", "nc", "-ll", "-p", "8000", "-e", "/busybox", "echo", "hello"];
    let run = ["run", "--detach", "--network", "engine-net", "--publish", "127.0.0.1:18911:8000", &image];
    docker(&engine, &[&run[..], &serve[..]].concat());
    let answered = process::wait_until(Duration::from_secs(10), || {
        use std::io::Read;
        let mut text = String::new();
        std::net::TcpStream::connect("127.0.0.1:18911")
            .and_then(|mut stream| stream.read_to_string(&mut text))
            .is_ok_and(|_| text.starts_with("hello"))
    });
    assert!(answered, "the published port answers");

    assert!(traces(place).len() > before.len());
    let begin = Instant::now();
    assert!(engine::remove_private(place, &REPORT()).unwrap());
    println!("removed in {:.1} s", begin.elapsed().as_secs_f32());
    // Other engines on the machine start and end containers meanwhile, whose traces pass.
    let mut left = Vec::new();
    process::wait_until(Duration::from_secs(20), || {
        left = traces(place).difference(&before).cloned().collect();
        left.is_empty()
    });
    assert_eq!(left, Vec::<String>::new());
    assert!(!place.folder().exists() && !place.runtime().exists());
    assert!(!engine::remove_private(place, &REPORT()).unwrap(), "a second removal has nothing to do");
}

/// An image with one static program, loaded from a tar file that the test writes.
fn busybox_image(engine: &Engine, place: &Place, folder: &Utf8Path) -> String {
    let program = place.program("busybox").unwrap();
    let context = folder.join("busybox");
    fs::create_dir_all(&context).unwrap();
    fs::copy(program, context.join("busybox")).unwrap();
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY busybox /busybox\n").unwrap();
    docker(engine, &["buildx", "build", "--load", "--tag", "engine-busybox", context.as_str()]);
    "engine-busybox".to_owned()
}

/// The program of the engine's packages that lists and changes packet rules, as the words of a command.
fn iptables(place: &Place) -> [String; 4] {
    let libraries = place.root().join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    [
        "env".to_owned(),
        format!("LD_LIBRARY_PATH={libraries}"),
        format!("XTABLES_LIBDIR={libraries}/xtables"),
        place.folder().join("shim/iptables").into_string(),
    ]
}

#[test]
fn two_engines_side_by_side_leave_each_other_alone() {
    assert!(host::is_root(), "this test needs root: it is run by name only");
    let first = Scratch::new("first");
    let second = Scratch::new("second");
    let engine = engine::start_private(&first.place, Store::Containerd, &REPORT()).unwrap();
    let iptables = iptables(&first.place);
    let iptables = iptables.each_ref().map(String::as_str);
    let with_one = rules(&iptables);
    assert!(with_one.contains(&first.place.chain()));

    copy_of_packages(&first.place, &second.place);
    let classic = engine::start_private(&second.place, Store::Classic, &REPORT()).unwrap();
    assert_eq!(classic.export(), Export::Save, "the classic store is noticed");
    // The other engine's rules, and the chains of the user's own Docker if there is one, are where they were.
    let with_two = rules(&iptables);
    for line in with_one.lines() {
        assert!(with_two.lines().any(|other| other == line), "lost: {line}");
    }
    let image = busybox_image(&classic, &second.place, &second.folder);
    assert!(docker(&classic, &["run", "--rm", &image, "/busybox", "echo", "classic"]).contains("classic"));

    assert!(engine::remove_private(&second.place, &REPORT()).unwrap());
    assert_eq!(rules(&iptables), with_one);
    let image = busybox_image(&engine, &first.place, &first.folder);
    assert!(docker(&engine, &["run", "--rm", &image, "/busybox", "echo", "alive"]).contains("alive"));
}

#[test]
fn setup_and_doctor_speak_of_the_same_engine() {
    assert!(host::is_root(), "this test needs root: it is run by name only");
    let scratch = Scratch::new("setup");
    let report = REPORT();
    assert!(doctor::run(&scratch.folder, &report).is_ok(), "doctor works before there is an engine");
    setup::run(&Setup { remove: false }, &scratch.folder, &report).unwrap();
    let begin = Instant::now();
    assert_eq!(doctor::run(&scratch.folder, &report).unwrap(), doctor::Outcome::Passed);
    println!("doctor took {:.1} s", begin.elapsed().as_secs_f32());
    assert!(engine::find(&scratch.folder).unwrap().is_some());
    engine::stop(&scratch.folder, &report).unwrap();
    assert!(daemon_ids(&scratch.place).is_empty());
    setup::run(&Setup { remove: true }, &scratch.folder, &report).unwrap();
    assert!(!scratch.place.folder().exists());
}

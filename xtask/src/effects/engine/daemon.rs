//! The daemon of the private engine: configuration, start and stop. It continues to run after the command exits.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use camino::Utf8Path;
use serde_json::json;

use super::network::Network;
use super::place::Place;
use super::{Store, network, sweep};
use crate::effects::process;
use crate::error::Failure;
use crate::report::Report;

/// Time limit of a start. The daemon is ready in about two seconds; a machine under load may need more.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Time limit of a stop. Containers are killed after five seconds, and the daemon needs less than that.
const STOP_LIMIT: Duration = Duration::from_secs(25);
const PING_LIMIT: Duration = Duration::from_secs(3);

/// Variables that the daemon inherits: network settings for registries, no credentials of the caller.
const INHERITED: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Returns whether the engine answers on its socket.
pub(super) fn answers(place: &Place) -> bool {
    ping(&place.socket()).unwrap_or(false)
}

fn ping(socket: &Utf8Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PING_LIMIT))?;
    stream.set_write_timeout(Some(PING_LIMIT))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")?;
    let mut answer = [0; 64];
    let count = stream.read(&mut answer)?;
    let answer = String::from_utf8_lossy(answer.get(..count).unwrap_or_default()).into_owned();
    Ok(answer.starts_with("HTTP/1.") && answer.contains(" 200 "))
}

/// Returns the ids of this daemon's processes: those with its configuration on their command line. No id is recorded.
pub(super) fn ids(place: &Place) -> Vec<u32> {
    let configuration = place.configuration();
    let is_ours = |id: &u32| {
        let arguments = process::arguments(*id);
        arguments.first().is_some_and(|program| program.ends_with("/dockerd"))
            && arguments.iter().any(|argument| *argument == configuration)
    };
    process::all_ids().into_iter().filter(is_ours).collect()
}

/// Starts the daemon and waits until it answers. The caller holds the lock and has checked that it does not answer yet.
pub(super) fn start(place: &Place, store: Store, report: &Report) -> anyhow::Result<()> {
    let begin = Instant::now();
    // A crash or `kill -9` may have left processes, sockets and mounts that block a start.
    stop(place);
    sweep::runtime(place)?;
    let network = network::up(place)?;
    for folder in [place.runtime(), place.exec_root(), place.data(), place.client_configuration()] {
        fs::create_dir_all(&folder).with_context(|| format!("failed to create `{folder}`"))?;
    }
    write_json(&place.configuration(), &configuration(place, store, &network))?;
    let plugins = place.root().join("usr/libexec/docker/cli-plugins");
    write_json(
        &place.client_configuration().join("config.json"),
        &json!({ "cliPluginsExtraDirs": [plugins, place.root().join("usr/lib/docker/cli-plugins")] }),
    )?;
    let mut child = spawn(place)?;
    let mut ended = None;
    process::wait_until(START_LIMIT, || {
        ended = child.try_wait().ok().flatten();
        ended.is_some() || answers(place)
    });
    if ended.is_some() || !answers(place) {
        let log = fs::read_to_string(place.log()).unwrap_or_default();
        stop(place);
        let message = format!("the private Docker engine did not start:\n{}", process::last_lines(&log, 6));
        return Err(Failure::failed(message)
            .hint(format!(
                "the whole log is in `{}`; containers without CAP_SYS_ADMIN cannot run an engine",
                place.log()
            ))
            .into());
    }
    report.detail(format!("the private engine answers after {:.1} s", begin.elapsed().as_secs_f32()));
    Ok(())
}

/// Requests the daemon to stop, which stops its containers. Remaining processes are killed.
pub(super) fn stop(place: &Place) {
    let ids = ids(place);
    if !ids.is_empty() {
        end_containers(place);
    }
    ids.iter().for_each(|id| process::terminate(*id));
    process::wait_until(STOP_LIMIT, || !ids.iter().any(|id| process::is_alive(*id)));
    sweep::processes(place);
}

/// Stops the containers within their time limit; the remaining ones are killed later.
fn end_containers(place: &Place) {
    let Some(client) = super::Client::of_place(place) else { return };
    let listed = process::run(client.command().args(["ps", "--quiet"]), PING_LIMIT).unwrap_or_default();
    let containers: Vec<&str> = listed.split_whitespace().collect();
    if !containers.is_empty() {
        let _ = process::run(client.command().args(["stop", "--time", "5"]).args(containers), STOP_LIMIT);
    }
}

/// Returns the search path of the daemon and its helpers: the unpacked packages first, then the system's.
pub(super) fn search_path(place: &Place) -> String {
    let own = ["shim", "root/usr/sbin", "root/usr/bin", "root/sbin", "root/bin"].map(|part| place.folder().join(part));
    let system = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    own.iter().map(|path| path.as_str()).chain(system).collect::<Vec<_>>().join(":")
}

fn spawn(place: &Place) -> anyhow::Result<Child> {
    let log = place.log();
    let output = File::create(&log).with_context(|| format!("failed to create `{log}`"))?;
    let Some(dockerd) = place.program("dockerd") else { bail!("`{}` has no dockerd", place.root()) };
    // A separate session, so that neither Ctrl-C nor closing the terminal affects the daemon.
    let mut command = Command::new("setsid");
    command.arg(dockerd).arg("--config-file").arg(place.configuration());
    command.env_clear().env("PATH", search_path(place)).env("HOME", place.folder());
    command.envs(place.library_variables());
    for name in INHERITED {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    let errors = output.try_clone().with_context(|| format!("failed to share `{log}`"))?;
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .context("failed to run `setsid`, of the package util-linux")
}

fn configuration(place: &Place, store: Store, network: &Network) -> serde_json::Value {
    let mut document = json!({
        "hosts": [place.host()],
        "data-root": place.data(),
        "exec-root": place.exec_root(),
        "pidfile": place.runtime().join("docker.pid"),
        "features": { "containerd-snapshotter": store == Store::Containerd },
        "bridge": place.bridge(),
        // Without this, a daemon with its own address pools deletes the interface `docker0` at every restart,
        // whichever process created it. Containers would then outlive the daemon: `stop` stops them.
        "live-restore": true,
        // Build steps need access to package archives. The machine's own network has it wherever the machine does;
        // the bridge needs address translation, which some machines do not support (docs/decisions/0012).
        "labels": [super::probe::HOST_NETWORK_LABEL],
        "iptables": false,
        "ip6tables": false,
        "default-address-pools": [{ "base": network.pool.to_string(), "size": 24 }],
        "mtu": network.mtu,
        "default-network-opts": { "bridge": { "com.docker.network.driver.mtu": network.mtu.to_string() } },
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "cgroup-parent": format!("/{}", place.cgroup()),
        "log-level": "warn",
    });
    // An overlay cannot be mounted on an overlay. Inside a container, whose disk is one, files are copied instead.
    if is_on_overlay(place.folder()) {
        document["storage-driver"] = json!(if store == Store::Containerd { "native" } else { "vfs" });
    }
    document
}

fn is_on_overlay(folder: &Utf8Path) -> bool {
    let mounts = sweep::mounts();
    mounts.iter().rfind(|mount| folder.starts_with(&mount.path)).is_some_and(|mount| mount.kind == "overlay")
}

fn write_json(path: &Utf8Path, document: &serde_json::Value) -> anyhow::Result<()> {
    fs::write(path, format!("{document:#}\n")).with_context(|| format!("failed to write `{path}`"))
}

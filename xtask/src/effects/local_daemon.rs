//! The process of the local AWS emulator: location, detection, start and stop. It continues to run after the command
//! exits. Its seed is in `plan/local`, its implementation in the crate `local-aws`.

pub mod ensure;
pub mod holder;
pub mod leftovers;
pub mod program;
pub mod reset;

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effects::lock::Lock;
use crate::effects::loopback::{self, Request};
use crate::effects::{files, interrupt, process};
use crate::error::Failure;
use crate::image::Digest;
use crate::report::Report;

/// Time limit of a start. It takes a second; a machine under load or a state with many tasks may need more.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Time limit of a status response, which does not depend on the daemon's other work.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Time limit of a stop. A container may take 120 s (`stopTimeout`), and dependent ones stop one after another.
const END_LIMIT: Duration = Duration::from_secs(300);
/// Time between SIGTERM and SIGKILL.
const TERM_LIMIT: Duration = Duration::from_secs(10);

/// Location of a repository's emulator.
#[derive(Clone, Debug)]
pub struct Place {
    folder: Utf8PathBuf,
}

impl Place {
    /// Returns the location of a repository's emulator.
    pub fn of_repository(root: &Utf8Path) -> Place {
        Place { folder: root.join("target/slipway/local") }
    }

    /// Returns the folder of all its files.
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Returns the state directory, which outlives the daemon. Its path on the command line identifies the daemon.
    pub fn state(&self) -> Utf8PathBuf {
        self.folder.join("state")
    }

    /// Returns the path of the daemon's log.
    pub fn log(&self) -> Utf8PathBuf {
        self.folder.join("daemon.log")
    }

    /// Returns the path of the lock for start, stop and reset.
    pub fn lock(&self) -> Utf8PathBuf {
        self.folder.join("lock")
    }

    fn seed(&self) -> Utf8PathBuf {
        self.folder.join("seed.json")
    }

    fn record(&self) -> Utf8PathBuf {
        self.folder.join("started.json")
    }

    /// Takes the lock of this place.
    ///
    /// # Errors
    /// Interrupted while waiting; errors of the file system.
    pub fn hold(&self, report: &Report) -> anyhow::Result<Lock> {
        Lock::acquire(&self.lock(), || report.step("another command starts or stops the local daemon, waiting for it"))
    }
}

/// Start parameters of a daemon. A daemon that runs with different ones is restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Path of the compiled daemon.
    pub program: Utf8PathBuf,
    /// Size in bytes and modification time of that file: cargo rewrites it when the source has changed.
    pub stamp: (u64, u128),
    /// Address to listen on.
    pub endpoint: SocketAddr,
    /// AWS region.
    pub region: String,
    /// Address of the Docker engine.
    pub engine: String,
    /// Digest of the seed.
    pub seed: String,
}

impl Start {
    /// Creates the parameters; reads the metadata of the program's file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn new(
        program: Utf8PathBuf,
        endpoint: SocketAddr,
        region: &str,
        engine: &str,
        seed: &Value,
    ) -> anyhow::Result<Start> {
        let data = fs::metadata(&program).with_context(|| format!("failed to read `{program}`"))?;
        let modified = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let seed = Digest::of(seed.to_string().as_bytes()).to_string();
        let (region, engine) = (region.to_owned(), engine.to_owned());
        Ok(Start { stamp: (data.len(), modified.as_nanos()), program, endpoint, region, engine, seed })
    }
}

/// A running daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// Process id.
    pub id: u32,
    /// Address that it listens on, or is about to.
    pub endpoint: SocketAddr,
}

/// Returns the running daemon, found by its command line. A recorded process id may have been reused.
pub fn running(place: &Place) -> Option<Running> {
    process::all_ids().into_iter().find_map(|id| {
        let arguments = process::arguments(id);
        let after = |flag: &str| arguments.iter().skip_while(|argument| *argument != flag).nth(1);
        let is_ours = arguments.first().is_some_and(|program| program.ends_with("local-aws"))
            && arguments.get(1).is_some_and(|verb| verb == "serve")
            && after("--state").is_some_and(|state| *state == place.state())
            && process::is_alive(id);
        let endpoint = after("--endpoint").filter(|_| is_ours)?.parse().ok()?;
        Some(Running { id, endpoint })
    })
}

/// Returns whether this process is still the daemon.
fn is_there(place: &Place, daemon: Running) -> bool {
    running(place) == Some(daemon)
}

/// Returns the recorded start parameters of the running daemon, if readable.
pub fn started(place: &Place) -> Option<Start> {
    files::read_json(&place.record())
}

/// Returns the daemon's status; `None` where it does not answer.
pub fn status(endpoint: SocketAddr) -> Option<Value> {
    let answer = loopback::send(endpoint, &Request::get("/_local/status"), ANSWER_LIMIT).ok()?;
    (answer.status == 200).then(|| serde_json::from_str(&answer.body).ok()).flatten()
}

/// Returns whether no process listens on an address.
pub fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

/// Starts the daemon and waits until it answers. The caller holds the lock and knows that it does not run.
///
/// # Errors
/// The daemon exited (with the last lines of its log), or does not answer in time; then it is stopped.
pub fn start(place: &Place, start: &Start, seed: &Value) -> anyhow::Result<Running> {
    files::write_atomically(&place.seed(), format!("{seed:#}\n").as_bytes())?;
    let record = serde_json::to_vec_pretty(start).context("failed to write down how the daemon is started")?;
    files::write_atomically(&place.record(), &record)?;
    let mut child = spawn(place, start)?;
    let daemon = Running { id: child.id(), endpoint: start.endpoint };
    let mut ended = None;
    let mut answers = false;
    process::wait_until(START_LIMIT, || {
        ended = child.try_wait().ok().flatten();
        answers = ended.is_none() && status(start.endpoint).is_some();
        ended.is_some() || answers || interrupt::requested()
    });
    if answers {
        return Ok(daemon);
    }
    let _ = child.kill();
    let _ = child.wait();
    interrupt::check()?;
    let log = process::last_lines(&fs::read_to_string(place.log()).unwrap_or_default(), 8);
    let what = match ended {
        Some(status) => format!("the local daemon ended with {status}"),
        None => format!("the local daemon did not answer within {} s", START_LIMIT.as_secs()),
    };
    Err(Failure::failed(format!("{what}:\n{log}")).hint(format!("the whole log is in `{}`", place.log())).into())
}

fn spawn(place: &Place, start: &Start) -> anyhow::Result<Child> {
    let log = place.log();
    let output = File::create(&log).with_context(|| format!("failed to create `{log}`"))?;
    let errors = output.try_clone().with_context(|| format!("failed to share `{log}`"))?;
    // A separate session, so that neither Ctrl-C nor closing the terminal affects the daemon. Only Linux has `setsid`
    // everywhere; other systems use a process group.
    let mut command = if cfg!(target_os = "linux") {
        let mut command = Command::new("setsid");
        command.arg(&start.program);
        command
    } else {
        let mut command = Command::new(&start.program);
        command.process_group(0);
        command
    };
    command.args(["serve", "--endpoint", &start.endpoint.to_string(), "--region", &start.region]);
    command.args(["--state", place.state().as_str(), "--engine", &start.engine, "--seed", place.seed().as_str()]);
    // The caller's environment is not inherited: no credentials, no proxies.
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("RUST_BACKTRACE", "1").current_dir("/").stdin(Stdio::null()).stdout(output).stderr(errors);
    command.spawn().with_context(|| format!("failed to start `{}`", start.program))
}

/// Result of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The daemon stopped its tasks, then exited.
    Graceful,
    /// The daemon was killed: its containers may still exist.
    Forced,
}

/// Requests the daemon to stop its tasks and exit. Waits until the process has exited.
///
/// # Errors
/// Interrupted while waiting.
pub fn stop(place: &Place, daemon: Running) -> anyhow::Result<Ending> {
    // It may respond before or after its tasks have stopped: only the exit of the process counts.
    let asked = loopback::send(daemon.endpoint, &Request::post("/_local/stop"), ANSWER_LIMIT);
    let heard = match asked {
        Ok(answer) => (200..300).contains(&answer.status),
        Err(error) => error.kind() == std::io::ErrorKind::TimedOut,
    };
    if heard {
        process::wait_until(END_LIMIT, || !is_there(place, daemon) || interrupt::requested());
        interrupt::check()?;
    }
    if !is_there(place, daemon) {
        return Ok(Ending::Graceful);
    }
    end(place, daemon);
    Ok(Ending::Forced)
}

/// Stops the daemon and leaves its containers running: the next daemon adopts them from the state.
pub fn end(place: &Place, daemon: Running) {
    for (signal, limit) in [(process::terminate as fn(u32), TERM_LIMIT), (process::kill as fn(u32), TERM_LIMIT)] {
        if is_there(place, daemon) {
            signal(daemon.id);
            process::wait_until(limit, || !is_there(place, daemon));
        }
    }
}

/// Kills the daemon immediately.
pub fn kill(place: &Place, daemon: Running) {
    if is_there(place, daemon) {
        process::kill(daemon.id);
        process::wait_until(TERM_LIMIT, || !is_there(place, daemon));
    }
}

//! Child processes with a deadline, and processes known by id only.

use std::fs;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal};

use super::interrupt;

/// Interval between two polls of a waiting loop.
const TICK: Duration = Duration::from_millis(20);

/// Output and status of a finished process.
#[derive(Debug)]
pub struct Finished {
    /// Exit status.
    pub status: ExitStatus,
    /// Its standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Its standard error, likewise.
    pub stderr: String,
}

/// Runs a command to its exit. Once `limit` has passed, kills its process group and returns `None`.
///
/// # Errors
/// The process cannot be started. `Interrupted`, after the process is killed, where the user interrupts meanwhile; a
/// process that is started after an interrupt cleans up and is not killed.
pub fn run_bounded(command: &mut Command, limit: Duration) -> io::Result<Option<Finished>> {
    run_watched(command, limit, limit, || {})
}

/// The same as `run_bounded`; calls `announce` once where the process takes longer than `unnoticed`.
///
/// # Errors
/// The same as `run_bounded`.
pub fn run_watched(
    command: &mut Command,
    limit: Duration,
    unnoticed: Duration,
    announce: impl FnOnce(),
) -> io::Result<Option<Finished>> {
    let begin = Instant::now();
    traced(command);
    let mut announce = Some(announce);
    // A separate group, since a docker client starts plugins that would keep the pipes open after its exit.
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn()?;
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let is_cleaning_up = interrupt::requested();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begin.elapsed() >= limit {
            kill_group(&mut child);
            return Ok(None);
        }
        if begin.elapsed() >= unnoticed
            && let Some(announce) = announce.take()
        {
            announce();
        }
        if interrupt::requested() && !is_cleaning_up {
            kill_group(&mut child);
            return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
        }
        thread::sleep(TICK);
    };
    tracing::debug!(program = ?command.get_program(), %status, ms = begin.elapsed().as_millis(), "process exited");
    Ok(Some(Finished { status, stdout: collect(stdout), stderr: collect(stderr) }))
}

/// Runs a command to its exit and returns standard output. On a non-zero status, the error has the last stderr lines.
pub fn run(command: &mut Command, limit: Duration) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let Some(finished) = run_bounded(command, limit).with_context(|| format!("failed to run `{name}`"))? else {
        bail!("`{name}` did not exit within {} s", limit.as_secs());
    };
    if !finished.status.success() {
        bail!("`{name}` failed, {}: {}", finished.status, last_lines(&finished.stderr, 12));
    }
    Ok(finished.stdout)
}

/// Runs a command in the foreground of this terminal and returns its exit code. The child receives terminal signals.
///
/// # Errors
/// The process cannot be started.
pub fn hand_over(command: &mut Command) -> anyhow::Result<u8> {
    let name = command.get_program().to_string_lossy().into_owned();
    traced(command);
    let status = command.status().with_context(|| format!("failed to run `{name}`"))?;
    // A process without a code was killed by a signal.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Emits the event of a process that is about to start: its program and the number of its arguments. The arguments
/// may be a user's own command line, so they are omitted.
pub fn traced(command: &Command) {
    tracing::debug!(program = ?command.get_program(), arguments = command.get_args().len(), "starting process");
}

/// Returns the last `count` lines that are not empty.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().join("\n")
}

/// Polls `ready` every few milliseconds, for at most `limit`.
pub fn wait_until(limit: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(TICK);
    }
}

/// Returns the ids of all processes.
pub fn all_ids() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// Returns whether the process runs. A zombie does not.
pub fn is_alive(id: u32) -> bool {
    // The state follows the command's name, which is in parentheses and may itself contain any character.
    fs::read_to_string(format!("/proc/{id}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(") ").map(|(_, rest)| !rest.starts_with(['Z', 'X'])))
        .unwrap_or(false)
}

/// Returns the arguments of a process, the program first; empty for a process that has exited.
pub fn arguments(id: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    bytes.split(|b| *b == 0).filter(|a| !a.is_empty()).map(|a| String::from_utf8_lossy(a).into_owned()).collect()
}

/// Returns the path of the program that a process runs; a deleted file keeps its path.
pub fn executable(id: u32) -> Option<String> {
    let path = fs::read_link(format!("/proc/{id}/exe")).ok()?;
    let path = path.to_str()?;
    Some(path.strip_suffix(" (deleted)").unwrap_or(path).to_owned())
}

/// Sends SIGTERM to a process.
pub fn terminate(id: u32) {
    signal(id, Signal::TERM);
}

/// Sends SIGKILL to a process.
pub fn kill(id: u32) {
    signal(id, Signal::KILL);
}

/// Sends a signal. A process that has exited already is no error.
fn signal(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends SIGINT to a process group, as Ctrl-C does: the docker client runs buildx as a process of its own.
pub fn interrupt_group(id: u32) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // A group that has just exited is no error.
        let _ = rustix::process::kill_process_group(pid, Signal::INT);
    }
}

fn kill_group(child: &mut Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    let _ = child.wait();
}

fn read_all(pipe: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    let mut pipe = pipe?;
    Some(thread::spawn(move || {
        let mut bytes = Vec::new();
        // The bytes before a broken pipe are shown all the same.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    }))
}

fn collect(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{is_alive, last_lines, run, run_bounded};

    #[test]
    fn output_status_and_deadline() {
        let stdout = run(Command::new("echo").arg("hello"), Duration::from_secs(10)).unwrap();
        assert_eq!(stdout, "hello\n");
        let error = run(Command::new("ls").arg("/nonexistent"), Duration::from_secs(10)).unwrap_err();
        assert!(error.to_string().contains("/nonexistent"), "{error}");
        let begin = Instant::now();
        assert!(run_bounded(Command::new("sleep").arg("30"), Duration::from_millis(100)).unwrap().is_none());
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn processes_by_id() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(u32::MAX));
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
    }
}

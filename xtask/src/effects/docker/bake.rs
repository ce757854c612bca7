//! Runs one bake plan and reports its events as they arrive.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::effects::build_directory::BuildDirectory;
use crate::effects::{interrupt, process};
use crate::plan::bake::transcript::{Event, Failure, Transcript};
use crate::plan::bake::{BUILDX_VARIABLES, BakePlan};
use anyhow::Context;

/// Result of a run.
#[derive(Debug)]
pub enum Outcome {
    /// All targets were built.
    Built,
    /// A target failed, with the reason.
    Failed(Failure),
    /// The user interrupted; the client was signalled and has exited.
    Interrupted,
}

/// Runs `docker buildx bake` with the plan on its standard input. It has its own process group, so that an interrupt
/// reaches it once, from this process. `docker` is the engine's client command; the build directory records its id.
///
/// # Errors
/// The client cannot be started or its output cannot be read.
pub fn bake(
    mut docker: Command,
    build_directory: &BuildDirectory,
    plan: &BakePlan,
    no_cache: bool,
    mut observe: impl FnMut(&Event),
) -> anyhow::Result<Outcome> {
    use std::os::unix::process::CommandExt;
    docker
        .args(plan.arguments(no_cache))
        .envs(BUILDX_VARIABLES)
        .current_dir(build_directory.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    process::traced(&docker);
    let mut child = docker.spawn().context("failed to start `docker buildx bake`")?;
    build_directory.remember(child.id())?;
    let mut stdin = child.stdin.take().context("failed to reach the standard input of `docker buildx bake`")?;
    let stderr = child.stderr.take().context("failed to reach the progress of `docker buildx bake`")?;
    // A client that exits before it read the plan closes the pipe; the reason is on its standard error.
    let _ = stdin.write_all(plan.to_json().as_bytes());
    drop(stdin);

    let (send, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(stderr).split(b'\n') {
            let Ok(line) = line else { break };
            if send.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                break;
            }
        }
    });
    let mut transcript = Transcript::new(&plan.targets());
    let mut interrupted = false;
    loop {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                if let Some(event) = transcript.read(&line) {
                    observe(&event);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if interrupt::requested() && !interrupted {
            interrupted = true;
            process::interrupt_group(child.id());
        }
    }
    let status = wait(&mut child)?;
    let _ = reader.join();
    if interrupted || interrupt::requested() {
        Ok(Outcome::Interrupted)
    } else if status.success() {
        Ok(Outcome::Built)
    } else {
        let mut failure = transcript.failure();
        // Buildx exits with 1 after it has reported the reason. With another status it may not have reported any.
        if status.code() != Some(1) {
            failure.cause.push_str(&format!(" ({status})"));
        }
        Ok(Outcome::Failed(failure))
    }
}

fn wait(child: &mut Child) -> anyhow::Result<std::process::ExitStatus> {
    child.wait().context("failed to wait for `docker buildx bake`")
}

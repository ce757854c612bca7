//! Runs one bake plan and reports its events as they come.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::effects::build_directory::BuildDirectory;
use crate::effects::{interrupt, process};
use crate::plan::bake::transcript::{Event, Failure, Transcript};
use crate::plan::bake::{BUILDX_VARIABLES, BakePlan};
use anyhow::Context;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything was built.
    Built,
    /// Something was not, and why.
    Failed(Failure),
    /// The user interrupted; the client was signalled and has stopped.
    Interrupted,
}

/// Runs `docker buildx bake` with the plan on its standard input, in a process group of its own so that an interrupt
/// reaches the client once, from us. `docker` is the engine's client command; the build directory remembers its process.
///
/// # Errors
/// Where the client cannot be started or its output cannot be read.
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
    // A client that dies before it read the plan closes the pipe; why it died is on its standard error.
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
        // Buildx ends with 1 when it has said why. Killed, or out of something, it may not have said anything.
        if status.code() != Some(1) {
            failure.cause.push_str(&format!(" ({status})"));
        }
        Ok(Outcome::Failed(failure))
    }
}

fn wait(child: &mut Child) -> anyhow::Result<std::process::ExitStatus> {
    child.wait().context("failed to wait for `docker buildx bake`")
}

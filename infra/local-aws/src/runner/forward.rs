//! Output of one container, from the engine to the log store: followed while it runs, read to the end when it is over,
//! taken up again where it was left.

use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::{Stream, StreamExt};

use super::engine::{Kind, kind};
use super::lines::{Assembler, Mark, Output};
use crate::emulator::Emulator;
use crate::log_store::LogEvent;
use crate::time::Timestamp;

/// Frames that are handled at once. A frame has at most 16 KiB, so this bounds memory to 8 MiB a container.
const BATCH: usize = 500;

/// How long a batch is waited for: a container that writes 10,000 lines a second makes 20 writes of it, not 10,000.
const GATHER: Duration = Duration::from_millis(50);

/// Pause before the next request to the engine.
const AGAIN: Duration = Duration::from_secs(1);

/// Where the output of a container goes.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// Log group.
    pub(super) group: String,
    /// Log stream.
    pub(super) stream: String,
}

/// Ends once all output of a container that is over has been stored.
pub(super) async fn forward(emulator: Emulator, docker: Docker, id: String, to: Destination) {
    let mut mark = stored(&emulator, &to).await;
    loop {
        let followed = read(&emulator, &docker, &id, &to, true, &mut mark).await;
        match docker.inspect_container(&id, None).await {
            Ok(found) if found.state.as_ref().and_then(|state| state.running) == Some(true) => {}
            // Whether the stream broke off or ended: once more, now that nothing can come after.
            Ok(_) if read(&emulator, &docker, &id, &to, false, &mut mark).await.is_ok() => return,
            Err(error) if kind(&error) == Kind::Missing => return,
            Ok(_) | Err(_) => {}
        }
        if let Err(error) = followed
            && kind(&error) == Kind::Missing
        {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn stored(emulator: &Emulator, to: &Destination) -> Mark {
    let (logs, to) = (emulator.logs.clone(), to.clone());
    let read = tokio::task::spawn_blocking(move || logs.read(&to.group, &to.stream).map(|events| Mark::after(&events)));
    read.await.ok().and_then(Result::ok).unwrap_or_default()
}

async fn read(
    emulator: &Emulator,
    docker: &Docker,
    id: &str,
    to: &Destination,
    follow: bool,
    mark: &mut Mark,
) -> Result<(), Error> {
    let options = LogsOptionsBuilder::default()
        .follow(follow)
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .since(mark.since())
        .build();
    let mut assembler = Assembler::new(*mark);
    let mut frames = std::pin::pin!(docker.logs(id, Some(options)).fuse());
    let mut outcome = Ok(());
    while let Some(batch) = gather(&mut frames).await {
        let mut events = Vec::new();
        let now = Timestamp::now();
        for frame in batch {
            match frame {
                Ok(LogOutput::StdErr { message }) => assembler.push(Output::Err, &message, now, &mut events),
                Ok(frame) => assembler.push(Output::Out, &frame.into_bytes(), now, &mut events),
                Err(error) => outcome = Err(error),
            }
        }
        store(emulator, to, events).await;
        *mark = assembler.mark();
        if outcome.is_err() {
            break;
        }
    }
    // A line without an end is complete only when nothing can follow it.
    if !follow && outcome.is_ok() {
        let mut events = Vec::new();
        assembler.end(Timestamp::now(), &mut events);
        store(emulator, to, events).await;
        *mark = assembler.mark();
    }
    outcome
}

/// The next frame, and those that follow at once.
async fn gather<T>(frames: &mut (impl Stream<Item = T> + Unpin)) -> Option<Vec<T>> {
    let mut batch = vec![frames.next().await?];
    let deadline = tokio::time::Instant::now() + GATHER;
    while batch.len() < BATCH {
        match tokio::time::timeout_at(deadline, frames.next()).await {
            Ok(Some(frame)) => batch.push(frame),
            Ok(None) | Err(_) => break,
        }
    }
    Some(batch)
}

async fn store(emulator: &Emulator, to: &Destination, events: Vec<LogEvent>) {
    if events.is_empty() {
        return;
    }
    let (logs, to) = (emulator.logs.clone(), to.clone());
    let append = tokio::task::spawn_blocking(move || logs.append(&to.group, &to.stream, &events));
    if let Ok(Err(error)) = append.await {
        eprintln!("warning: output of a container is lost: {error:#}");
    }
}

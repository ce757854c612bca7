//! Everything the daemon knows. One value behind one lock, kept on disk as one document: a change is either whole or not
//! there. Not here: blobs (`registry`), output of containers (`log_store`), connections (`balancer`).
//!
//! Whoever changes the state tells nobody: scheduler, runner and balancer wait for `Store::changes` and look.

pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod logs;
pub mod ssm;
pub mod task;
pub mod task_definition;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The whole state, one field per service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Repositories and what their tags point to.
    pub ecr: ecr::Ecr,
    /// Clusters, task definitions, services, tasks.
    pub ecs: ecs::Ecs,
    /// Load balancers, target groups, targets.
    pub elb: elb::Elb,
    /// Log groups and streams; their lines are files.
    pub logs: logs::Logs,
    /// Parameters.
    pub ssm: ssm::Ssm,
}

/// The document on disk. A newer daemon that changes its shape raises `VERSION`; an older one refuses it.
#[derive(Serialize, Deserialize)]
struct Document<S> {
    version: u32,
    state: S,
}

const VERSION: u32 = 1;

/// The state, shared by everything in the daemon. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Counts changes.
    changed: watch::Sender<u64>,
    /// Up to which change the file on disk is true.
    written: watch::Sender<u64>,
    file: Utf8PathBuf,
}

impl Store {
    /// Reads `state.json` in `folder`, or begins with nothing.
    ///
    /// # Errors
    /// The file cannot be read, or was written by a newer daemon.
    pub fn open(folder: &Utf8Path) -> anyhow::Result<Store> {
        std::fs::create_dir_all(folder).with_context(|| format!("failed to create `{folder}`"))?;
        let file = folder.join("state.json");
        let state = match std::fs::read(&file) {
            Ok(bytes) => {
                let document: Document<State> =
                    serde_json::from_slice(&bytes).with_context(|| format!("failed to read `{file}`"))?;
                anyhow::ensure!(
                    document.version == VERSION,
                    "`{file}` has version {}, not {VERSION}",
                    document.version
                );
                document.state
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error).with_context(|| format!("failed to read `{file}`")),
        };
        let inner =
            Inner { state: Mutex::new(state), changed: watch::Sender::new(0), written: watch::Sender::new(0), file };
        Ok(Store { inner: Arc::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a bug in one call; the others go on with what is there.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state. `look` must not wait for anything.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes whoever waits for changes. `change` checks everything before it changes anything, so
    /// that an error leaves no half; it must not wait for anything.
    pub fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        self.inner.changed.send_modify(|count| *count += 1);
        result
    }

    /// As `write`, for a change that may turn out to be none, of which nobody is told. `change` says whether it was one.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> (bool, T)) -> T {
        let mut state = self.lock();
        let (changed, result) = change(&mut state);
        if changed {
            self.inner.changed.send_modify(|count| *count += 1);
        }
        result
    }

    /// Told at every change. The value counts changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Returns once all that was written before the call is on disk. The API answers no mutating call before.
    pub async fn durable(&self) {
        let wanted = *self.inner.changed.borrow();
        let mut written = self.inner.written.subscribe();
        // The sender lives in `self`.
        let _ = written.wait_for(|count| *count >= wanted).await;
    }

    /// Writes the state to disk after every change, several changes at once where they come fast. Runs for as long as
    /// the daemon does. The file is replaced as a whole: a daemon that is killed leaves the old document or the new one.
    pub async fn persist(self) {
        let mut changes = self.changes();
        loop {
            let count = *changes.borrow_and_update();
            if count > *self.inner.written.borrow() {
                match self.save() {
                    Ok(()) => {
                        self.inner.written.send_replace(count);
                    }
                    Err(error) => {
                        eprintln!("error: {error:#}; retrying in a second");
                        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                        continue;
                    }
                }
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn save(&self) -> anyhow::Result<()> {
        let bytes = {
            let state = self.lock();
            serde_json::to_vec(&Document { version: VERSION, state: &*state })
                .context("failed to serialise the state")?
        };
        let file = &self.inner.file;
        let next = file.with_extension("json.next");
        std::fs::write(&next, bytes).with_context(|| format!("failed to write `{next}`"))?;
        std::fs::rename(&next, file).with_context(|| format!("failed to replace `{file}`"))
    }
}

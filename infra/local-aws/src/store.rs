//! The state of every service: one value behind one lock, kept on disk as one document. Changes are atomic. Not here: blobs
//! (`registry`), output of containers (`log_store`), connections (`balancer`).
//!
//! A change notifies no part by name: scheduler, runner and balancer wait for `Store::changes` and read the state.

mod disk;
pub mod ecr;
pub mod ecs;
pub mod elb;
pub mod logs;
pub mod scheduler;
pub mod ssm;
pub mod task;
pub mod task_definition;
/// Members of documents that the model does not have.
pub mod unknown;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use self::disk::Disk;
pub(crate) use self::disk::{private_folder, replace};

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
    /// Schedules and their groups. Documents of older daemons do not have it.
    #[serde(default)]
    pub scheduler: scheduler::Scheduler,
    /// Parameters.
    pub ssm: ssm::Ssm,
}

/// Time that a call waits for the disk: longer than a working disk needs, shorter than the timeouts of AWS's clients.
const RETRY_LIMIT: Duration = Duration::from_secs(10);

/// Pause after a failed write, so that a full disk costs next to nothing.
const REST: Duration = Duration::from_millis(100);

/// How often the disk is tried again while nothing changes: there is no notification of free space.
const RETRY: Duration = Duration::from_secs(1);

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
    saved: watch::Sender<Saved>,
    disk: Disk,
}

/// How far the file on disk is behind.
#[derive(Clone, Debug, Default)]
struct Saved {
    /// The last change that is in the file.
    written: u64,
    /// The last change of the latest attempt to write.
    tried: u64,
    /// The error of the latest attempt.
    problem: Option<String>,
}

/// What was changed is not on disk, for this reason. It still holds in memory, and is written once that is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDurable(String);

impl fmt::Display for NotDurable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the state of the local emulator is not on disk: {}", self.0)
    }
}

impl std::error::Error for NotDurable {}

impl Store {
    /// Reads `state.json` in `folder`, or begins with nothing.
    ///
    /// # Errors
    /// The file cannot be read, or was written by a newer daemon.
    pub fn open(folder: &Utf8Path) -> anyhow::Result<Store> {
        let (disk, state) = Disk::open(folder)?;
        let inner = Inner {
            state: Mutex::new(state),
            changed: watch::Sender::new(0),
            saved: watch::Sender::new(Saved::default()),
            disk,
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a bug in one call; the others go on with what is there.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state. `look` must not block.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state and wakes the parts that wait for changes. `change` checks everything before it changes anything, so
    /// that an error leaves no half; it must not wait for anything.
    pub fn write<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        self.inner.changed.send_modify(|count| *count += 1);
        result
    }

    /// As `write`, for a change that may turn out to be none, which wakes no part. `change` returns whether it was one.
    pub fn update<T>(&self, change: impl FnOnce(&mut State) -> (bool, T)) -> T {
        let mut state = self.lock();
        let (changed, result) = change(&mut state);
        if changed {
            self.inner.changed.send_modify(|count| *count += 1);
        }
        result
    }

    /// Returns a receiver that is notified of every change. Its value counts changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Returns once all that was written before the call is on disk, or cannot be. The API answers no mutating call
    /// before.
    ///
    /// # Errors
    /// The disk is full, or takes too long.
    pub async fn durable(&self) -> Result<(), NotDurable> {
        let wanted = *self.inner.changed.borrow();
        let mut saved = self.inner.saved.subscribe();
        let tried = saved.wait_for(|saved| saved.written >= wanted || saved.tried >= wanted);
        let Ok(tried) = tokio::time::timeout(RETRY_LIMIT, tried).await else {
            return Err(NotDurable(format!("writing it takes longer than {} s", RETRY_LIMIT.as_secs())));
        };
        match tried {
            Ok(saved) if saved.written < wanted => Err(NotDurable(saved.problem.clone().unwrap_or_default())),
            // The sender lives in `self`.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Writes the state to disk after every change, several changes at once where they come fast. Runs for as long as
    /// the daemon does. The file is replaced as a whole: a daemon that is killed leaves the old document or the new one.
    pub async fn persist(self) {
        let mut changes = self.changes();
        loop {
            let count = *changes.borrow_and_update();
            if count <= self.inner.saved.borrow().written {
                if changes.changed().await.is_err() {
                    return;
                }
                continue;
            }
            let store = self.clone();
            // The disk may be slow: no request waits for it.
            let saving = tokio::task::spawn_blocking(move || store.inner.disk.save(|| store.lock()));
            let outcome = saving.await.map_err(anyhow::Error::from).and_then(|saved| saved);
            let problem = outcome.err().map(|error| format!("{error:#}"));
            let has_failed = problem.is_some();
            self.note(count, problem);
            if has_failed {
                tokio::time::sleep(REST).await;
                // Whatever comes first: another change, or the time to look again.
                let _ = tokio::time::timeout(RETRY, changes.changed()).await;
            }
        }
    }

    /// Reports the result of an attempt to its waiters, and to the log where it changed.
    fn note(&self, count: u64, problem: Option<String>) {
        self.inner.saved.send_modify(|saved| {
            match (&saved.problem, &problem) {
                (None, Some(problem)) => eprintln!("error: {problem}; trying again until it succeeds"),
                (Some(_), None) => eprintln!("the state is written again"),
                _ => {}
            }
            saved.tried = count;
            if problem.is_none() {
                saved.written = count;
            }
            saved.problem = problem;
        });
    }
}

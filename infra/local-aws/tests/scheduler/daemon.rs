//! The loop around `tick`, on a real store: woken by changes and by time, and silent otherwise.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use local_aws::emulator::Emulator;
use local_aws::faults::Faults;
use local_aws::log_store::LogStore;
use local_aws::scheduler;
use local_aws::store::Store;
use local_aws::store::task::TaskStatus;
use local_aws::time::Timestamp;

use crate::emulator::{self, Shape};

/// A folder of its own for one test.
struct Folder(Utf8PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn until(store: &Store, holds: impl Fn(&local_aws::store::State) -> bool) {
    let mut changes = store.changes();
    let waiting = async {
        while !store.read(&holds) {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap();
}

#[tokio::test]
async fn the_loop_is_woken_by_changes_and_by_time_and_is_silent_otherwise() {
    let folder = Folder(Utf8PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::new_v4().to_string()));
    let store = Store::open(&folder.0).unwrap();
    let emulator = Emulator {
        settings: Arc::new(emulator::settings()),
        store: store.clone(),
        logs: LogStore::new(&folder.0),
        faults: Faults::default(),
    };
    let looping = tokio::spawn(scheduler::run(emulator));
    store.write(|state| {
        *state = emulator::state();
        let revision = emulator::register(state, false);
        // Nothing checks its tasks: only time makes them healthy.
        let shape = Shape { desired: 3, balanced: false, ..Shape::default() };
        emulator::create(state, shape, &revision, Timestamp::now());
    });
    until(&store, |state| state.ecs.tasks.len() == 3).await;
    store.write(|state| {
        for task in state.ecs.tasks.values_mut() {
            task.last_status = TaskStatus::Running;
            task.started_at = Some(Timestamp::now());
        }
    });
    until(&store, |state| emulator::service(state).steady_announced).await;
    let count = *store.changes().borrow();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*store.changes().borrow(), count, "a tick without a change wakes no part");
    assert!(!looping.is_finished());
    looping.abort();
}

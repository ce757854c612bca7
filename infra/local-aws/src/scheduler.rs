//! The scheduler of ECS: it starts and stops the tasks of services. EventBridge Scheduler is `schedule_clock`. Pure: `tick` gets the state and the time, and changes only the
//! state. `runner` turns tasks into containers, `balancer` finds out the health of targets.

pub mod breaker;
mod capacity;
pub mod deployments;
mod events;
mod health;
mod retention;
mod rollout;
mod service;

use std::collections::HashMap;
use std::time::Duration;

use crate::emulator::Emulator;
use crate::settings::Settings;
use crate::store::State;
use crate::store::ecs::Service;
use crate::store::task::{self, TaskStatus};
use crate::time::Timestamp;

/// The service of a task that cannot be placed for now tells why, once.
pub fn tell_unplaced(state: &mut State, task: &str, reason: &str, now: Timestamp) {
    let Some(task) = state.ecs.tasks.get(task) else { return };
    let is_its = |service: &&mut Service| service.cluster == task.cluster && Some(&*service.name) == task.service();
    if let Some(service) = state.ecs.services.values_mut().find(is_its) {
        events::push_once(service, now, &format!("was unable to place a task. Reason: {reason}."));
    }
}

/// The result of a `tick`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// Whether the state changed.
    pub changed: bool,
    /// When to tick again even without a change.
    pub due: Option<Timestamp>,
}

impl Tick {
    /// Requests the next tick at `moment`, or earlier.
    fn wake(&mut self, moment: Timestamp) {
        self.due = Some(self.due.map_or(moment, |due| due.min(moment)));
    }
}

/// Moves every service one step toward its desired state.
pub fn tick(state: &mut State, _settings: &Settings, now: Timestamp) -> Tick {
    tick_with(state, now, &mut task::new_id)
}

/// As `tick`, with ids of tasks from the caller: the same ids and the same state give the same decisions.
pub fn tick_with(state: &mut State, now: Timestamp, new_id: &mut dyn FnMut() -> String) -> Tick {
    let mut outcome = Tick::default();
    retention::prune(state, now, &mut outcome);
    let mut members: HashMap<String, Vec<String>> = HashMap::new();
    for task in state.ecs.tasks.values() {
        // What is over and accounted for concerns no service any more.
        if let Some(name) = task.service()
            && !(task.settled && task.last_status == TaskStatus::Stopped)
        {
            members.entry(format!("{}/{name}", task.cluster)).or_default().push(task.id.clone());
        }
    }
    let State { ecs, elb, .. } = state;
    let targets = health::targets(elb);
    for (key, service) in &mut ecs.services {
        if service.status == "INACTIVE" {
            continue;
        }
        let members = members.remove(key).unwrap_or_default();
        let mut desk = service::Desk {
            service,
            tasks: &mut ecs.tasks,
            families: &ecs.families,
            targets: &targets,
            now,
            outcome: &mut outcome,
        };
        desk.reconcile(&members, new_id);
    }
    outcome
}

/// Changes come in bursts, such as those of a hundred containers that start: one tick handles all of them.
const BURST: Duration = Duration::from_millis(5);

/// Ticks at every change and whenever `tick` requested it, for as long as the daemon runs.
pub async fn run(emulator: Emulator) {
    let mut changes = emulator.store.changes();
    loop {
        changes.mark_unchanged();
        let due = emulator.store.update(|state| {
            let outcome = tick(state, &emulator.settings, Timestamp::now());
            (outcome.changed, outcome.due)
        });
        let look = async {
            match due {
                // A moment more: the clock counts milliseconds.
                Some(due) => tokio::time::sleep(due.since(Timestamp::now()) + Duration::from_millis(1)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = look => {}
        }
        tokio::time::sleep(BURST).await;
    }
}

//! Removal of stopped tasks and deleted services after their retention time.

use std::time::Duration;

use super::Tick;
use crate::store::State;
use crate::store::ecs::Service;
use crate::store::task::TaskStatus;
use crate::time::Timestamp;

/// AWS keeps stopped tasks for an hour; "a while" is what it says of deleted services.
const KEPT: Duration = Duration::from_secs(3600);

/// How many service deployments and revisions a service keeps. AWS keeps those of 90 days.
pub(super) const RECORDS: usize = 100;

/// Removes stopped tasks and deleted services whose time is over.
pub(super) fn prune(state: &mut State, now: Timestamp, outcome: &mut Tick) {
    let mut over = |ended: Timestamp| {
        let end = ended.after(KEPT);
        let over = end <= now;
        if over {
            outcome.changed = true;
        } else {
            outcome.wake(end);
        }
        over
    };
    state
        .ecs
        .tasks
        .retain(|_, task| task.last_status != TaskStatus::Stopped || !over(task.stopped_at.unwrap_or(task.created_at)));
    state.ecs.services.retain(|_, service| service.status != "INACTIVE" || !over(last_heard_of(service)));
}

/// The time of the service's last change.
fn last_heard_of(service: &Service) -> Timestamp {
    service.events.front().map_or(service.created_at, |event| event.created_at)
}

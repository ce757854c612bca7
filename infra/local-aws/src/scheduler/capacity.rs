//! How many tasks to start and which to stop, within the bounds of a rolling deployment. Numbers in, numbers out.

use std::cmp::Reverse;

use crate::store::ecs::DeploymentConfiguration;
use crate::time::Timestamp;

/// Within what a deployment moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// How many tasks there should be.
    pub(super) desired: u32,
    /// So many are to stay healthy: rounded up.
    pub(super) minimum: u32,
    /// So many may be pending or running at once: rounded down.
    pub(super) maximum: u32,
}

impl Bounds {
    /// Percentages of the desired count.
    pub(super) fn new(desired: u32, configuration: &DeploymentConfiguration) -> Bounds {
        let part = |percent: u32| u64::from(desired) * u64::from(percent);
        let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        Bounds {
            desired,
            minimum: number(part(configuration.minimum_healthy_percent).div_ceil(100)),
            maximum: number(part(configuration.maximum_percent) / 100).max(desired),
        }
    }
}

/// What matters of a task here.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// Its id; equal ones do not occur.
    pub(super) id: String,
    /// Belongs to the `PRIMARY` deployment.
    pub(super) primary: bool,
    /// Is pending or running: counts for the upper bound.
    pub(super) occupies: bool,
    /// Is stopping.
    pub(super) ending: bool,
    /// Counts for the lower bound.
    pub(super) healthy: bool,
    /// Has been healthy at some time.
    pub(super) proven: bool,
    /// When it was requested.
    pub(super) created_at: Timestamp,
}

/// What to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// How many tasks of the `PRIMARY` deployment to start.
    pub(super) start: u32,
    /// Ids of the tasks to stop.
    pub(super) stop: Vec<String>,
    /// The bounds leave no room for any step, ever.
    pub(super) stuck: bool,
}

/// The next step. `may_start`: the `PRIMARY` deployment has not failed and is not waiting after a crash.
pub(super) fn plan(bounds: Bounds, may_start: bool, slots: &[Slot]) -> Plan {
    let mut plan = Plan::default();
    let (mut ours, mut old): (Vec<_>, Vec<_>) = slots.iter().filter(|slot| !slot.ending).partition(|slot| slot.primary);

    // What goes first is in front: never healthy, not healthy, then the youngest of ours and the oldest of the others.
    ours.sort_by_key(|slot| (slot.healthy, slot.proven, Reverse(slot.created_at), slot.id.clone()));
    old.sort_by_key(|slot| (slot.healthy, slot.proven, slot.created_at, slot.id.clone()));

    let surplus = ours.len().saturating_sub(bounds.desired as usize);
    plan.stop.extend(ours.drain(..surplus).map(|slot| slot.id.clone()));

    let occupying = count(slots, |slot| slot.occupies);
    let missing = bounds.desired - number(ours.len());
    if may_start {
        plan.start = missing.min(bounds.maximum.saturating_sub(occupying));
    }
    let ours_healthy = number(ours.iter().filter(|slot| slot.healthy).count());
    if ours_healthy >= bounds.desired {
        plan.stop.extend(old.iter().map(|slot| slot.id.clone()));
        return plan;
    }

    // A task that has never served makes way at once: no request is lost.
    let (served, fresh): (Vec<&Slot>, Vec<&Slot>) = old.into_iter().partition(|slot| slot.healthy || slot.proven);
    plan.stop.extend(fresh.iter().map(|slot| slot.id.clone()));
    // Room that is still wanted, after what is being vacated already.
    let vacating = count(slots, |slot| slot.occupies && slot.ending) + number(plan.stop.len());
    let mut lacking = if may_start { (missing - plan.start).saturating_sub(vacating) } else { 0 };
    let mut healthy = ours_healthy + number(served.iter().filter(|slot| slot.healthy).count());
    // As long as tasks of ours can be started or are on their way, healthy ones need not make room for more.
    let waiting = plan.start > 0 || ours.iter().any(|slot| !slot.healthy);
    for slot in served {
        let taken_over = slot.healthy && healthy > bounds.desired;
        let makes_room = lacking > 0 && (!slot.healthy || (!waiting && healthy > bounds.minimum));
        if taken_over || makes_room {
            plan.stop.push(slot.id.clone());
            healthy -= u32::from(slot.healthy);
            lacking = lacking.saturating_sub(1);
        }
    }
    plan.stuck = lacking > 0 && !waiting && plan.stop.is_empty() && vacating == 0;
    plan
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn count(slots: &[Slot], which: impl Fn(&Slot) -> bool) -> u32 {
    number(slots.iter().filter(|slot| which(slot)).count())
}

#[cfg(test)]
#[path = "capacity_tests.rs"]
mod tests;

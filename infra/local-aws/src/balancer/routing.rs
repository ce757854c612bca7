//! The routing table: it picks the target of each request, and is replaced as a whole when the store changes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::target::{Permit, Target};

/// `load_balancing.algorithm.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Each in turn: AWS's default.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastOutstanding,
}

/// The targets that may get requests: all healthy ones, or all where none is healthy, as ALB fails open.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) targets: Vec<Arc<Target>>,
    pub(super) algorithm: Algorithm,
}

/// A target group as requests see it.
#[derive(Debug, Default)]
pub(super) struct Routing {
    table: RwLock<Arc<Table>>,
    turn: AtomicUsize,
}

impl Routing {
    pub(super) fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Returns whether an untried target exists.
    pub(super) fn has_another(&self, tried: &[u64]) -> bool {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.targets.iter().any(|target| !tried.contains(&target.id) && !target.is_closed())
    }

    /// A place at the next target, not one of `tried`. Targets that refused a connection lately come last.
    pub(super) fn pick(&self, tried: &[u64]) -> Option<Permit> {
        let table = Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner));
        if table.targets.is_empty() {
            return None;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % table.targets.len();
        let (before, after) = table.targets.split_at(turn);
        let in_turn = || after.iter().chain(before).filter(|target| !tried.contains(&target.id));
        for suspects in [false, true] {
            let mut eligible = in_turn().filter(|target| target.is_suspect() == suspects);
            let found = match table.algorithm {
                Algorithm::RoundRobin => eligible.find_map(Target::enter),
                // The first of equals is the next in turn.
                Algorithm::LeastOutstanding => eligible
                    .min_by_key(|target| target.in_flight())
                    .and_then(Target::enter)
                    .or_else(|| in_turn().find_map(Target::enter)),
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(count: u16) -> Vec<Arc<Target>> {
        (1..=count).map(|port| Target::new(([127, 0, 0, 1], port).into())).collect()
    }

    fn picked(routing: &Routing, tried: &[u64]) -> Option<u16> {
        routing.pick(tried).map(|permit| permit.target().reached_at.port())
    }

    #[test]
    fn each_gets_its_turn_but_closed_tried_and_suspect_ones() {
        let routing = Routing::default();
        assert!(picked(&routing, &[]).is_none());
        let all = targets(3);
        routing.replace(Table { targets: all.clone(), algorithm: Algorithm::RoundRobin });
        let mut seen = (0..6).filter_map(|_| picked(&routing, &[])).collect::<Vec<_>>();
        seen.sort_unstable();
        assert_eq!(seen, [1, 1, 2, 2, 3, 3]);
        all[0].close();
        all[1].suspect();
        assert!((0..6).all(|_| picked(&routing, &[]) == Some(3)));
        // Where nothing else is left, a suspect is better than nothing.
        assert_eq!(picked(&routing, &[all[2].id]), Some(2));
        assert_eq!(picked(&routing, &[all[2].id, all[1].id]), None);
    }

    #[test]
    fn the_least_busy_one_is_picked_on_request() {
        let routing = Routing::default();
        let all = targets(2);
        routing.replace(Table { targets: all.clone(), algorithm: Algorithm::LeastOutstanding });
        let _busy = (all[0].enter(), all[0].enter(), all[1].enter());
        assert!((0..4).all(|_| picked(&routing, &[]) == Some(2)));
    }
}

//! Looks after one target: its health checks, then its draining. What is found goes to the store, where it differs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::{self, Finding, Streak, Verdict};
use super::target::Target;
use crate::store::elb::{self, TargetHealthCheck, TargetState};
use crate::store::{State, Store};
use crate::time::Timestamp;

/// How often a new target that does not listen yet is looked at within its first interval. AWS waits for the next
/// interval, which is too long for a laptop.
const FIRST: Duration = Duration::from_millis(100);

/// Which target of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    address: IpAddr,
    port: u16,
    pub(super) reached_at: SocketAddr,
    registered_at: Timestamp,
}

impl Place {
    pub(super) fn of(target: &elb::Target) -> Place {
        Place {
            address: target.address,
            port: target.port,
            reached_at: target.reached_at,
            registered_at: target.registered_at,
        }
    }
}

/// One target, and where to find it in the store.
pub(super) struct HealthChecker {
    store: Store,
    group: String,
    place: Place,
    target: Arc<Target>,
}

impl HealthChecker {
    pub(super) fn new(store: &Store, group: &str, place: &Place, target: &Arc<Target>) -> HealthChecker {
        HealthChecker {
            store: store.clone(),
            group: group.to_owned(),
            place: place.clone(),
            target: Arc::clone(target),
        }
    }

    /// Checks the target, at once and then at its interval, until `over`.
    pub(super) async fn check(self, over: CancellationToken) {
        tokio::select! {
            () = over.cancelled() => {}
            () = self.checks() => {}
        }
    }

    async fn checks(&self) {
        let named = SocketAddr::new(self.place.address, self.place.port).to_string();
        let mut streak = Streak::default();
        let begun = Instant::now();
        loop {
            let round = Instant::now();
            let Some(check) = self.settings() else { return };
            let interval = Duration::from_secs(check.interval_seconds.into());
            let finding = health::check(self.place.reached_at, &named, &check).await;
            let early = finding == Finding::Refused && begun.elapsed() < interval && self.is_initial();
            if early {
                tokio::time::sleep(FIRST).await;
                continue;
            }
            if matches!(finding, Finding::Code(_)) {
                self.target.trust();
            }
            if !self.conclude(&mut streak, &check, finding) {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(round + interval) => {}
                () = self.target.check_now.notified() => {}
            }
        }
    }

    fn settings(&self) -> Option<TargetHealthCheck> {
        self.store.read(|state| Some(state.elb.target_groups.get(&self.group)?.health_check.clone()))
    }

    fn is_initial(&self) -> bool {
        self.store.read(|state| self.find(state).is_some_and(|found| found.state == TargetState::Initial))
    }

    fn find<'a>(&self, state: &'a State) -> Option<&'a elb::Target> {
        let group = state.elb.target_groups.get(&self.group)?;
        group.targets.iter().find(|target| Place::of(target) == self.place)
    }

    /// Writes down what a check means, where that is news. `false`: the target is gone or draining.
    fn conclude(&self, streak: &mut Streak, check: &TargetHealthCheck, finding: Finding) -> bool {
        let Some(found) = self.store.read(|state| self.find(state).cloned()) else { return false };
        if found.state == TargetState::Draining {
            return false;
        }
        let Some(verdict) = streak.add(found.state, check, finding) else { return true };
        let (state, reason, description): Verdict = verdict;
        if (state, &reason, &description) == (found.state, &found.reason, &found.description) {
            return true;
        }
        self.store.write(|all| {
            let group = all.elb.target_groups.get_mut(&self.group);
            let target = group.and_then(|group| group.targets.iter_mut().find(|one| Place::of(one) == self.place));
            if let Some(target) = target.filter(|target| target.state != TargetState::Draining) {
                target.state = state;
                target.reason = reason;
                target.description = description;
            }
        });
        true
    }

    /// Removes the target from the store once it has no request in flight, or its delay is over.
    pub(super) async fn drain(self, over: CancellationToken) {
        let left = self.store.read(|state| {
            let delay = state.elb.target_groups.get(&self.group)?.deregistration_delay_seconds;
            let since = self.find(state)?.draining_since.unwrap_or_default();
            Some(Duration::from_secs(delay.into()).saturating_sub(Timestamp::now().since(since)))
        });
        tokio::select! {
            () = over.cancelled() => return,
            () = self.target.emptied() => {}
            () = tokio::time::sleep(left.unwrap_or_default()) => {}
        }
        self.store.write(|state| {
            if let Some(group) = state.elb.target_groups.get_mut(&self.group) {
                group.targets.retain(|one| Place::of(one) != self.place || one.state != TargetState::Draining);
            }
        });
    }
}

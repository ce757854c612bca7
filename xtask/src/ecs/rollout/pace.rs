//! The poll schedule: the time and the calls of the next poll. Two goals: a verdict is known within a second, and a
//! rollout costs one call per second on average. Both hold because a rollout can only end at certain task counts; other
//! polls can wait. The module is pure: elapsed time is an argument.

use super::{Look, Progress, Verdict};

/// Milliseconds per call: one call per second on average.
const CALL: i64 = 1000;

/// Milliseconds between polls while the rollout may end at any moment.
const SOON: u64 = 1000;

/// Minimum of `SOON` with calls to spare: a call takes time, and the verdict must be known within a second.
const SOON_LEAST: u64 = 900;

/// Minimum of `SOON` with the local AWS emulator, whose rollouts take seconds.
const SOON_LEAST_NEARBY: u64 = 500;

/// Milliseconds until the first poll of the emulator. The unspent budget allows shorter intervals later.
const FIRST_NEARBY: u64 = 1150;

/// Minimum of milliseconds between polls of the emulator while the rollout cannot end yet. A call takes time, and a
/// verdict right after a poll must be known within a second.
const LEAST_NEARBY: u64 = 950;

/// Milliseconds without a change after which a change within a second is unlikely: on Fargate a task takes 20 to 60
/// seconds from `PROVISIONING` to `RUNNING`.
const CALM: u64 = 10_000;

/// Milliseconds without a change after which AWS is slow.
const STILL: u64 = 30_000;

/// Maximum of milliseconds between polls.
const LONGEST: u64 = 5000;

/// Maximum overdraft of the call budget in milliseconds, so that a change is examined immediately.
const AHEAD: i64 = 2 * CALL;

/// Calls of the next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Calls {
    /// `DescribeServices`. During a rollback, only the record shows the end.
    pub service: bool,
    /// `DescribeServiceDeployments`.
    pub record: bool,
    /// `DescribeTasks` of our deployment's tasks (`started_tasks`): counts or failures have changed.
    pub tasks: bool,
}

impl Calls {
    fn cost(self) -> i64 {
        CALL * (i64::from(self.service) + i64::from(self.record) + i64::from(self.tasks))
    }
}

/// The next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// Milliseconds until the poll.
    pub wait_ms: u64,
    /// Calls of the poll.
    pub calls: Calls,
}

/// Observations and call budget of one rollout.
#[derive(Clone, Debug)]
pub struct Pace {
    nearby: bool,
    /// Elapsed milliseconds minus the cost of calls.
    balance: i64,
    unchanged_ms: u64,
    seen: Option<Progress>,
    failed: u32,
    tasks_due: bool,
}

impl Pace {
    /// Creates the schedule. `nearby` is set for the local AWS emulator.
    pub fn new(nearby: bool) -> Pace {
        Pace { nearby, balance: 0, unchanged_ms: 0, seen: None, failed: 0, tasks_due: false }
    }

    /// Returns the first poll after the call that started the deployment, whose response contained the service.
    pub fn first(&mut self) -> Next {
        let calls = Calls { service: true, record: false, tasks: false };
        self.balance -= calls.cost();
        Next { wait_ms: if self.nearby { FIRST_NEARBY } else { SOON }, calls }
    }

    /// Returns the poll that follows `look`. `passed_ms` is the time from the previous poll to `look`. The result has
    /// no meaning after a final verdict.
    pub fn next(&mut self, passed_ms: u64, look: &Look) -> Next {
        self.balance = self.balance.saturating_add_unsigned(passed_ms);
        let settled = Progress::default();
        let progress = if let Verdict::InProgress(progress) = &look.verdict { progress } else { &settled };
        let changed = self.seen.as_ref() != Some(progress);
        let new_failure = progress.failed > self.failed;
        self.unchanged_ms = if changed { 0 } else { self.unchanged_ms.saturating_add(passed_ms) };
        self.failed = progress.failed;
        self.tasks_due |= changed;
        self.seen = Some(progress.clone());

        let soon = may_end(progress) || look.needs_record;
        let mut calls = self.calls(progress, look.needs_record);
        // Failures are examined immediately. Other changes wait until a call is to spare.
        calls.tasks = self.tasks_due && (new_failure || self.balance - calls.cost() - CALL >= -AHEAD);
        self.tasks_due &= !calls.tasks;
        // With the emulator, a rollout ends before the budget recovers. While it cannot end yet, its tasks are polled
        // instead of the service.
        let instead = self.nearby && calls.tasks && !new_failure && !soon;
        calls.service &= !instead;
        self.balance -= calls.cost();
        Next { wait_ms: self.wait(soon), calls }
    }

    fn calls(&self, progress: &Progress, needs_record: bool) -> Calls {
        let returns = progress.rollback.as_ref().is_some_and(|rollback| rollback.to.is_some());
        let spare = self.balance >= CALL;
        Calls { service: !(needs_record && returns) || spare, record: needs_record, tasks: false }
    }

    fn wait(&self, soon: bool) -> u64 {
        let quiet = match self.unchanged_ms {
            0..CALM => SOON,
            CALM..STILL => 2 * SOON,
            _ => LONGEST,
        };
        // `balance` already includes the next poll, whose cost the wait pays back.
        let debt = |allowed: i64| u64::try_from(-(self.balance + allowed)).unwrap_or(0);
        if !soon {
            // With the emulator, everything takes seconds: the budget recovers after the end.
            if self.nearby {
                return debt(0).clamp(LEAST_NEARBY, SOON).max(debt(AHEAD));
            }
            return quiet.max(debt(0).min(2 * SOON)).max(debt(AHEAD));
        }
        let least = if self.nearby { SOON_LEAST_NEARBY } else { SOON_LEAST };
        debt(0).clamp(least, SOON).max(debt(AHEAD + CALL))
    }
}

/// Returns whether the rollout state may change within a second: all tasks run, some failed, or it rolls back.
fn may_end(progress: &Progress) -> bool {
    progress.failed > 0
        || progress.rollback.is_some()
        || (progress.running >= progress.desired && progress.pending == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::rollout::RollbackStarted;

    fn look(running: u32, pending: u32, failed: u32) -> Look {
        let progress = Progress { desired: 2, running, pending, failed, ..Progress::default() };
        Look { verdict: Verdict::InProgress(progress), needs_record: false }
    }

    fn returning() -> Look {
        let rollback = RollbackStarted { to: Some("linkbio:1".into()), ..RollbackStarted::default() };
        let progress = Progress { desired: 2, failed: 3, rollback: Some(rollback), ..Progress::default() };
        Look { verdict: Verdict::InProgress(progress), needs_record: true }
    }

    /// Simulates `(start second, poll result)` steps. Returns the cost of calls, and the waits per step.
    fn play(nearby: bool, seconds: u64, story: &[(u64, Look)]) -> (i64, Vec<Vec<u64>>) {
        let mut pace = Pace::new(nearby);
        let mut next = pace.first();
        let (mut now, mut calls) = (0, 0);
        let mut waits = vec![Vec::new(); story.len()];
        loop {
            now += next.wait_ms;
            if now > seconds * 1000 {
                return (calls, waits);
            }
            calls += next.calls.cost() / CALL;
            let part = story.iter().rposition(|(from, _)| from * 1000 <= now).unwrap();
            next = pace.next(next.wait_ms, &story[part].1);
            waits[part].push(next.wait_ms);
        }
    }

    fn check(nearby: bool, seconds: u64, story: &[(u64, Look)], longest: &[u64]) {
        let (calls, waits) = play(nearby, seconds, story);
        let ahead = (AHEAD + CALL) / CALL;
        assert!(calls <= seconds.cast_signed() + ahead, "{calls} calls in {seconds} s: {waits:?}");
        let found: Vec<_> = waits.iter().map(|part| part.iter().copied().max().unwrap_or_default()).collect();
        assert_eq!(found, longest, "{calls} calls: {waits:?}");
    }

    #[test]
    fn looks_are_close_where_the_rollout_may_end_and_rare_where_nothing_moves() {
        // Fargate: 70 s until the tasks run, then health checks and the stop of the old tasks.
        let smooth = [(0, look(0, 2, 0)), (70, look(1, 1, 0)), (75, look(2, 0, 0))];
        check(false, 120, &smooth, &[5000, 1000, 900]);
        // The emulator takes seconds.
        check(true, 8, &[(0, look(0, 2, 0)), (2, look(1, 1, 0)), (3, look(2, 0, 0))], &[950, 950, 1000]);
        // A task fails repeatedly; the circuit breaker may trip after each failure.
        let failing = [(0, look(0, 2, 0)), (40, look(0, 2, 1)), (80, look(0, 2, 2)), (120, returning())];
        check(false, 180, &failing, &[5000, 900, 900, 1000]);
    }

    #[test]
    fn a_rollback_is_watched_by_its_record_alone_once_a_second() {
        let (calls, waits) = play(true, 60, &[(0, look(0, 2, 0)), (5, returning())]);
        assert!(waits[1].iter().all(|wait| *wait <= 1000), "{waits:?}");
        assert!(calls <= 63, "{calls}");
    }

    #[test]
    fn a_state_that_never_clears_up_costs_no_more_than_a_call_a_second() {
        let mut strange = look(2, 0, 0);
        strange.needs_record = true;
        for nearby in [false, true] {
            let (calls, _) = play(nearby, 600, &[(0, strange.clone())]);
            assert!((500..=603).contains(&calls), "{calls}");
        }
    }

    #[test]
    fn near_by_looks_leave_a_call_its_time_within_the_second() {
        let mut pace = Pace::new(true);
        let mut next = pace.first();
        let (mut now, mut calls) = (0, 0);
        for look_number in 1..4_u64 {
            // Each poll takes 15 ms.
            now += next.wait_ms + 15;
            calls += next.calls.cost();
            assert!(calls <= i64::try_from(now).unwrap(), "{calls} calls in {now} ms");
            assert!(look_number == 1 || next.wait_ms + 15 < 1000, "{next:?}");
            next = pace.next(next.wait_ms + 15, &look(0, 2, 0));
        }
    }

    #[test]
    fn near_by_a_rollout_of_three_seconds_costs_three_calls() {
        let (calls, _) = play(true, 4, &[(0, look(0, 2, 0)), (3, look(2, 0, 0))]);
        assert_eq!(calls, 3);
        // The tasks are polled as well, and a failure together with the service.
        let mut pace = Pace::new(true);
        pace.first();
        assert_eq!(pace.next(1000, &look(0, 2, 0)).calls, Calls { service: false, record: false, tasks: true });
        assert_eq!(pace.next(1000, &look(0, 2, 1)).calls, Calls { service: true, record: false, tasks: true });
    }

    #[test]
    fn tasks_are_described_when_something_changed_and_at_once_after_a_failure() {
        let mut pace = Pace::new(false);
        let first = pace.first();
        assert_eq!(first.calls, Calls { service: true, record: false, tasks: false });
        assert!(pace.next(1000, &look(0, 2, 0)).calls.tasks);
        assert!(!pace.next(2000, &look(0, 2, 0)).calls.tasks);
        assert!(pace.next(1000, &look(0, 2, 1)).calls.tasks);
        assert!(!pace.next(1000, &look(0, 2, 1)).calls.tasks);
        assert!(pace.next(1000, &look(0, 2, 2)).calls.tasks);
    }

    #[test]
    fn changes_in_every_second_do_not_make_looks_rare() {
        let story: Vec<_> = (0..60).map(|second| (second, look(2 + u32::try_from(second).unwrap(), 0, 0))).collect();
        let (calls, waits) = play(false, 60, &story);
        assert!(calls <= 63 && waits.concat().iter().all(|wait| *wait <= 1000), "{calls} {waits:?}");
    }
}

//! The clock of EventBridge Scheduler: it invokes the targets of schedules when they are due. `tick` and `resume` are pure.
//! Not here: the moments of an expression (`recurrence`), the call of a target (`services::scheduler`).

use std::time::Duration;

use crate::emulator::Emulator;
use crate::services;
use crate::store::State;
use crate::store::scheduler::{DEFAULT_GROUP, Schedule, ScheduleGroup};
use crate::time::Timestamp;

/// The invocation of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The schedule as it was when it became due.
    pub schedule: Schedule,
    /// The scheduled time.
    pub time: Timestamp,
}

/// The result of a `tick`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tick {
    /// The targets to invoke. The state changed if there are any.
    pub invocations: Vec<Invocation>,
    /// Time of the next invocation.
    pub due: Option<Timestamp>,
}

/// Returns the schedules that are due, and moves each to its next time. Several times that have passed are one invocation.
/// A complete schedule with the `ActionAfterCompletion` `DELETE` is deleted.
pub fn tick(state: &mut State, now: Timestamp) -> Tick {
    let mut outcome = Tick::default();
    state.scheduler.schedules.retain(|_, schedule| {
        let mut is_kept = true;
        if let Some(time) = schedule.next.filter(|next| *next <= now) {
            outcome.invocations.push(Invocation { schedule: schedule.clone(), time });
            is_kept = advance(schedule, now);
        }
        if let Some(next) = schedule.next {
            outcome.due = Some(outcome.due.map_or(next, |due| due.min(next)));
        }
        is_kept
    });
    outcome
}

/// Skips the times that have passed while no daemon ran, and creates the default group. Returns whether the state changed.
pub fn resume(state: &mut State, now: Timestamp) -> bool {
    let mut changed = false;
    state.scheduler.groups.entry(DEFAULT_GROUP.to_owned()).or_insert_with(|| {
        changed = true;
        ScheduleGroup { created: now, client_token: None }
    });
    state.scheduler.schedules.retain(|_, schedule| {
        let is_missed = schedule.next.is_some_and(|next| next < now);
        changed |= is_missed;
        !is_missed || advance(schedule, now)
    });
    changed
}

/// Moves a schedule to its next time after `now`. Returns whether it is kept.
fn advance(schedule: &mut Schedule, now: Timestamp) -> bool {
    schedule.next = schedule.next_from(now.after(Duration::from_millis(1)));
    schedule.next.is_some() || schedule.settings.action_after_completion != "DELETE"
}

/// The longest pause between two ticks. Timers of a suspended machine stand still, and its clock can be set.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Changes come in bursts: one tick handles all of them.
const BURST: Duration = Duration::from_millis(5);

/// Invokes targets for as long as the daemon runs.
pub async fn run(emulator: Emulator) {
    let mut changes = emulator.store.changes();
    loop {
        changes.mark_unchanged();
        let Tick { invocations, due } = emulator.store.update(|state| {
            let outcome = tick(state, Timestamp::now());
            (!outcome.invocations.is_empty(), outcome)
        });
        for Invocation { schedule, time } in invocations {
            if let Err(error) = services::scheduler::invoke(&emulator, &schedule, time).await {
                eprintln!(
                    "error: failed to run the tasks of the schedule {}/{}: {error}",
                    schedule.group, schedule.name
                );
            }
        }
        let pause = due.map_or(LONGEST_PAUSE, |due| due.since(Timestamp::now()).min(LONGEST_PAUSE));
        // Whatever comes first. A moment more than the pause: the clock counts milliseconds.
        if let Ok(Err(_)) = tokio::time::timeout(pause + Duration::from_millis(1), changes.changed()).await {
            return;
        }
        tokio::time::sleep(BURST).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: u64 = 1_795_478_400_000;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(START + seconds * 1000)
    }

    /// One schedule of the default group, created at the start.
    fn state(expression: &str, completion: &str) -> State {
        let settings = json!({
            "ActionAfterCompletion": completion,
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "Target": { "Arn": "arn:aws:ecs:eu-central-1:123456789012:cluster/main", "RoleArn": "role" },
        });
        let mut schedule = Schedule {
            group: DEFAULT_GROUP.to_owned(),
            name: "job".to_owned(),
            settings: serde_json::from_value(settings).unwrap(),
            created: at(0),
            modified: at(0),
            client_token: None,
            next: None,
        };
        schedule.next = schedule.next_from(at(0));
        let mut state = State::default();
        state.scheduler.schedules.insert("default/job".to_owned(), schedule);
        state
    }

    fn times(outcome: &Tick) -> Vec<u64> {
        outcome.invocations.iter().map(|one| (one.time.as_millis() - START) / 1000).collect()
    }

    #[test]
    fn each_time_is_one_invocation() {
        let mut state = state("rate(1 minute)", "NONE");
        let mut found = Vec::new();
        for second in 0..=150 {
            let outcome = tick(&mut state, at(second));
            assert_eq!(outcome.due, Some(at((second / 60 + 1) * 60)), "{second}");
            found.extend(times(&outcome));
        }
        assert_eq!(found, [0, 60, 120]);
    }

    #[test]
    fn several_passed_times_are_one_invocation() {
        let mut state = state("rate(1 minute)", "NONE");
        assert_eq!(times(&tick(&mut state, at(200))), [0]);
        assert_eq!(times(&tick(&mut state, at(200))), [0; 0]);
        assert_eq!(times(&tick(&mut state, at(240))), [240]);
    }

    #[test]
    fn times_without_a_daemon_are_skipped() {
        let mut state = state("rate(1 minute)", "NONE");
        assert!(resume(&mut state, at(130)));
        assert_eq!(times(&tick(&mut state, at(130))), [0; 0]);
        assert_eq!(times(&tick(&mut state, at(180))), [180]);
        assert!(!resume(&mut state, at(185)), "neither the group nor a time is new");
    }

    #[test]
    fn a_complete_schedule_is_kept_or_deleted() {
        // The start is midnight.
        for (completion, is_kept) in [("NONE", true), ("DELETE", false)] {
            let mut state = state("at(2026-11-24T00:01:00)", completion);
            assert_eq!(tick(&mut state, at(59)).due, Some(at(60)));
            let outcome = tick(&mut state, at(61));
            assert_eq!((times(&outcome), outcome.due), (vec![60], None));
            assert_eq!(state.scheduler.schedules.contains_key("default/job"), is_kept);
            assert_eq!(tick(&mut state, at(9999)), Tick::default());
        }
    }

    #[test]
    fn a_disabled_schedule_has_no_invocation() {
        let mut state = state("rate(1 minute)", "NONE");
        let schedule = state.scheduler.schedules.get_mut("default/job").unwrap();
        schedule.settings.state = "DISABLED".to_owned();
        schedule.next = schedule.next_from(at(0));
        assert_eq!(tick(&mut state, at(9999)), Tick::default());
    }

    #[test]
    fn state_of_an_older_daemon_has_no_schedules() {
        let mut document = json!(state("rate(1 minute)", "NONE"));
        assert_eq!(serde_json::from_value::<State>(document.clone()).unwrap().scheduler.schedules.len(), 1);
        document.as_object_mut().unwrap().remove("scheduler").unwrap();
        assert!(serde_json::from_value::<State>(document).unwrap().scheduler.schedules.is_empty());
    }
}

//! Deployments that go badly: when the circuit breaker trips, and where that leaves the service.

use std::time::Duration;

use local_aws::scheduler::tick_with;
use local_aws::store::State;
use local_aws::store::task::{Health, Stop, StopCode, Task, TaskStatus};
use local_aws::time::Timestamp;

use crate::emulator::{self, Shape};
use crate::simulator::{Fate, Simulator};

/// A service whose tasks the test stops, one after the other.
struct Bench {
    state: State,
    now: Timestamp,
    created: u64,
}

impl Bench {
    fn new(desired: u32) -> Bench {
        let mut bench = Bench { state: emulator::state(), now: Timestamp::from_millis(emulator::START), created: 0 };
        let revision = emulator::register(&mut bench.state, true);
        let shape = Shape { desired, balanced: false, checked: true, rollback: false, ..Shape::default() };
        emulator::create(&mut bench.state, shape, &revision, bench.now);
        bench.tick();
        bench
    }

    fn tick(&mut self) {
        let Bench { state, created, now } = self;
        tick_with(state, *now, &mut || {
            *created += 1;
            format!("{created:032x}")
        });
    }

    /// Something happens to a task that is not ending; one is started if there is none.
    fn touch(&mut self, change: impl FnOnce(&mut Task)) {
        if self.state.ecs.tasks.values().all(|task| task.stop.is_some()) {
            self.now = self.now.after(Duration::from_secs(61));
            self.tick();
        }
        change(self.state.ecs.tasks.values_mut().find(|task| task.stop.is_none()).unwrap());
        self.tick();
    }

    fn cannot_start(&mut self) {
        self.touch(|task| {
            task.stop = Some(Stop { code: StopCode::TaskFailedToStart, reason: "CannotPullContainerError".into() });
            task.last_status = TaskStatus::Stopped;
        });
    }

    fn fails_its_check(&mut self) {
        let now = self.now;
        self.touch(|task| {
            task.last_status = TaskStatus::Running;
            task.started_at = Some(now);
            task.health = Health::Unhealthy;
        });
        for task in self.state.ecs.tasks.values_mut().filter(|task| task.stop.is_some()) {
            task.last_status = TaskStatus::Stopped;
        }
    }

    fn gets_healthy(&mut self) {
        let now = self.now;
        self.touch(|task| {
            task.last_status = TaskStatus::Running;
            task.started_at = Some(now);
            task.health = Health::Healthy;
        });
        // No rollback may pick it again.
        let healthy = self.state.ecs.tasks.values_mut().find(|task| task.health == Health::Healthy).unwrap();
        healthy.health = Health::Unknown;
        emulator::stop_task(healthy);
        healthy.last_status = TaskStatus::Stopped;
        self.tick();
    }

    fn rollout_state(&self) -> &str {
        &emulator::service(&self.state).deployments[0].rollout_state
    }
}

const FORMULA: [(u32, u32); 8] = [(1, 3), (2, 3), (6, 3), (7, 4), (10, 5), (399, 200), (400, 200), (1000, 200)];

#[test]
fn the_breaker_trips_at_exactly_the_formula() {
    for (desired, threshold) in FORMULA {
        for fail in [Bench::cannot_start, Bench::fails_its_check] {
            let mut bench = Bench::new(desired);
            for failures in 1..=threshold {
                assert_eq!(bench.rollout_state(), "IN_PROGRESS", "{desired}: after {} failures", failures - 1);
                fail(&mut bench);
                let service = emulator::service(&bench.state);
                assert_eq!(service.deployments[0].failed_tasks, failures);
                let record = &service.service_deployments[0];
                assert_eq!((record.breaker_failures, record.breaker_threshold), (failures, threshold));
            }
            let service = emulator::service(&bench.state);
            assert_eq!(bench.rollout_state(), "FAILED", "{desired}");
            assert_eq!(
                service.deployments[0].rollout_state_reason,
                "ECS deployment circuit breaker: tasks failed to start."
            );
            assert_eq!(service.service_deployments[0].breaker_status, "TRIGGERED");
            assert_eq!(service.service_deployments[0].status, "STOPPED");
        }
    }
}

#[test]
fn a_task_that_gets_healthy_sets_the_count_back() {
    for (desired, threshold) in [(1, 3), (10, 5)] {
        let mut bench = Bench::new(desired);
        for _ in 1..threshold {
            bench.cannot_start();
        }
        bench.gets_healthy();
        assert_eq!(emulator::service(&bench.state).service_deployments[0].breaker_failures, 0);
        for _ in 1..threshold {
            bench.cannot_start();
            assert_ne!(bench.rollout_state(), "FAILED");
        }
    }
}

#[test]
fn tasks_that_somebody_stops_are_no_failures() {
    let mut bench = Bench::new(1);
    for _ in 0..10 {
        bench.touch(|task| {
            emulator::stop_task(task);
            task.last_status = TaskStatus::Stopped;
        });
    }
    assert_eq!(emulator::service(&bench.state).deployments[0].failed_tasks, 0);
    assert_eq!(bench.rollout_state(), "IN_PROGRESS");
    assert!(bench.created > 10, "replaced without a wait");
}

#[test]
fn a_revision_that_fails_is_rolled_back_and_the_first_one_serves_on() {
    let fates = [Fate::CannotStart, Fate::ExitsAtOnce, Fate::FailsTargetChecks, Fate::FailsContainerCheck];
    for (desired, minimum, maximum) in [(1, 100, 200), (2, 100, 200), (4, 50, 100), (1, 0, 100)] {
        for fate in fates {
            let shape = Shape { desired, minimum, maximum, checked: true, ..Shape::default() };
            let mut simulator = Simulator::new(20, shape, Fate::Serves);
            simulator.run_until_steady(30);
            let service = emulator::service(&simulator.state);
            let (first, good) = (service.task_definition.clone(), service.deployments[0].clone());
            let before: Vec<_> = simulator.running().iter().map(|task| task.id.clone()).collect();
            simulator.update(true, fate);
            let bad = emulator::service(&simulator.state).deployments[0].clone();
            simulator.run_until(120, |simulator| {
                emulator::service(&simulator.state).service_deployments[0].status.starts_with("ROLLBACK_")
            });
            simulator.run_until_steady(120);

            let service = emulator::service(&simulator.state);
            assert_eq!(service.task_definition, first);
            assert_eq!(service.deployments.len(), 1);
            let only = &service.deployments[0];
            assert_eq!((only.id.as_str(), only.rollout_state.as_str()), (good.id.as_str(), "COMPLETED"));
            let record = &service.service_deployments[0];
            assert_eq!((record.deployment.as_str(), record.status.as_str()), (bad.id.as_str(), "ROLLBACK_SUCCESSFUL"));
            let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
            assert_eq!(record.status_reason.as_deref(), Some(reason));
            assert_eq!(record.breaker_status, "TRIGGERED");
            assert!(record.breaker_failures >= record.breaker_threshold && record.finished_at.is_some());
            let rollback = record.rollback.as_ref().unwrap();
            assert_eq!(rollback.service_revision_arn, good.service_revision);
            assert!(rollback.started_at > record.created_at);
            assert_eq!(service.service_deployments[1].status, "SUCCESSFUL");
            let told = format!("(deployment {}) deployment failed: tasks failed to start.", bad.id);
            assert_eq!(simulator.told(&told), 1);
            assert_eq!(simulator.told(&format!("(service web) rolling back to deployment {}.", good.id)), 1);
            let running: Vec<_> = simulator.running().iter().map(|task| task.id.clone()).collect();
            if minimum == 100 {
                assert_eq!(running, before, "who served well is not replaced");
            }
            assert_eq!(running.len(), desired as usize);
        }
    }
}

#[test]
fn while_rolling_back_the_reason_says_so() {
    let mut simulator =
        Simulator::new(21, Shape { desired: 1, minimum: 0, maximum: 100, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let good = emulator::service(&simulator.state).deployments[0].id.clone();
    simulator.update(false, Fate::CannotStart);
    simulator.run_until(120, |simulator| {
        emulator::service(&simulator.state).service_deployments[0].status == "ROLLBACK_IN_PROGRESS"
    });
    let primary = &emulator::service(&simulator.state).deployments[0];
    assert_eq!((primary.id.as_str(), primary.rollout_state.as_str()), (good.as_str(), "IN_PROGRESS"));
    let reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {good}.");
    assert_eq!(primary.rollout_state_reason, reason);
}

#[test]
fn without_rollback_nothing_more_is_started_and_the_first_one_serves_on() {
    let mut simulator = Simulator::new(22, Shape { rollback: false, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let before: Vec<_> = simulator.running().iter().map(|task| task.id.clone()).collect();
    simulator.update(false, Fate::ExitsAtOnce);
    simulator.run_until(120, |simulator| emulator::service(&simulator.state).deployments[0].rollout_state == "FAILED");
    let starts = simulator.starts.len();
    simulator.run(120);
    assert_eq!(simulator.starts.len(), starts);
    assert_eq!(simulator.running().iter().map(|task| task.id.clone()).collect::<Vec<_>>(), before);
    let service = emulator::service(&simulator.state);
    assert_eq!(service.deployments.iter().map(|one| one.status.as_str()).collect::<Vec<_>>(), ["PRIMARY", "ACTIVE"]);
    assert_eq!(
        (service.service_deployments[0].status.as_str(), &service.service_deployments[0].rollback),
        ("STOPPED", &None)
    );
    // The next deployment gets it going again.
    simulator.update(false, Fate::Serves);
    simulator.run_until_steady(60);
}

#[test]
fn a_first_deployment_that_fails_has_nowhere_to_go_back_to() {
    let mut simulator = Simulator::new(23, Shape::default(), Fate::FailsTargetChecks);
    simulator.run_until(120, |simulator| emulator::service(&simulator.state).deployments[0].rollout_state == "FAILED");
    simulator.run(60);
    let service = emulator::service(&simulator.state);
    assert_eq!((service.deployments.len(), simulator.running().len()), (1, 0));
    let record = &service.service_deployments[0];
    assert_eq!(record.status, "ROLLBACK_FAILED");
    assert_eq!(record.status_reason.as_deref(), Some("No rollback candidate was found to run the rollback."));
    assert_eq!(record.rollback, None);
}

#[test]
fn a_rollback_that_fails_too_ends_there() {
    let mut simulator =
        Simulator::new(24, Shape { desired: 1, minimum: 0, maximum: 100, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let second = simulator.update(false, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.update(false, Fate::ExitsAtOnce);
    simulator.fates.insert(second.clone(), Fate::ExitsAtOnce);
    simulator.run_until(300, |simulator| {
        emulator::service(&simulator.state).service_deployments[0].status == "ROLLBACK_FAILED"
    });
    let starts = simulator.starts.len();
    simulator.run(120);
    assert_eq!(simulator.starts.len(), starts, "nor is it tried with the one before");
    let service = emulator::service(&simulator.state);
    assert_eq!(service.deployments[0].rollout_state, "FAILED");
    assert_eq!((&service.deployments[0].task_definition, &service.task_definition), (&second, &second));
}

#[test]
fn one_bad_revision_after_the_other_goes_back_to_the_last_good_one() {
    let mut simulator = Simulator::new(26, Shape::default(), Fate::Serves);
    simulator.run_until_steady(30);
    let good = emulator::service(&simulator.state).deployments[0].clone();
    let before: Vec<_> = simulator.running().iter().map(|task| task.id.clone()).collect();
    for count in 1..=3 {
        simulator.update(false, Fate::CannotStart);
        simulator.step();
        simulator.run_until_steady(120);
        let service = emulator::service(&simulator.state);
        assert_eq!(service.deployments[0].id, good.id);
        assert_eq!(service.service_deployments[0].status, "ROLLBACK_SUCCESSFUL");
        assert_eq!(service.service_deployments.len(), 1 + count);
    }
    assert_eq!(simulator.running().iter().map(|task| task.id.clone()).collect::<Vec<_>>(), before);
}

#[test]
fn without_a_breaker_it_is_tried_forever_but_not_in_a_storm() {
    for fate in [Fate::CannotStart, Fate::ExitsAtOnce, Fate::FailsTargetChecks] {
        let shape = Shape { desired: 3, breaker: false, ..Shape::default() };
        let mut simulator = Simulator::new(25, shape, fate);
        simulator.run(600);
        let service = emulator::service(&simulator.state);
        assert_eq!(service.deployments[0].rollout_state, "IN_PROGRESS");
        assert_eq!(service.service_deployments[0].breaker_status, "DISABLED");
        let recent = |start: &&Timestamp| simulator.now.since(**start) < Duration::from_secs(300);
        let late = simulator.starts.iter().filter(recent).count();
        assert!((9..=18).contains(&late), "3 tasks about once a minute, not {late}");
    }
}

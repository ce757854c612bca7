//! Everything at once, from seeds: revisions good and bad, scaling, stops, crashes, health that flips, restarts. After each
//! tick the simulator checks the rules; at the end a good revision must be served by the right number of tasks.

use local_aws::scheduler::deployments;
use local_aws::store::elb::TargetState;
use local_aws::store::task::{Health, Stop, StopCode, TaskStatus};

use crate::emulator::{self, GROUP, Shape, settings};
use crate::simulator::{Dice, Fate, Simulator};

const FATES: [Fate; 6] = [
    Fate::Serves,
    Fate::Serves,
    Fate::CannotStart,
    Fate::ExitsAtOnce,
    Fate::FailsTargetChecks,
    Fate::FailsContainerCheck,
];

fn pick<T: Copy>(dice: &mut Dice, from: &[T]) -> T {
    from[dice.roll(from.len() as u64) as usize]
}

fn shape(dice: &mut Dice) -> Shape {
    let (minimum, maximum) = pick(dice, &[(100, 200), (100, 200), (50, 100), (0, 100), (50, 150), (75, 125), (0, 200)]);
    Shape {
        desired: dice.roll(6) as u32,
        minimum,
        maximum,
        balanced: dice.roll(3) > 0,
        checked: dice.roll(2) > 0,
        grace: pick(dice, &[None, Some(0), Some(2)]),
        breaker: dice.roll(3) > 0,
        rollback: dice.roll(3) > 0,
    }
}

/// One call of the API, or one fault.
fn fault(simulator: &mut Simulator, checked: bool) {
    let now = simulator.now;
    let fate = pick(&mut simulator.dice, &FATES);
    let count = simulator.dice.roll(6) as u32;
    let place = simulator.dice.roll(1000) as usize;
    match simulator.dice.roll(10) {
        0 | 1 => {
            simulator.update(checked, fate);
        }
        2 => simulator.call(|state| emulator::service_mut(state).desired_count = count),
        3 => simulator.restart(),
        4 => {
            let revision = emulator::service(&simulator.state).task_definition.clone();
            simulator.call(|state| emulator::update(state, &revision, now));
        }
        5 => simulator.call(|state| {
            let arn = emulator::service(state).service_deployments[0].arn.clone();
            // Refused where it is over, as it should be.
            let _ = deployments::stop(state, &settings(), &arn, if count < 3 { "ROLLBACK" } else { "ABORT" }, now);
        }),
        6 => simulator.call(|state| {
            let targets = &mut state.elb.target_groups.get_mut(GROUP).unwrap().targets;
            let number = targets.len().max(1);
            if let Some(target) = targets.get_mut(place % number).filter(|one| one.state == TargetState::Healthy) {
                target.state = TargetState::Unhealthy;
            }
        }),
        kind => simulator.call(|state| {
            let mut running: Vec<_> =
                state.ecs.tasks.values_mut().filter(|task| task.last_status == TaskStatus::Running).collect();
            let number = running.len().max(1);
            let Some(task) = running.get_mut(place % number) else { return };
            match kind {
                7 => emulator::stop_task(task),
                8 if task.stop.is_none() => {
                    task.last_status = TaskStatus::Stopping;
                    task.stop = Some(Stop { code: StopCode::EssentialContainerExited, reason: "exited".into() });
                }
                _ => task.health = Health::Unhealthy,
            }
        }),
    }
}

fn play(seed: u64, thorough: bool) {
    let mut dice = Dice(seed);
    let shape = shape(&mut dice);
    let mut simulator = Simulator::new(seed, shape, pick(&mut dice, &FATES));
    simulator.thorough = thorough;
    for _ in 0..12 {
        for _ in 0..dice.roll(60) {
            simulator.step();
        }
        fault(&mut simulator, shape.checked);
    }
    // Calm. The bounds allow every step from here on; those that do not are a test of their own.
    let revision = simulator.update(shape.checked, Fate::Serves);
    simulator.call(|state| {
        let configuration = &mut emulator::service_mut(state).deployment_configuration;
        (configuration.minimum_healthy_percent, configuration.maximum_percent) = (100, 200);
        emulator::service_mut(state).desired_count = 3;
    });
    simulator.step();
    simulator.run_until_steady(300);
    let service = emulator::service(&simulator.state);
    assert_eq!((service.deployments.len(), simulator.running().len()), (1, 3), "{}", simulator.summary());
    assert!(simulator.running().iter().all(|task| task.task_definition == revision));
    assert_eq!(service.service_deployments[0].status, "SUCCESSFUL");
    let starts = simulator.starts.len();
    simulator.run(60);
    assert_eq!(simulator.starts.len(), starts, "steady is steady");
    assert!(simulator.tasks().all(|task| task.stop.is_none() || task.last_status == TaskStatus::Stopped));
    simulator.call(emulator::delete);
    simulator.run_until(60, |simulator| emulator::service(&simulator.state).status == "INACTIVE");
}

#[test]
fn the_rules_hold_whatever_happens() {
    for seed in 0..200 {
        play(seed, false);
    }
}

#[test]
fn a_tick_says_truly_whether_it_changed_anything() {
    for seed in 1000..1020 {
        play(seed, true);
    }
}

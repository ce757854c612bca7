//! Services that are deleted, and what is forgotten when.

use local_aws::store::task::TaskStatus;

use crate::emulator::{self, KEY, Shape};
use crate::simulator::{Fate, Simulator};

#[test]
fn a_deleted_service_drains_and_is_inactive_once_its_tasks_are_gone() {
    let mut simulator = Simulator::new(50, Shape::default(), Fate::Serves);
    simulator.run_until_steady(30);
    simulator.call(emulator::delete);
    simulator.step();
    let service = emulator::service(&simulator.state);
    assert_eq!((service.status.as_str(), service.deployments.len()), ("DRAINING", 1));
    assert!(simulator.tasks().all(|task| task.stop.is_some()));
    simulator.run_until(60, |simulator| emulator::service(&simulator.state).status == "INACTIVE");
    assert!(simulator.tasks().all(|task| task.last_status == TaskStatus::Stopped));
    let service = emulator::service(&simulator.state);
    assert!(service.deployments.is_empty() && service.service_deployments.is_empty());

    // It and its tasks are kept for an hour.
    simulator.thorough = false;
    simulator.run(3500);
    assert!(simulator.state.ecs.services.contains_key(KEY));
    assert_eq!(simulator.tasks().count(), 2);
    simulator.run(200);
    assert!(simulator.state.ecs.services.is_empty());
    assert_eq!(simulator.tasks().count(), 0);
}

#[test]
fn a_service_can_be_deleted_amid_a_rollback() {
    let mut simulator = Simulator::new(51, Shape { desired: 3, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.update(false, Fate::FailsTargetChecks);
    simulator.run(3);
    simulator.call(emulator::delete);
    let starts = simulator.starts.len();
    simulator.run_until(60, |simulator| emulator::service(&simulator.state).status == "INACTIVE");
    assert_eq!(simulator.starts.len(), starts);
}

#[test]
fn stopped_tasks_of_a_service_that_lives_on_go_after_an_hour_too() {
    let mut simulator = Simulator::new(52, Shape { desired: 1, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.update(false, Fate::Serves);
    simulator.run_until_steady(60);
    simulator.run(10);
    assert_eq!(simulator.tasks().count(), 2);
    simulator.thorough = false;
    simulator.run(3605);
    assert_eq!(simulator.tasks().count(), 1);
    assert_eq!(simulator.running().len(), 1);
}

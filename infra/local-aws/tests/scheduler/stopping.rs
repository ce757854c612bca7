//! `StopServiceDeployment`.

use local_aws::scheduler::deployments;

use crate::emulator::{self, Shape, settings};
use crate::simulator::{Fate, Simulator};

fn amid_a_deployment(desired: u32) -> (Simulator, String) {
    let mut simulator = Simulator::new(40, Shape { desired, breaker: false, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.update(false, Fate::FailsTargetChecks);
    simulator.run(3);
    let arn = emulator::service(&simulator.state).service_deployments[0].arn.clone();
    (simulator, arn)
}

fn stop(simulator: &mut Simulator, arn: &str, kind: &str) -> Result<(), &'static str> {
    let now = simulator.now;
    simulator.call(|state| deployments::stop(state, &settings(), arn, kind, now)).map_err(|error| error.code)
}

#[test]
fn rollback_goes_back_whatever_the_service_is_configured_to_do() {
    let (mut simulator, arn) = amid_a_deployment(3);
    let first = emulator::service(&simulator.state).service_revisions[1].clone();
    assert_eq!(stop(&mut simulator, &arn, "ROLLBACK"), Ok(()));
    assert_eq!(emulator::service(&simulator.state).service_deployments[0].status, "ROLLBACK_REQUESTED");
    simulator.step();
    // Asking again changes nothing.
    let _ = stop(&mut simulator, &arn, "ROLLBACK");
    simulator.run_until_steady(60);
    let service = emulator::service(&simulator.state);
    assert_eq!(service.task_definition, first.task_definition);
    let record = &service.service_deployments[0];
    assert_eq!(record.status, "ROLLBACK_SUCCESSFUL");
    assert_eq!(record.rollback.as_ref().map(|rollback| &rollback.service_revision_arn), Some(&first.arn));
    assert!(record.stopped_at.is_some() && record.finished_at.is_some());
    assert_eq!(simulator.running().len(), 3);
}

#[test]
fn abort_leaves_things_as_they_are() {
    let (mut simulator, arn) = amid_a_deployment(3);
    assert_eq!(stop(&mut simulator, &arn, "ABORT"), Ok(()));
    simulator.step();
    let starts = simulator.starts.len();
    simulator.run(60);
    let service = emulator::service(&simulator.state);
    assert_eq!((service.service_deployments[0].status.as_str(), simulator.starts.len()), ("STOPPED", starts));
    assert_eq!(service.deployments[0].rollout_state, "FAILED");
    assert_eq!(simulator.running().len(), 3, "the first revision serves on");
}

#[test]
fn a_first_deployment_can_be_stopped_but_not_rolled_back() {
    let mut simulator = Simulator::new(41, Shape { breaker: false, ..Shape::default() }, Fate::CannotStart);
    simulator.run(2);
    let arn = emulator::service(&simulator.state).service_deployments[0].arn.clone();
    assert_eq!(stop(&mut simulator, &arn, "ROLLBACK"), Ok(()));
    simulator.run(10);
    let record = &emulator::service(&simulator.state).service_deployments[0];
    assert_eq!(record.status, "ROLLBACK_FAILED");
    assert_eq!(record.status_reason.as_deref(), Some("No rollback candidate was found to run the rollback."));
}

#[test]
fn what_is_over_or_unknown_cannot_be_stopped() {
    let mut simulator = Simulator::new(42, Shape::default(), Fate::Serves);
    simulator.run_until_steady(30);
    let arn = emulator::service(&simulator.state).service_deployments[0].arn.clone();
    assert_eq!(stop(&mut simulator, &arn, "ROLLBACK"), Err("ConflictException"));
    assert_eq!(stop(&mut simulator, &arn, "PAUSE"), Err("InvalidParameterException"));
    assert_eq!(stop(&mut simulator, "arn:none", "ABORT"), Err("ServiceDeploymentNotFoundException"));
    let before = simulator.running().len();
    simulator.run(5);
    assert_eq!(simulator.running().len(), before);
}

//! Tasks that fail their checks: given up in AWS's words, but not before the grace period is over.

use local_aws::store::elb::TargetState;
use local_aws::store::task::{Health, StopCode};

use crate::emulator::{self, GROUP, Shape};
use crate::simulator::{Fate, Simulator};

#[test]
fn a_task_whose_target_is_unhealthy_is_replaced() {
    let mut simulator = Simulator::new(30, Shape::default(), Fate::Serves);
    simulator.run_until_steady(30);
    // Who has served for a while is replaced at once.
    simulator.run(15);
    let victim = simulator.running()[0].clone();
    simulator.call(|state| {
        let targets = &mut state.elb.target_groups.get_mut(GROUP).unwrap().targets;
        let target = targets.iter_mut().find(|target| Some(target.address.to_string()) == victim.private_ip).unwrap();
        target.state = TargetState::Unhealthy;
        target.description = Some("Health checks failed with these codes: [502]".into());
    });
    simulator.step();
    let stop = simulator.state.ecs.tasks[&victim.id].stop.clone().unwrap();
    assert_eq!(stop.code, StopCode::ServiceSchedulerInitiated);
    assert_eq!(stop.reason, format!("Task failed ELB health checks in (target-group {GROUP})"));
    let told = format!(
        "(service web) (task {}) (port 8080) is unhealthy in (target-group {GROUP}) due to (reason Health checks failed \
         with these codes: [502]).",
        victim.id
    );
    assert!(simulator.events().contains(&told.as_str()), "{:#?}", simulator.events());
    assert_eq!(simulator.told("Amazon ECS replaced 1 tasks due to an unhealthy status."), 1);
    assert_eq!(simulator.told(&format!("has stopped 1 running tasks: (task {}).", victim.id)), 1);
    assert_eq!(simulator.told(&format!("deregistered 1 targets in (target-group {GROUP})")), 1);
    simulator.run_until_steady(30);
    assert_eq!(simulator.running().len(), 2);
}

#[test]
fn a_task_whose_container_is_unhealthy_is_replaced() {
    let mut simulator = Simulator::new(31, Shape { checked: true, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let victim = simulator.running()[0].id.clone();
    simulator.call(|state| state.ecs.tasks.get_mut(&victim).unwrap().health = Health::Unhealthy);
    simulator.step();
    let stop = simulator.state.ecs.tasks[&victim].stop.clone().unwrap();
    assert_eq!(stop.reason, "Task failed container health checks");
    assert_eq!(simulator.told(&format!("(service web) (task {victim}) failed container health checks.")), 1);
    simulator.run_until_steady(30);
}

#[test]
fn the_grace_period_counts_from_the_start_of_the_task_and_no_longer() {
    for fate in [Fate::FailsTargetChecks, Fate::FailsContainerCheck] {
        let shape = Shape { desired: 1, grace: Some(20), breaker: false, checked: true, ..Shape::default() };
        let mut simulator = Simulator::new(32, shape, fate);
        simulator.run_until(30, |simulator| simulator.running().len() == 1);
        let (id, started) = (simulator.running()[0].id.clone(), simulator.running()[0].started_at.unwrap());
        simulator.run_until(60, |simulator| simulator.state.ecs.tasks[&id].stop.is_some());
        let lasted = simulator.now.since(started).as_millis();
        assert!((20_000..20_200).contains(&lasted), "{lasted}");
    }
}

#[test]
fn a_task_that_recovers_within_its_grace_stays() {
    let shape = Shape { desired: 1, grace: Some(30), checked: true, ..Shape::default() };
    let mut simulator = Simulator::new(33, shape, Fate::FailsContainerCheck);
    simulator.run_until(30, |simulator| simulator.running().iter().any(|task| task.health == Health::Unhealthy));
    simulator.run(5);
    assert_eq!(emulator::service(&simulator.state).deployments[0].rollout_state, "IN_PROGRESS");
    for fate in simulator.fates.values_mut() {
        *fate = Fate::Serves;
    }
    simulator.call(|state| state.ecs.tasks.values_mut().for_each(|task| task.health = Health::Healthy));
    simulator.run_until_steady(30);
    assert_eq!(simulator.tasks().count(), 1);
}

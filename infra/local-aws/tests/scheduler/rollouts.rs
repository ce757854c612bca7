//! Deployments that go well: first ones, replacements within their bounds, superseded ones, scaling, restarts.

use std::time::Duration;

use local_aws::store::task::{Stop, StopCode, TaskStatus};

use crate::emulator::{self, GROUP, Shape};
use crate::simulator::{Fate, Simulator};

/// Revisions of all tasks that run, without repetition.
fn revisions(simulator: &Simulator) -> Vec<String> {
    let mut found: Vec<_> = simulator.running().iter().map(|task| task.task_definition.clone()).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_first_deployment_tells_its_story() {
    let mut simulator = Simulator::new(1, Shape { desired: 1, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let service = emulator::service(&simulator.state);
    let id = service.deployments[0].id.clone();
    let task = simulator.running()[0].clone();
    let expected = [
        "(service web) has reached a steady state.".to_owned(),
        format!("(service web) (deployment {id}) deployment completed."),
        format!("(service web) registered 1 targets in (target-group {GROUP})"),
        format!("(service web) has started 1 tasks: (task {}).", task.id),
    ];
    assert_eq!(simulator.events(), expected);
    assert!(id.strip_prefix("ecs-svc/").is_some_and(|number| number.len() == 19));
    assert_eq!(service.deployments[0].rollout_state_reason, format!("ECS deployment {id} completed."));
    assert_eq!((task.group.as_str(), task.started_by.as_deref()), ("service:web", Some(id.as_str())));
    assert_eq!(task.network_configuration, service.network_configuration);
    assert_eq!(task.load_balancers, service.load_balancers);

    let record = &service.service_deployments[0];
    assert_eq!((record.status.as_str(), record.breaker_status.as_str()), ("SUCCESSFUL", "MONITORING_COMPLETE"));
    assert_eq!((record.source_revisions.len(), record.breaker_threshold), (0, 3));
    assert!(record.started_at.is_some() && record.finished_at.is_some());
    assert!(record.arn.starts_with("arn:aws:ecs:eu-central-1:123456789012:service-deployment/main/web/"));
    let revision = &service.service_revisions[0];
    assert_eq!((&record.target_revision, &service.deployments[0].service_revision), (&revision.arn, &revision.arn));
    assert_eq!(revision.container_images[0].image, "127.0.0.1:4566/web:1");
}

#[test]
fn a_new_revision_replaces_the_old_one_within_its_bounds() {
    let table = [(1, 100, 200), (1, 0, 100), (2, 100, 200), (2, 50, 100), (4, 50, 100), (4, 100, 125), (5, 80, 120)];
    for (desired, minimum, maximum) in table {
        for (balanced, checked) in [(true, false), (true, true), (false, true), (false, false)] {
            let shape = Shape { desired, minimum, maximum, balanced, checked, ..Shape::default() };
            let mut simulator = Simulator::new(u64::from(desired * maximum), shape, Fate::Serves);
            simulator.run_until_steady(30);
            let second = simulator.update(checked, Fate::Serves);
            simulator.run_until_steady(120);
            assert_eq!(revisions(&simulator), [second], "{shape:?}");
            assert_eq!(simulator.running().len(), desired as usize);
            assert_eq!(emulator::service(&simulator.state).deployments.len(), 1);
            let service = emulator::service(&simulator.state);
            let statuses: Vec<_> = service.service_deployments.iter().map(|record| record.status.as_str()).collect();
            assert_eq!(statuses, ["SUCCESSFUL", "SUCCESSFUL"]);
            assert_eq!(service.service_deployments[0].source_revisions, [service.service_revisions[1].arn.clone()]);
        }
    }
}

#[test]
fn bounds_that_allow_no_step_are_reported_once_and_the_old_task_serves_on() {
    let shape = Shape { desired: 1, minimum: 50, maximum: 100, ..Shape::default() };
    let mut simulator = Simulator::new(3, shape, Fate::Serves);
    simulator.run_until_steady(30);
    let first = revisions(&simulator);
    simulator.update(false, Fate::Serves);
    simulator.run(60);
    assert_eq!(revisions(&simulator), first);
    assert_eq!(simulator.told("was unable to stop or start tasks during a deployment because of the service"), 1);
    // More room, and it goes on by itself.
    simulator.call(|state| emulator::service_mut(state).deployment_configuration.maximum_percent = 200);
    simulator.run_until_steady(60);
    assert_ne!(revisions(&simulator), first);
}

#[test]
fn a_deployment_that_is_superseded_is_stopped_and_its_tasks_go_first() {
    let shape = Shape { desired: 3, breaker: false, ..Shape::default() };
    let mut simulator = Simulator::new(4, shape, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.update(false, Fate::FailsTargetChecks);
    simulator.run(4);
    let third = simulator.update(false, Fate::Serves);
    simulator.step();
    let service = emulator::service(&simulator.state);
    assert_eq!(
        service.deployments.iter().map(|one| one.status.as_str()).collect::<Vec<_>>(),
        ["PRIMARY", "ACTIVE", "ACTIVE"]
    );
    assert_eq!(service.service_deployments[1].status, "STOPPED");
    assert!(service.service_deployments[1].finished_at.is_some());
    assert_eq!(service.service_deployments[0].source_revisions.len(), 2);
    let (middle, oldest) = (service.deployments[1].id.clone(), service.deployments[2].id.clone());
    let of = |simulator: &Simulator, id: &str| {
        simulator.tasks().filter(|task| task.stop.is_none() && task.started_by.as_deref() == Some(id)).count()
    };
    assert_eq!((of(&simulator, &middle), of(&simulator, &oldest)), (0, 3));
    simulator.run_until_steady(60);
    assert_eq!(revisions(&simulator), [third]);
    assert_eq!(emulator::service(&simulator.state).deployments.len(), 1);
}

#[test]
fn scaling_amid_a_deployment_and_after_it() {
    let mut simulator = Simulator::new(5, Shape { desired: 6, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    let second = simulator.update(false, Fate::Serves);
    simulator.run(1);
    for desired in [2, 5, 0, 3] {
        simulator.call(|state| emulator::service_mut(state).desired_count = desired);
        simulator.step();
        simulator.run_until_steady(60);
        assert_eq!(simulator.running().len(), desired as usize);
    }
    assert_eq!(revisions(&simulator), [second]);
    assert_eq!(simulator.told("deployment completed."), 2, "scaling is no deployment");
    let id = emulator::service(&simulator.state).deployments[0].id.clone();
    let stopped: Vec<_> = simulator.tasks().filter_map(|task| task.stop.as_ref()).collect();
    assert!(stopped.iter().all(|stop| stop.code == StopCode::ServiceSchedulerInitiated));
    let reason = format!("Scaling activity initiated by (deployment {id})");
    assert!(stopped.iter().any(|stop| stop.reason == reason));
}

#[test]
fn a_forced_deployment_replaces_every_task_by_one_of_the_same_revision() {
    let mut simulator = Simulator::new(6, Shape::default(), Fate::Serves);
    simulator.run_until_steady(30);
    let before: Vec<_> = simulator.running().iter().map(|task| task.id.clone()).collect();
    let revision = emulator::service(&simulator.state).task_definition.clone();
    let now = simulator.now;
    simulator.call(|state| emulator::update(state, &revision, now));
    simulator.run_until_steady(60);
    assert_eq!(revisions(&simulator), [revision]);
    assert!(simulator.running().iter().all(|task| !before.contains(&task.id)));
}

#[test]
fn tags_are_propagated_as_asked() {
    for (propagate, managed, expected) in [
        ("NONE", false, vec![]),
        ("SERVICE", false, vec![("from", "service")]),
        ("TASK_DEFINITION", false, vec![("from", "definition")]),
        ("SERVICE", true, vec![("from", "service"), ("aws:ecs:clusterName", "main"), ("aws:ecs:serviceName", "web")]),
    ] {
        let mut simulator = Simulator::new(7, Shape::default(), Fate::Serves);
        simulator.call(|state| {
            emulator::service_mut(state).propagate_tags = propagate.into();
            emulator::service_mut(state).enable_ecs_managed_tags = managed;
        });
        simulator.step();
        let task = simulator.tasks().next().unwrap();
        let tags: Vec<_> = task.tags.iter().map(|tag| (tag.key.as_str(), tag.value.as_str())).collect();
        assert_eq!(tags, expected);
    }
}

#[test]
fn a_restart_after_every_step_changes_nothing() {
    let story = |restart: bool| {
        let mut simulator = Simulator::new(8, Shape { desired: 3, checked: true, ..Shape::default() }, Fate::Serves);
        let mut steps = 0;
        for fate in [Fate::Serves, Fate::ExitsAtOnce, Fate::Serves] {
            simulator.update(true, fate);
            for _ in 0..300 {
                simulator.step();
                steps += 1;
                if restart {
                    simulator.restart();
                }
            }
        }
        let ends: Vec<_> = simulator.tasks().map(|task| (task.id.clone(), task.stopped_at)).collect();
        (steps, simulator.starts.clone(), ends)
    };
    assert_eq!(story(false), story(true));
}

#[test]
fn a_task_that_served_and_crashed_is_replaced_at_once_and_one_that_never_did_later_and_later() {
    let mut simulator = Simulator::new(9, Shape { desired: 1, breaker: false, ..Shape::default() }, Fate::Serves);
    simulator.run_until_steady(30);
    simulator.run(20);
    let crash = |simulator: &mut Simulator| {
        simulator.call(|state| {
            let running = state.ecs.tasks.values_mut().find(|task| task.last_status == TaskStatus::Running).unwrap();
            running.last_status = TaskStatus::Deactivating;
            let reason = "Essential container in task exited".into();
            running.stop = Some(Stop { code: StopCode::EssentialContainerExited, reason });
        });
        simulator.step();
    };
    crash(&mut simulator);
    assert_eq!(simulator.starts.len(), 2, "{}", simulator.summary());
    simulator.run_until_steady(30);
    assert_eq!(emulator::service(&simulator.state).deployments[0].rollout_state, "COMPLETED");
    assert_eq!(simulator.told("has reached a steady state."), 2);

    // From here on nothing gets up.
    let fate = simulator.fates.values_mut().next().unwrap();
    *fate = Fate::CannotStart;
    simulator.run(20);
    crash(&mut simulator);
    simulator.run(200);
    let gaps: Vec<_> = simulator.starts[2..].windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.len() >= 6, "{gaps:?}");
    for (gap, seconds) in gaps.iter().zip([0, 2, 4, 8, 16, 32, 60, 60]) {
        assert!(*gap >= Duration::from_secs(seconds), "{gaps:?}");
    }
    assert_eq!(simulator.told("is unable to consistently start tasks successfully."), 1);
    assert_eq!(simulator.told("was unable to place a task. Reason: CannotPullContainerError: pull image"), 1);

    // Once it was well again, the same is news again.
    *simulator.fates.values_mut().next().unwrap() = Fate::Serves;
    simulator.run_until_steady(120);
    *simulator.fates.values_mut().next().unwrap() = Fate::CannotStart;
    simulator.run(20);
    crash(&mut simulator);
    simulator.run(60);
    assert_eq!(simulator.told("is unable to consistently start tasks successfully."), 2);
}

#[test]
fn a_revision_that_is_gone_is_reported_and_not_tried_all_the_time() {
    let mut simulator = Simulator::new(10, Shape::default(), Fate::Serves);
    simulator.call(|state| state.ecs.families.clear());
    simulator.run(30);
    assert_eq!(simulator.tasks().count(), 0);
    assert_eq!(simulator.told("was unable to place a task. Reason: arn:aws:ecs:"), 1);
}

#[test]
fn records_are_bounded_and_the_way_back_is_kept() {
    let shape = Shape { desired: 0, ..Shape::default() };
    let mut simulator = Simulator::new(11, shape, Fate::Serves);
    simulator.thorough = false;
    simulator.step();
    simulator.call(|state| emulator::service_mut(state).desired_count = 1);
    for _ in 0..130 {
        simulator.update(false, Fate::CannotStart);
        simulator.step();
    }
    let service = emulator::service(&simulator.state);
    assert_eq!(service.service_deployments.len(), 100);
    let good: Vec<_> = service.service_deployments.iter().filter(|record| record.status == "SUCCESSFUL").collect();
    assert_eq!(good.len(), 1);
    assert!(service.service_revisions.iter().any(|revision| revision.arn == good[0].target_revision));
    assert!(service.service_revisions.len() <= 101);
}

//! Tests: services and records, and the state of our deployment in them.

use super::super::CircuitBreaker;
use super::*;
use ServiceDeploymentStatus as Status;

const BREAKER: &str = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
const NEWER: &str = "Service deployment stopped because a newer service deployment was started.";

pub(super) fn ours() -> Ours {
    Ours {
        deployment_id: "ecs-svc/2".into(),
        revision_arn: "arn:aws:ecs:r:1:task-definition/linkbio:2".into(),
        service_deployment_arn: Some("record/2".into()),
        began: Timestamp(200.0),
    }
}

/// Returns a deployment. `(2, "PRIMARY", state)` is deployment 2, started at 200, of revision 2.
pub(super) fn deployment(number: u32, status: &str, rollout_state: RolloutState) -> Deployment {
    Deployment {
        id: format!("ecs-svc/{number}"),
        status: status.into(),
        task_definition: format!("linkbio:{number}"),
        desired_count: 2,
        rollout_state,
        created_at: Timestamp(f64::from(number) * 100.0),
        ..Deployment::default()
    }
}

pub(super) fn service(deployments: &[Deployment]) -> Service {
    Service { status: "ACTIVE".into(), desired_count: 2, deployments: deployments.to_vec(), ..Service::default() }
}

pub(super) fn record(status: Status, reason: &str) -> ServiceDeployment {
    ServiceDeployment {
        service_deployment_arn: "record/2".into(),
        status,
        status_reason: Some(reason.into()),
        created_at: Timestamp(200.0),
        ..ServiceDeployment::default()
    }
}

/// Returns the text of a poll result in the tables: the verdict's name and its details.
pub(super) fn told(look: &Look) -> String {
    let need = if look.needs_record { ", record wanted" } else { "" };
    match &look.verdict {
        Verdict::InProgress(Progress { rollback: Some(rollback), .. }) => {
            format!("lost, going back to {}{need}", rollback.to.as_deref().unwrap_or("?"))
        }
        Verdict::InProgress(progress) if progress.note.is_some() => format!("in progress, noted{need}"),
        Verdict::InProgress(_) => format!("in progress{need}"),
        Verdict::Completed => "completed".into(),
        Verdict::RolledBack { to, .. } => format!("rolled back to {}", to.as_deref().unwrap_or("?")),
        Verdict::Failed { .. } => "failed".into(),
        Verdict::Superseded { by, .. } => format!("superseded by {}", by.as_deref().unwrap_or("?")),
        Verdict::Gone => "gone".into(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "tables read better without references")]
pub(super) fn check(deployments: &[Deployment], record: Option<ServiceDeployment>, expected: &str) {
    let look = verdict(&ours(), &service(deployments), record.as_ref());
    assert_eq!(told(&look), expected, "{look:#?}");
}

#[test]
fn every_state_of_the_service_and_of_the_record() {
    use RolloutState::{Absent, Completed, Failed, InProgress, Unknown};
    let ongoing = || [deployment(2, "PRIMARY", InProgress), deployment(1, "ACTIVE", Completed)];
    let failed = || [deployment(2, "PRIMARY", Failed), deployment(1, "ACTIVE", Completed)];
    let mut returns = [deployment(1, "PRIMARY", InProgress), deployment(2, "ACTIVE", Failed)];
    returns[0].rollout_state_reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.".into();
    let old = || [deployment(1, "PRIMARY", Completed)];
    let newer = || [deployment(3, "PRIMARY", InProgress), deployment(2, "ACTIVE", InProgress)];
    let some = |status, reason| Some(record(status, reason));

    check(&ongoing(), None, "in progress");
    check(&ongoing(), some(Status::InProgress, ""), "in progress");
    check(&[deployment(2, "PRIMARY", Completed)], None, "completed");
    // The service is slightly behind its record.
    check(&ongoing(), some(Status::Successful, ""), "completed");
    // Ours completed before another deployment started.
    check(&[deployment(3, "PRIMARY", InProgress)], some(Status::Successful, ""), "completed");

    check(&failed(), None, "in progress, record wanted");
    check(&returns, None, "lost, going back to linkbio:1, record wanted");
    check(&returns, some(Status::RollbackInProgress, BREAKER), "lost, going back to linkbio:1, record wanted");
    check(&ongoing(), some(Status::RollbackRequested, ""), "lost, going back to ?");
    check(&old(), some(Status::RollbackSuccessful, BREAKER), "rolled back to linkbio:1");
    check(&old(), some(Status::RollbackFailed, NEWER), "failed");
    check(&failed(), some(Status::RollbackFailed, "No rollback candidate was found."), "failed");

    check(&newer(), None, "in progress, noted, record wanted");
    check(&newer(), some(Status::Stopped, NEWER), "superseded by ecs-svc/3");
    check(&newer(), some(Status::Stopped, ""), "superseded by ecs-svc/3");
    // The deployment that replaced ours is gone as well.
    check(&old(), some(Status::Stopped, NEWER), "superseded by ?");
    check(&failed(), some(Status::StopRequested, ""), "in progress, noted, record wanted");
    check(&failed(), some(Status::Stopped, "StopServiceDeployment was called."), "failed");

    check(&[deployment(2, "PRIMARY", Unknown)], None, "in progress, noted, record wanted");
    check(&ongoing(), some(Status::Unknown, ""), "in progress, noted");
    check(&[deployment(2, "PRIMARY", Absent)], None, "in progress, noted, record wanted");
    check(&[], None, "in progress, noted, record wanted");
}

#[test]
fn a_breaker_without_rollback_fails_even_where_somebody_deploys_at_once() {
    let mut tripped = record(Status::Stopped, "stopped because the circuit breaker threshold was exceeded.");
    tripped.deployment_circuit_breaker =
        Some(CircuitBreaker { status: "TRIGGERED".into(), failure_count: 3, threshold: 3 });
    let newer = deployment(3, "PRIMARY", RolloutState::InProgress);
    check(&[deployment(2, "PRIMARY", RolloutState::Failed)], Some(tripped.clone()), "failed");
    check(&[newer, deployment(2, "ACTIVE", RolloutState::Failed)], Some(tripped), "failed");
}

#[test]
fn a_service_that_is_deleted_meanwhile_is_gone() {
    for status in ["DRAINING", "INACTIVE"] {
        let service =
            Service { status: status.into(), ..service(&[deployment(2, "PRIMARY", RolloutState::InProgress)]) };
        assert_eq!(verdict(&ours(), &service, None).verdict, Verdict::Gone);
    }
}

#[test]
fn progress_counts_our_tasks_apart_from_the_others() {
    let mut mine = deployment(2, "PRIMARY", RolloutState::InProgress);
    (mine.running_count, mine.pending_count, mine.failed_tasks) = (1, 1, 2);
    let mut old = deployment(1, "ACTIVE", RolloutState::Completed);
    (old.running_count, old.desired_count) = (2, 2);
    let mut record = record(Status::InProgress, "");
    record.deployment_circuit_breaker =
        Some(CircuitBreaker { status: "MONITORING".into(), failure_count: 2, threshold: 3 });
    let look = verdict(&ours(), &service(&[mine, old]), Some(&record));
    let expected = Progress {
        desired: 2,
        running: 1,
        pending: 1,
        failed: 2,
        threshold: Some(3),
        others: 2,
        ..Progress::default()
    };
    assert_eq!(look.verdict, Verdict::InProgress(expected));
}

#[test]
fn a_rollback_tells_why_and_since_when() {
    let mut record = record(Status::RollbackInProgress, BREAKER);
    record.rollback = Some(super::super::Rollback { started_at: Some(Timestamp(250.0)), ..Default::default() });
    let service = service(&[deployment(1, "PRIMARY", RolloutState::InProgress)]);
    let Verdict::InProgress(progress) = verdict(&ours(), &service, Some(&record)).verdict else { panic!() };
    let expected =
        RollbackStarted { reason: BREAKER.into(), to: Some("linkbio:1".into()), began: Some(Timestamp(250.0)) };
    assert_eq!(progress.rollback, Some(expected));
}

#[test]
fn tasks_are_found_in_the_events_of_our_time() {
    let event = |at, message: &str| super::super::Event {
        created_at: Timestamp(at),
        message: message.into(),
        ..Default::default()
    };
    let mut service = service(&[]);
    service.events = vec![
        event(
            230.0,
            "(service web) has started 1 tasks: (task c3). Amazon ECS replaced 1 tasks due to an unhealthy status.",
        ),
        event(220.0, "(service web) has stopped 1 running tasks: (task zz)."),
        event(210.0, "(service web) has started 2 tasks: (task a1) (task b2)."),
        event(100.0, "(service web) has started 1 tasks: (task old)."),
    ];
    assert_eq!(started_tasks(&service, Timestamp(200.0)), ["c3", "a1", "b2"]);
}

#[test]
fn without_a_record_only_an_older_deployment_in_the_place_of_ours_is_a_rollback() {
    use RolloutState::{Completed, Failed, InProgress};
    fn check(deployments: &[Deployment], expected: Option<&str>) {
        let found = unrecorded(&ours(), &service(deployments));
        let found = found.map(|verdict| told(&Look { verdict, needs_record: false }));
        assert_eq!(found.as_deref(), expected, "{deployments:#?}");
    }
    let old = |state| deployment(1, "PRIMARY", state);
    check(&[old(Completed), deployment(2, "ACTIVE", Failed)], Some("rolled back to linkbio:1"));
    check(&[old(InProgress), deployment(2, "ACTIVE", Failed)], None);
    check(&[old(Completed), deployment(2, "ACTIVE", InProgress)], None);
    check(&[old(Completed)], None);
    check(&[deployment(3, "PRIMARY", Completed), deployment(2, "ACTIVE", Failed)], None);
    check(&[deployment(2, "PRIMARY", Failed), deployment(1, "ACTIVE", Completed)], None);
}

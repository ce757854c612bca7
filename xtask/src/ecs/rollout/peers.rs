//! Tests for bugs of other deploy tools. The numbers are those of their issue trackers.

use super::tests::{check, deployment, ours, record, service, told};
use super::*;
use RolloutState::{Completed, Failed, InProgress};
use ServiceDeploymentStatus as Status;

#[test]
fn ecspresso_732_a_rollback_is_no_success() {
    // The service finally has one completed deployment with all its tasks.
    let mut old = deployment(1, "PRIMARY", Completed);
    (old.running_count, old.desired_count) = (2, 2);
    check(&[old.clone()], None, "in progress, noted, record wanted");
    check(&[old], Some(record(Status::RollbackSuccessful, "")), "rolled back to linkbio:1");
}

#[test]
fn copilot_a_fast_rollback_is_no_success() {
    // The failed deployment started and stopped between two polls; running equals desired all the time.
    let mut service = service(&[deployment(1, "PRIMARY", Completed)]);
    (service.running_count, service.desired_count) = (2, 2);
    assert!(!matches!(verdict(&ours(), &service, None).verdict, Verdict::Completed));
}

#[test]
fn ecspresso_899_a_deployment_that_we_replaced_is_stopped_and_ours_goes_on() {
    let deployments = [deployment(2, "PRIMARY", InProgress), deployment(1, "ACTIVE", InProgress)];
    let replaced = ServiceDeployment { service_deployment_arn: "record/1".into(), ..record(Status::Stopped, "") };
    check(&deployments, Some(replaced.clone()), "in progress");
    // The same with an unknown ARN of our record.
    let ours = Ours { service_deployment_arn: None, ..ours() };
    let older = ServiceDeployment { created_at: Timestamp(100.0), ..replaced.clone() };
    for record in [older, replaced] {
        let look = verdict(&ours, &service(&deployments), Some(&record));
        assert_eq!(told(&look), "in progress");
    }
    check(&[deployment(2, "PRIMARY", Completed)], Some(record(Status::Stopped, "")), "completed");
}

#[test]
fn ecspresso_929_of_two_deployments_at_once_each_run_follows_its_own() {
    let both = [deployment(3, "PRIMARY", InProgress), deployment(2, "ACTIVE", InProgress)];
    check(&both, Some(record(Status::Stopped, "")), "superseded by ecs-svc/3");
    let other = Ours {
        deployment_id: "ecs-svc/3".into(),
        service_deployment_arn: Some("record/3".into()),
        began: Timestamp(300.0),
        ..ours()
    };
    assert_eq!(told(&verdict(&other, &service(&both), None)), "in progress");
    // Completion of another deployment implies nothing about ours.
    let done = [deployment(3, "PRIMARY", Completed)];
    check(&done, None, "in progress, noted, record wanted");
    check(&done, Some(record(Status::Stopped, "")), "superseded by ecs-svc/3");
}

#[test]
fn ecspresso_945_a_stale_deployment_of_another_run_is_not_followed() {
    // The old deployment failed long ago and still has tasks.
    check(&[deployment(2, "PRIMARY", InProgress), deployment(1, "ACTIVE", Failed)], None, "in progress");
    check(&[deployment(2, "PRIMARY", Completed), deployment(1, "ACTIVE", Failed)], None, "completed");
    let stale =
        ServiceDeployment { service_deployment_arn: "record/1".into(), ..record(Status::RollbackSuccessful, "") };
    check(&[deployment(2, "PRIMARY", InProgress)], Some(stale), "in progress");
}

#[test]
fn ecspresso_977_a_forced_deployment_of_the_same_revision_is_one_of_its_own() {
    let mut old = deployment(1, "PRIMARY", Completed);
    old.task_definition = "linkbio:2".into();
    // The service does not list ours yet: the completed one has our revision and is not ours.
    check(&[old.clone()], None, "in progress, noted, record wanted");
    old.status = "ACTIVE".into();
    check(&[deployment(2, "PRIMARY", InProgress), old], None, "in progress");
}

#[test]
fn a_service_scaled_in_amid_a_rollout_is_not_taken_for_done() {
    let mut mine = deployment(2, "PRIMARY", InProgress);
    (mine.desired_count, mine.running_count) = (1, 1);
    check(&[mine.clone()], None, "in progress");
    // copilot 1879: users set the count to 0 to stop a rollout. ECS decides on the result.
    (mine.desired_count, mine.running_count) = (0, 0);
    check(&[mine.clone()], None, "in progress");
    mine.rollout_state = Completed;
    check(&[mine], None, "completed");
}

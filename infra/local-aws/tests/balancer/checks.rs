//! Health checks and what follows from them.

use local_aws::store::elb::TargetState;

use crate::backend::Backend;
use crate::client::{self, Client};
use crate::stage::{Stage, free_port};

fn described(stage: &Stage, backend: &Backend) -> (TargetState, Option<String>, Option<String>) {
    let target = stage.target(backend.address).unwrap();
    (target.state, target.reason, target.description)
}

fn unhealthy(reason: &str, description: &str) -> (TargetState, Option<String>, Option<String>) {
    (TargetState::Unhealthy, Some(reason.into()), Some(description.into()))
}

#[test]
fn one_pass_makes_a_new_target_healthy_and_failures_in_a_row_are_told_in_awss_words() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    assert_eq!(backend.checks(), 1);
    backend.set_health(502);
    stage.wait_for(backend.address, TargetState::Unhealthy);
    let told = unhealthy("Target.ResponseCodeMismatch", "Health checks failed with these codes: [502]");
    assert_eq!(described(&stage, &backend), told);
    backend.set_health(0);
    let told = unhealthy("Target.FailedHealthChecks", "Health checks failed");
    stage.wait("another reason", || described(&stage, &backend) == told);
    backend.set_health(200);
    let checks = backend.checks();
    stage.wait_for(backend.address, TargetState::Healthy);
    assert!(backend.checks() >= checks + 2, "two passes make it healthy again");
    assert_eq!(described(&stage, &backend), (TargetState::Healthy, None, None));
}

#[test]
fn a_target_that_takes_too_long_has_timed_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stage = Stage::with(&[]);
    stage.group(|group| group.health_check.timeout_seconds = 1);
    let address = silent.local_addr().unwrap();
    stage.register(address);
    stage.wait_for(address, TargetState::Unhealthy);
    let target = stage.target(address).unwrap();
    assert_eq!(target.reason.as_deref(), Some("Target.Timeout"));
    assert_eq!(target.description.as_deref(), Some("Request timed out"));
}

#[test]
fn a_target_where_nothing_listens_is_initial_and_then_unhealthy() {
    let stage = Stage::with(&[]);
    let unused = free_port();
    stage.register(unused);
    stage.wait("the first check", || {
        stage.target(unused).unwrap().reason.as_deref() == Some("Elb.InitialHealthChecking")
    });
    assert_eq!(stage.target(unused).unwrap().state, TargetState::Initial);
    stage.wait_for(unused, TargetState::Unhealthy);
    assert_eq!(stage.target(unused).unwrap().reason.as_deref(), Some("Target.FailedHealthChecks"));
}

#[test]
fn unhealthy_targets_get_requests_only_where_none_is_healthy() {
    let (good, bad) = (Backend::plain(), Backend::plain());
    bad.set_health(503);
    let stage = Stage::with(&[&good]);
    stage.register(bad.address);
    stage.wait_for(bad.address, TargetState::Unhealthy);
    let mut client = Client::connect(stage.address);
    for _ in 0..10 {
        assert_eq!(client.get("/").unwrap().text(), good.address.to_string());
    }
    assert!(bad.seen().is_empty());
    good.set_health(500);
    stage.wait_for(good.address, TargetState::Unhealthy);
    stage.wait("requests to both", || {
        assert_eq!(client::get(stage.address, "/").status(), 200);
        !bad.seen().is_empty()
    });
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let backend = Backend::plain();
    let stage = Stage::with(&[&backend]);
    let changes = *stage.emulator.store.changes().borrow();
    let checks = backend.checks();
    stage.wait("three more checks", || backend.checks() >= checks + 3);
    assert_eq!(*stage.emulator.store.changes().borrow(), changes);
}

#[test]
fn a_target_group_without_a_load_balancer_is_not_checked() {
    let backend = Backend::plain();
    let stage = Stage::with(&[]);
    stage.emulator.store.write(|state| {
        state.elb.load_balancers.get_mut(&stage.load_balancer).unwrap().listener = None;
    });
    stage.wait("the listener to go", || std::net::TcpStream::connect(stage.address).is_err());
    stage.register(backend.address);
    stage.deregister(backend.address);
    stage.wait_until_gone(backend.address);
    assert_eq!(backend.checks(), 0);
}

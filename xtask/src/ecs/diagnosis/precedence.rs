//! Tests: the root cause takes precedence over its consequences, evidence is complete and bounded, no secret is quoted.

use super::fixtures::{EXITED, NOT_STARTED, Scenario, check};
use super::{CauseId, Evidence, Output, diagnose};
use crate::ecs::{ContainerDefinition, Variable, View};

#[test]
fn the_app_that_died_wins_over_the_nginx_that_was_killed() {
    let died = || Scenario::new().stopped(EXITED.0, EXITED.1).codes(1, 137).wrote("app", "ValueError: boom");
    check(&died(), CauseId::ExitsAtStart, "app", "boom");
    // nginx reports its missing upstream.
    check(
        &died().wrote("nginx", "2026/01/01 12:00:00 [emerg] 1#1: host not found in upstream \"app\""),
        CauseId::ExitsAtStart,
        "app",
        "boom",
    );
}

#[test]
fn tasks_win_over_targets_events_and_the_breaker() {
    let scenario = Scenario::new()
        .stopped(EXITED.0, EXITED.1)
        .codes(1, 0)
        .wrote("app", "ValueError: boom")
        .target("Target.Timeout", "Request timed out")
        .event("(deployment ecs-svc/1) deployment failed: tasks failed to start.")
        .event("rolling back to deployment ecs-svc/0.");
    check(&scenario, CauseId::ExitsAtStart, "app", "boom");
    let scenario = Scenario::new()
        .running()
        .target("Target.ResponseCodeMismatch", "Health checks failed with these codes: [301]")
        .event("(deployment ecs-svc/1) deployment failed: tasks failed to start.");
    check(&scenario, CauseId::HealthPathRedirects, "nginx", "301");
}

#[test]
fn tasks_that_were_only_replaced_are_no_evidence() {
    let scenario = Scenario::new()
        .stopped(EXITED.0, EXITED.1)
        .codes(3, 0)
        .stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)")
        .codes(1, 0);
    check(&scenario, CauseId::ExitsAtStart, "app", "exit code 3");
    let scenario = Scenario::new()
        .stopped("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)")
        .codes(1, 0);
    check(&scenario, CauseId::Unknown, "", "");
}

#[test]
fn of_tasks_that_fail_alike_the_newest_is_shown() {
    let one = |scenario: Scenario, text: &str| scenario.stopped(EXITED.0, EXITED.1).codes(1, 0).wrote("app", text);
    let scenario = one(one(Scenario::new(), "ValueError: first"), "ValueError: second");
    check(&scenario, CauseId::ExitsAtStart, "app", "second");
    let scenario = scenario.stopped("UserInitiated", "Task stopped by user");
    check(&scenario, CauseId::ExitsAtStart, "app", "second");
}

#[test]
fn a_dependency_that_ended_wins_over_the_container_that_waits_for_it() {
    let waits = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [app(app:1) - Exit: 3] for target [nginx(nginx:1)] as dependency stopped before it became healthy";
    let mut scenario = Scenario::new().stopped(NOT_STARTED, "Task failed to start").codes(3, 0).reason("nginx", waits);
    check(&scenario, CauseId::ExitsAtStart, "app", "exit code 3");
    scenario =
        Scenario::new().stopped(NOT_STARTED, "Task failed to start").reason("nginx", waits).health("app", "UNHEALTHY");
    check(&scenario, CauseId::ContainerUnhealthy, "app", "");
}

#[test]
fn an_output_that_explains_a_failing_check_wins_over_the_check() {
    let database =
        "django.db.utils.OperationalError: connection to server at \"db\", port 5432 failed: timeout expired";
    let scenario =
        Scenario::new().running().target("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]");
    check(&scenario.wrote("app", database), CauseId::DatabaseUnreachable, "app", "5432");
    let unhealthy = Scenario::new()
        .stopped("ServiceSchedulerInitiated", "Task failed container health checks")
        .health("app", "UNHEALTHY");
    check(&unhealthy.wrote("app", "Invalid HTTP_HOST header: '10.0.1.5'"), CauseId::HostNotAllowed, "app", "");
}

#[test]
fn evidence_is_quoted_facts_first_output_last_and_bounded() {
    let text: String = (1..=50).map(|number| format!("line {number}\n")).collect();
    let scenario = Scenario::new()
        .stopped(EXITED.0, EXITED.1)
        .codes(1, 0)
        .wrote("app", &text)
        .target("Target.Timeout", "Request timed out")
        .event("has stopped 1 running tasks: (task task1).");
    let evidence = scenario.cause().evidence;
    let facts = [
        "task task1 stopped: EssentialContainerExited: Essential container in task exited",
        "container `app`: exit code 1",
        "container `nginx`: exit code 0",
        "target 10.0.1.5:8080 is unhealthy: Target.Timeout, Request timed out",
        "event: (service linkbio) has stopped 1 running tasks: (task task1).",
    ];
    assert_eq!(evidence[..5], facts);
    assert_eq!((evidence.len(), evidence[5].as_str(), evidence[34].as_str()), (35, "app | line 21", "app | line 50"));
    let silent = Scenario::new().stopped(EXITED.0, EXITED.1).codes(1, 0).cause().evidence;
    assert_eq!(silent.last().unwrap(), "container `app` wrote nothing that was found");
}

#[test]
fn where_nothing_explains_it_everything_is_shown() {
    let scenario = Scenario::new().running().wrote("app", "up").wrote("nginx", "up too").event("something new.");
    let cause = scenario.cause();
    assert_eq!(cause.id, CauseId::Unknown);
    for part in ["task task1 is RUNNING", "health UNKNOWN", "something new", "app | up", "nginx | up too"] {
        assert!(cause.evidence.iter().any(|fact| fact.contains(part)), "{part}: {cause:#?}");
    }
}

#[test]
fn values_of_variables_are_never_quoted() {
    let variable = Variable { name: "SECRET_KEY".into(), value: "hunter2".into() };
    let container =
        ContainerDefinition { name: "app".into(), environment: vec![variable], ..ContainerDefinition::default() };
    let view = View { container_definitions: vec![container], ..View::default() };
    let lines = Output::new();
    for refusal in ["unknown", "invalid parameters: from ssm secret", "OutOfMemoryError", "exec format error"] {
        let cause = diagnose(&Evidence {
            environment: "staging",
            definition: Some(&view),
            tasks: &[],
            lines: &lines,
            targets: &[],
            events: &[],
            probe: None,
            release_phase: None,
            refusal: Some(refusal),
        });
        assert!(!serde_json::to_string(&cause).unwrap().contains("hunter2"));
    }
}

#[test]
fn json_has_the_documented_members() {
    let json = serde_json::to_value(Scenario::new().stopped(EXITED.0, EXITED.1).codes(1, 0).cause()).unwrap();
    let names: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "message", "evidence", "next", "failing_container"]);
    assert_eq!(json["id"], "exits-at-start");
}

//! Each cause from realistic evidence, and which one wins where several are seen.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::ecs::Container;

struct Case {
    stop_code: &'static str,
    reason: &'static str,
    containers: Vec<Container>,
    lines: Vec<(&'static str, &'static str)>,
    target: Option<(&'static str, &'static str)>,
    event: Option<&'static str>,
    running: bool,
}

fn case(stop_code: &'static str, reason: &'static str) -> Case {
    Case { stop_code, reason, containers: Vec::new(), lines: Vec::new(), target: None, event: None, running: false }
}

impl Case {
    fn container(mut self, name: &str, exit_code: Option<i64>, health: &str, reason: Option<&str>) -> Case {
        let last_status = if exit_code.is_some() {
            "STOPPED"
        } else if health.is_empty() {
            "PENDING"
        } else {
            "RUNNING"
        };
        self.containers.push(Container {
            name: name.to_owned(),
            exit_code,
            last_status: last_status.to_owned(),
            health_status: if health.is_empty() { "UNKNOWN" } else { health }.to_owned(),
            reason: reason.map(str::to_owned),
            ..Container::default()
        });
        self
    }

    fn line(mut self, container: &'static str, line: &'static str) -> Case {
        self.lines.push((container, line));
        self
    }

    fn cause(self) -> Cause {
        let document = json!({"family": "shop", "containerDefinitions": [
            {"name": "app", "essential": true},
            {"name": "nginx", "essential": true, "portMappings": [{"containerPort": 8080}],
             "dependsOn": [{"containerName": "app", "condition": "HEALTHY"}]},
        ]});
        let definition = TaskDefinition::from_document(document.as_object().unwrap().clone()).unwrap();
        let task = Task {
            task_arn: "arn:aws:ecs:r:1:task/c/0123456789".to_owned(),
            last_status: if self.running { "RUNNING" } else { "STOPPED" }.to_owned(),
            stop_code: Some(self.stop_code.to_owned()).filter(|code| !code.is_empty()),
            stopped_reason: Some(self.reason.to_owned()).filter(|reason| !reason.is_empty()),
            containers: self.containers,
            ..Task::default()
        };
        let mut lines: BTreeMap<(String, String), Vec<LogLine>> = BTreeMap::new();
        for (container, line) in self.lines {
            let line = LogLine { message: line.to_owned(), ..LogLine::default() };
            lines.entry((task.id().to_owned(), container.to_owned())).or_default().push(line);
        }
        let target = self.target.map(|(reason, description)| TargetHealth {
            address: "10.0.0.1".to_owned(),
            port: 8080,
            state: "unhealthy".to_owned(),
            reason: Some(reason.to_owned()),
            description: Some(description.to_owned()),
        });
        let event = self.event.map(|message| Event { message: message.to_owned(), ..Event::default() });
        diagnose(&Evidence {
            definition: Some(&definition),
            tasks: vec![task],
            lines,
            targets: target.into_iter().collect(),
            events: event.into_iter().collect(),
            probe: Some(HealthProbe { path: "/healthz/live".to_owned(), matcher: "200".to_owned() }),
        })
    }
}

fn check(case: Case, id: &str, words: &str) {
    let cause = case.cause();
    assert_eq!(cause.id.as_str(), id, "{cause:#?}");
    assert!(cause.message.contains(words), "{cause:#?}");
    assert!(!cause.next.is_empty() && !cause.evidence.is_empty(), "{cause:#?}");
}

const FAILED: &str = "TaskFailedToStart";
const EXITED: &str = "EssentialContainerExited";
const ESSENTIAL: &str = "Essential container in task exited";

#[test]
fn what_keeps_a_task_from_starting() {
    let of = |reason| case(FAILED, reason);
    check(
        of(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref h/app@sha256:1: not found",
        ),
        "image-not-found",
        "no such image",
    );
    check(
        of(
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
        ),
        "exec-format-error",
        "another platform",
    );
    check(
        of(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): pulling from host failed with status code 403 Forbidden",
        ),
        "no-permission-to-pull",
        "refuses",
    );
    check(
        of("CannotPullContainerError: ref pull has been retried 5 time(s): dial tcp 10.0.0.1:443: i/o timeout"),
        "subnet",
        "cannot reach the registry",
    );
    check(
        of("CannotPullContainerError: failed to extract layer: write /x: no space left on device"),
        "disk-full",
        "does not fit",
    );
    check(
        of(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /shop/KEY",
        ),
        "secret-missing",
        "/shop/KEY",
    );
    check(
        of(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        ),
        "secret-missing",
        "does not exist",
    );
    check(
        of(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key password",
        ),
        "secret-key-missing",
        "no key",
    );
    check(
        of(
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn from secrets manager: AccessDeniedException: no",
        ),
        "secret-denied",
        "may not read",
    );
    check(
        of(
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve registry auth: context deadline exceeded",
        ),
        "subnet",
        "cannot reach",
    );
    check(
        of(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1",
        ),
        "log-group-missing",
        "log group",
    );
    check(
        of(
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"fs-1.efs.r.amazonaws.com\"",
        ),
        "volume",
        "file system",
    );
    check(of("Timeout waiting for network interface provisioning to complete."), "subnet", "network interface");
    check(
        of("Capacity is unavailable at this time. Please try again later or in a different availability zone"),
        "capacity",
        "no room",
    );
    check(case("SpotInterruption", "Your Spot Task was interrupted."), "spot-interruption", "Spot");
    check(case("UserInitiated", "Task stopped by user"), "user-stopped", "somebody");
    let pair = of_refusal("No Fargate configuration exists for given values: 256 CPU, 4096 memory").unwrap();
    assert_eq!(pair.id, CauseId::CpuMemoryPairInvalid);
    assert!(of_refusal("something else").is_none());
}

#[test]
fn how_a_container_ended() {
    let of =
        |code| case(EXITED, ESSENTIAL).container("app", Some(code), "UNKNOWN", None).container("nginx", None, "", None);
    let broken = of(1)
        .line("app", "Traceback (most recent call last):")
        .line("app", "  File \"wsgi.py\", line 1, in <module>")
        .line("app", "ModuleNotFoundError: No module named 'nowhere'");
    check(broken, "exits-at-start", "No module named 'nowhere'");
    check(of(127), "command-not-found", "does not exist");
    check(of(126), "permission-denied", "executed");
    check(of(137), "killed", "137");
    check(of(1).line("app", "exec /app/start.sh: exec format error"), "exec-format-error", "another machine");
    check(of(1).line("app", "OSError: [Errno 30] Read-only file system: '/x'"), "read-only-file-system", "read-only");
    check(of(1).line("app", "OSError: [Errno 28] No space left on device"), "disk-full", "disk");
    let memory = "OutOfMemoryError: Container killed due to memory usage";
    let killed = case(EXITED, ESSENTIAL).container("app", Some(137), "UNKNOWN", Some(memory));
    check(killed, "out-of-memory", "more memory");
    let created = "CannotStartContainerError: exec: \"nowhere\": executable file not found in $PATH";
    check(
        case(FAILED, "Task failed to start").container("app", None, "", Some(created)),
        "command-not-found",
        "does not exist",
    );
}

#[test]
fn what_health_checks_say() {
    let of = |reason, description| Case { target: Some((reason, description)), running: true, ..case("", "") };
    let mismatch = "Target.ResponseCodeMismatch";
    check(of(mismatch, "Health checks failed with these codes: [404]"), "health-check-failing", "gets 404");
    check(of(mismatch, "Health checks failed with these codes: [301]"), "health-path-redirects", "gets 301");
    check(of(mismatch, "Health checks failed with these codes: [400]"), "host-not-allowed", "`/healthz/live`");
    check(of("Target.Timeout", "Request timed out"), "health-check-timeout", "in time");
    check(of("Target.FailedHealthChecks", "Health checks failed"), "port-not-listening", "nobody answers");
    // The target is gone already: the event remembers.
    let event = "(service shop) (task 0123) (port 8080) is unhealthy in (target-group arn) due to (reason Health checks failed with these codes: [503]).";
    let stopped = case("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn)");
    check(Case { event: Some(event), ..stopped }, "health-check-failing", "gets 503");
    let unhealthy = case("ServiceSchedulerInitiated", "Task failed container health checks");
    check(unhealthy.container("app", Some(143), "UNHEALTHY", None), "container-unhealthy", "`app`");
    let waiting = Case { running: true, ..case("", "") }
        .container("app", None, "UNKNOWN", None)
        .container("nginx", None, "", None);
    check(waiting.line("app", "waiting for a database"), "dependency-failed", "waiting for a database");
}

#[test]
fn a_root_cause_wins_over_what_follows_from_it() {
    // nginx was ended because the app died; the balancer complains of the port that nobody serves any more.
    let of = case(EXITED, ESSENTIAL)
        .container("nginx", Some(143), "UNHEALTHY", None)
        .container("app", Some(3), "UNKNOWN", None)
        .line("app", "ValueError: bad setting")
        .line("nginx", "connect() failed (111: Connection refused)");
    let cause = Case {
        target: Some(("Target.FailedHealthChecks", "Health checks failed")),
        event: Some("(service shop) rolling back to deployment ecs-svc/1."),
        ..of
    }
    .cause();
    assert_eq!((cause.id, cause.culprit.as_deref()), (CauseId::ExitsAtStart, Some("app")), "{cause:#?}");
    assert!(cause.evidence.iter().any(|line| line.contains("ValueError")), "{cause:#?}");
    assert!(!cause.evidence.iter().any(|line| line.contains("Connection refused")), "{cause:#?}");
    // Nothing but the breaker is known.
    let event = "(service shop) (deployment ecs-svc/2) deployment failed: tasks failed to start. rolling back";
    let only =
        Case { event: Some(event), ..case("ServiceSchedulerInitiated", "Scaling activity initiated by deployment") };
    check(only, "circuit-breaker-rolled-back", "by itself");
    check(case("", ""), "unknown", "says why");
}

#[test]
fn the_release_phase_has_a_cause_of_its_own_where_its_command_failed() {
    let failed = || {
        case(EXITED, ESSENTIAL).container("app", Some(9), "UNKNOWN", None).line("app", "column does not exist").cause()
    };
    let cause = failed().of_release_phase("migrate");
    assert_eq!(cause.id, CauseId::MigrationFailed);
    assert!(cause.message.contains("`migrate`") && cause.message.contains("column does not exist"), "{cause:#?}");
    let secret =
        case(FAILED, "ResourceInitializationError: invalid parameters: /x").cause().of_release_phase("migrate");
    assert_eq!(secret.id, CauseId::SecretMissing);
}

#[test]
fn only_what_no_retry_mends_is_hopeless() {
    let task = |reason: &str| Task { stopped_reason: Some(reason.to_owned()), ..Task::default() };
    assert_eq!(is_hopeless(&task("CannotPullContainerError: x: not found")), Some(CauseId::ImageNotFound));
    assert_eq!(is_hopeless(&task("invalid parameters: /x")), Some(CauseId::SecretMissing));
    assert_eq!(is_hopeless(&task("Capacity is unavailable at this time")), None);
    assert_eq!(is_hopeless(&task(ESSENTIAL)), None);
}

#[test]
fn the_guide_explains_every_cause() {
    let guide = include_str!("../../../../docs/guide/causes.md");
    for id in CauseId::ALL {
        assert!(guide.contains(&format!("| `{id}` |")), "docs/guide/causes.md has no row for `{id}`");
    }
}

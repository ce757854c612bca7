//! Tests of each cause with realistic evidence, in the messages of AWS and of the emulator.

use super::CauseId;
use super::fixtures::{EXITED, NOT_STARTED, Scenario, check};

const INIT: &str =
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: ";

fn not_started(reason: &str) -> Scenario {
    Scenario::new().stopped(NOT_STARTED, reason)
}

#[test]
fn tasks_that_never_start() {
    let pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s): ";
    let missing =
        format!("{pull}failed to resolve ref registry/linkbio/nginx:v1: registry/linkbio/nginx:v1: not found");
    check(&not_started(&missing), CauseId::ImageNotFound, "nginx", "registry/linkbio/nginx:v1");
    let platform = format!("{pull}image Manifest does not contain descriptor matching platform 'linux/amd64'");
    let scenario = not_started(&platform).reason("app", &platform);
    check(&scenario, CauseId::ExecFormatError, "app", "another one: CannotPull");
    check(
        &not_started(&format!(
            "{INIT}unable to retrieve ecr registry auth: AccessDeniedException: not authorized to perform: ecr:GetAuthorizationToken"
        )),
        CauseId::NoPermissionToPull,
        "",
        "execution role",
    );
    check(
        &not_started(&format!(
            "{INIT}unable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /linkbio/key"
        )),
        CauseId::SecretMissing,
        "",
        "/linkbio/key",
    );
    check(
        &not_started(&format!(
            "{INIT}unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key password"
        )),
        CauseId::SecretKeyMissing,
        "",
        "json key password",
    );
    check(
        &not_started(&format!(
            "{INIT}unable to retrieve secrets from ssm: AccessDeniedException: not authorized to perform: ssm:GetParameters"
        )),
        CauseId::SecretDenied,
        "",
        "may not read",
    );
    check(
        &not_started(
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1",
        ),
        CauseId::LogGroupMissing,
        "",
        "log group",
    );
    check(
        &not_started(
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: x : unsuccessful EFS utils command execution; code: 1",
        ),
        CauseId::Volume,
        "",
        "volume",
    );
    check(
        &not_started("Timeout waiting for network interface provisioning to complete."),
        CauseId::Subnet,
        "",
        "network",
    );
    check(
        &not_started(&format!("{pull}unexpected status code 429 Too Many Requests: toomanyrequests")),
        CauseId::PullFailed,
        "",
        "may pass",
    );
    check(
        &not_started(&format!("{pull}failed to extract layer: no space left on device")),
        CauseId::DiskFull,
        "",
        "full",
    );
    let start = |reason| Scenario::new().stopped(NOT_STARTED, "Task failed to start").reason("app", reason);
    check(
        &start("CannotStartContainerError: exec: \"gunicorn\": executable file not found in $PATH: unknown"),
        CauseId::CommandNotFound,
        "app",
        "gunicorn",
    );
    check(
        &start("CannotStartContainerError: exec: \"/app/run.sh\": permission denied: unknown"),
        CauseId::PermissionDenied,
        "app",
        "may not be executed",
    );
    check(
        &start("CannotCreateContainerError: Error response from daemon: invalid mount config"),
        CauseId::ContainerNotStarted,
        "app",
        "invalid mount config",
    );
    let waits = "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [app(app:1)] for target [nginx(nginx:1)] as dependency did not resolve within 30 seconds";
    let scenario = Scenario::new().stopped(NOT_STARTED, "Task failed to start").reason("nginx", waits);
    check(&scenario, CauseId::DependencyFailed, "app", "never got ready");
}

#[test]
fn containers_that_end() {
    let exited = || Scenario::new().stopped(EXITED.0, EXITED.1);
    let traceback = "Traceback (most recent call last):\n  File \"/app/config/wsgi.py\", line 3, in <module>\nModuleNotFoundError: No module named 'x'";
    check(
        &exited().codes(22, 0).wrote("app", traceback),
        CauseId::ExitsAtStart,
        "app",
        "exit code 22: ModuleNotFoundError: No module named 'x'",
    );
    check(&exited().codes(0, 143), CauseId::ExitsAtStart, "app", "exit code 0");
    check(
        &exited().codes(255, 0).wrote("app", "exec /app/scripts/entrypoint.sh: exec format error"),
        CauseId::ExecFormatError,
        "app",
        "exec format error",
    );
    check(
        &exited().codes(137, 0).reason("app", "OutOfMemoryError: Container killed due to memory usage"),
        CauseId::OutOfMemory,
        "app",
        "the task's 512 MiB",
    );
    check(&exited().codes(137, 0), CauseId::Killed, "app", "137");
    check(
        &exited().codes(127, 0).wrote("app", "sh: 1: gunicorn: not found"),
        CauseId::CommandNotFound,
        "app",
        "gunicorn: not found",
    );
    check(
        &exited().codes(126, 0).wrote("app", "sh: 1: ./run.sh: Permission denied"),
        CauseId::PermissionDenied,
        "app",
        "Permission denied",
    );
    check(
        &exited().codes(1, 0).wrote("app", "OSError: [Errno 30] Read-only file system: '/app/media'"),
        CauseId::ReadOnlyFileSystem,
        "app",
        "/app/media",
    );
    check(
        &exited().codes(1, 0).wrote("app", "OSError: [Errno 28] No space left on device"),
        CauseId::DiskFull,
        "app",
        "full",
    );
    check(
        &exited().codes(1, 0).wrote(
            "app",
            "django.db.utils.OperationalError: connection to server at \"db\", port 5432 failed: Connection refused",
        ),
        CauseId::DatabaseUnreachable,
        "app",
        "port 5432",
    );
    check(
        &exited().codes(0, 1).wrote("nginx", "2026/01/01 12:00:00 [emerg] 1#1: unknown directive \"lsten\""),
        CauseId::ExitsAtStart,
        "nginx",
        "unknown directive",
    );
    check(
        &exited().codes(1, 0).wrote("app", "CommandError: Conflicting migrations detected").release_phase(),
        CauseId::MigrationFailed,
        "app",
        "exit code 1 in container `app`: CommandError",
    );
    check(
        &Scenario::new().stopped("SpotInterruption", "Your Spot Task was interrupted.").codes(143, 0),
        CauseId::SpotInterruption,
        "",
        "Spot",
    );
    check(
        &Scenario::new().stopped("UserInitiated", "Task stopped by user").codes(143, 0),
        CauseId::UserStopped,
        "",
        "Task stopped by user",
    );
}

#[test]
fn tasks_that_fail_their_checks() {
    let stopped = || {
        Scenario::new()
            .stopped("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group arn:x)")
            .codes(143, 0)
    };
    let told = |description: &str| {
        stopped().event(&format!(
            "(task task1) (port 8080) is unhealthy in (target-group arn:x) due to (reason {description})."
        ))
    };
    let codes = |code: u16| format!("Health checks failed with these codes: [{code}]");
    check(
        &told(&codes(301)),
        CauseId::HealthPathRedirects,
        "nginx",
        "`/healthz` is answered with a redirect (301), and 200",
    );
    check(&told(&codes(302)), CauseId::HealthPathRedirects, "nginx", "(302)");
    check(&told(&codes(400)), CauseId::HostNotAllowed, "nginx", "answered with 400");
    let refused = "django.core.exceptions.DisallowedHost: Invalid HTTP_HOST header: '10.0.1.5:8080'. You may need to add '10.0.1.5' to ALLOWED_HOSTS.";
    check(&told(&codes(400)).wrote("app", refused), CauseId::HostNotAllowed, "app", "Django refuses");
    check(&told(&codes(404)), CauseId::HealthCheckFailing, "nginx", "answered with 404");
    check(
        &told(&codes(500)).wrote("app", "KeyError: 'x'"),
        CauseId::HealthCheckFailing,
        "app",
        "500, and 200 was expected: KeyError",
    );
    check(&told(&codes(502)), CauseId::HealthCheckFailing, "app", "502");
    check(&told("Health checks failed"), CauseId::PortNotListening, "nginx", "8080");
    check(&told("Request timed out"), CauseId::HealthCheckTimeout, "nginx", "no answer in time");
    check(&stopped(), CauseId::HealthCheckFailing, "", "fails");
    // While tasks run, the targets show the reason.
    let runs = || Scenario::new().running();
    check(&runs().target("Target.ResponseCodeMismatch", &codes(503)), CauseId::HealthCheckFailing, "app", "503");
    check(&runs().target("Target.Timeout", "Request timed out"), CauseId::HealthCheckTimeout, "nginx", "");
    check(&runs().target("Target.FailedHealthChecks", "Health checks failed"), CauseId::PortNotListening, "nginx", "");
    let unhealthy = Scenario::new()
        .stopped("ServiceSchedulerInitiated", "Task failed container health checks")
        .health("app", "UNHEALTHY");
    check(&unhealthy, CauseId::ContainerUnhealthy, "app", "its own health check");
    check(&runs().health("app", "UNHEALTHY"), CauseId::ContainerUnhealthy, "app", "");
}

#[test]
fn what_no_task_shows() {
    check(
        &Scenario::new()
            .refused("ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory."),
        CauseId::CpuMemoryPairInvalid,
        "",
        "256 CPU",
    );
    check(&Scenario::new().refused("ServerException: something"), CauseId::Unknown, "", "");
    check(&Scenario::new().event("was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone."), CauseId::Capacity, "", "Capacity is unavailable");
    check(&Scenario::new().event("failed to launch a task with (error ECS was unable to assume the role 'arn:x' that was provided for this task.)."), CauseId::RoleNotAssumable, "", "role");
    check(
        &Scenario::new().event("(deployment ecs-svc/1) deployment failed: tasks failed to start."),
        CauseId::CircuitBreakerRolledBack,
        "",
        "again and again",
    );
    check(&Scenario::new().event("has started 1 tasks: (task a)."), CauseId::Unknown, "", "all of it is below");
    check(&Scenario::new(), CauseId::Unknown, "", "");
}

#[test]
fn permanent_failures() {
    let of = |scenario: Scenario| scenario.permanent_failure();
    let pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s): ";
    assert_eq!(of(not_started(&format!("{pull}failed to resolve ref x: x: not found"))), Some(CauseId::ImageNotFound));
    assert_eq!(
        of(not_started(&format!("{pull}image Manifest does not contain descriptor matching platform 'linux/amd64'"))),
        Some(CauseId::ExecFormatError)
    );
    assert_eq!(
        of(not_started(&format!("{INIT}unable to retrieve secrets from ssm: invalid parameters: /x"))),
        Some(CauseId::SecretMissing)
    );
    assert_eq!(of(Scenario::new().stopped(EXITED.0, EXITED.1).codes(0, 127)), Some(CauseId::CommandNotFound));
    // IAM may not have propagated a new permission yet; a second task without it proves that it is missing.
    let denied = format!("{INIT}unable to retrieve secrets from ssm: AccessDeniedException: x");
    assert_eq!(of(not_started(&denied)), None);
    assert_eq!(of(not_started(&denied).stopped("TaskFailedToStart", &denied)), Some(CauseId::SecretDenied));
    // These may succeed the next time.
    assert_eq!(of(not_started(&format!("{pull}toomanyrequests"))), None);
    assert_eq!(of(not_started("Timeout waiting for network interface provisioning to complete.")), None);
    assert_eq!(of(Scenario::new().stopped(EXITED.0, EXITED.1).codes(1, 0)), None);
    assert_eq!(
        of(Scenario::new().stopped("ServiceSchedulerInitiated", "Task failed container health checks").codes(127, 0)),
        None
    );
    assert_eq!(of(Scenario::new().running()), None);
}

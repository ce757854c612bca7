//! The next steps for a cause: exact commands and settings, in the order in which to try them.

use super::{CauseId, Evidence, Finding};

/// Returns the steps.
pub(super) fn steps(finding: &Finding<'_>, evidence: &Evidence<'_>) -> Vec<String> {
    let environment = evidence.environment;
    let file = format!("`infra/environments/{environment}.toml`");
    let deploy = format!("`cargo xtask deploy --env {environment}`");
    let role = role(evidence);
    let logs = logs(finding, environment);
    match finding.id {
        CauseId::CpuMemoryPairInvalid => vec![
            format!("set `cpu` and `memory` under `[task]` in {file} to a pair that Fargate has, such as 512 and 1024"),
        ],
        CauseId::RoleNotAssumable => vec![
            "let `ecs-tasks.amazonaws.com` assume the execution role and the task role: their trust policies say who may".into(),
        ],
        CauseId::ExecFormatError => vec![
            "`cargo xtask build` proves the platform of every image and names what is foreign".into(),
            "`runtimePlatform.cpuArchitecture` in `infra/task-definition.json` and `platform` in `infra/slipway.toml` must agree".into(),
        ],
        CauseId::ImageNotFound => vec![format!("`cargo xtask push --env {environment}`, then {deploy}")],
        CauseId::NoPermissionToPull => vec![format!(
            "allow `ecr:GetAuthorizationToken`, `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer` to {role}"
        )],
        CauseId::SecretMissing => vec![format!("create what the reason names, or correct `[secrets]` in {file}{}", secrets(evidence))],
        CauseId::SecretKeyMissing => vec![format!("add the key to the secret, or correct the reference under `[secrets]` in {file}{}", secrets(evidence))],
        CauseId::SecretDenied => vec![format!(
            "allow `ssm:GetParameters` or `secretsmanager:GetSecretValue` on it to {role}, and `kms:Decrypt` where it has a key of its own"
        )],
        CauseId::LogGroupMissing => vec![
            format!("create the log group{}, or correct `awslogs-group` in `infra/task-definition.json`", log_group(evidence)),
            format!("allow `logs:CreateLogStream` and `logs:PutLogEvents` to {role}"),
        ],
        CauseId::Volume => vec![
            "check the file system's id and access point in `infra/task-definition.json`".into(),
            "let the task's security group reach a mount target of the file system on port 2049, in each of its subnets".into(),
        ],
        CauseId::Subnet => vec![
            format!("give the task's subnets a way out: a NAT gateway, VPC endpoints for ECR, S3, Logs and SSM, or `assignPublicIp` in the network of {file}"),
            "let the task's security group send to port 443, and check that the subnets have free addresses".into(),
        ],
        CauseId::PullFailed => vec![format!("{deploy} tries again")],
        CauseId::CommandNotFound => vec![
            "correct `ENTRYPOINT` and `CMD` in the Dockerfile, or `command` and `entryPoint` in `infra/task-definition.json`".into(),
        ],
        CauseId::PermissionDenied => vec![
            "give the program its executable bit: `COPY --chmod=755`, or `git update-index --chmod=+x <file>`".into(),
        ],
        CauseId::OutOfMemory => vec![
            format!("raise `memory` under `[task]` in {file}, or start fewer workers (`UWSGI_PROCESSES` under `[variables]`)"),
            logs,
        ],
        CauseId::DiskFull => vec![
            "make the image smaller, or set `ephemeralStorage.sizeInGiB` (21 to 200) in `infra/task-definition.json`".into(),
        ],
        CauseId::ReadOnlyFileSystem => vec![
            "write below a path that is a volume, such as `/tmp`, or mount one there: `mountPoints` in `infra/task-definition.json`".into(),
        ],
        CauseId::DatabaseUnreachable => vec![
            "let the database's security group accept the task's, on the database's port".into(),
            format!("check that the reference to the database's address under `[secrets]` in {file} is that of this environment"),
        ],
        CauseId::MigrationFailed => vec![
            format!("nothing was deployed, the release before still serves: correct the migration, then {deploy}"),
            logs,
        ],
        CauseId::ExitsAtStart => vec![logs, format!("correct it, then {deploy}")],
        CauseId::HostNotAllowed => vec![
            "answer the health check's path before Django looks at `Host`: in a middleware in front of `CommonMiddleware`, or in nginx".into(),
            format!("check `ALLOWED_HOSTS` under `[variables]` in {file}"),
        ],
        CauseId::HealthPathRedirects => vec![
            "answer the health check's path without a redirect: leave it out of `SECURE_SSL_REDIRECT` with `SECURE_REDIRECT_EXEMPT`, and mind the trailing slash".into(),
            "or let the target group check the path that is redirected to".into(),
        ],
        CauseId::ContainerUnhealthy => vec![
            logs,
            "check `healthCheck` in `infra/task-definition.json`: its program must exist in the image, and `startPeriod` must cover the start".into(),
        ],
        CauseId::PortNotListening => vec![
            "the container must listen on 0.0.0.0 and on the port of `portMappings` in `infra/task-definition.json`; 127.0.0.1 cannot be reached from outside".into(),
            "let the task's security group accept the load balancer's on that port".into(),
            logs,
        ],
        CauseId::HealthCheckTimeout => vec![
            "let the task's security group accept the load balancer's on the target's port".into(),
            format!("if the app is slow at first, raise `healthCheckGracePeriodSeconds` in `infra/service.json`, or `cpu` under `[task]` in {file}"),
            logs,
        ],
        CauseId::HealthCheckFailing => vec![logs, "the path of the health check is a setting of the target group".into()],
        CauseId::DependencyFailed => vec![
            logs,
            "check `dependsOn` in `infra/task-definition.json`, and the health check and `startTimeout` of what is waited for".into(),
        ],
        CauseId::Killed => vec![
            "a program that does not end on SIGTERM is killed after `stopTimeout`; without a stop, memory is the usual reason".into(),
            format!("raise `memory` under `[task]` in {file} and see whether it recurs"),
            logs,
        ],
        CauseId::ContainerNotStarted => vec![format!("check that container in `infra/task-definition.json`, then {deploy}")],
        CauseId::Capacity => vec![
            format!("{deploy} tries again; subnets in another availability zone help where one has no room"),
            "ask for a higher quota of Fargate vCPUs in Service Quotas if the reason names a limit".into(),
        ],
        CauseId::EngineAway => vec!["`cargo xtask doctor` looks at the engine".into(), format!("{deploy} starts the private engine again, and goes on")],
        CauseId::SpotInterruption => vec![format!("{deploy} tries again; `FARGATE` in place of `FARGATE_SPOT` is not interrupted")],
        CauseId::UserStopped => vec![format!("{deploy} deploys again")],
        CauseId::CircuitBreakerRolledBack | CauseId::Unknown => vec![
            format!("`cargo xtask logs --env {environment}`"),
            format!("`cargo xtask verify --env {environment}` checks what a deploy needs"),
        ],
    }
}

fn logs(finding: &Finding<'_>, environment: &str) -> String {
    match &finding.failing_container {
        Some(name) => format!("`cargo xtask logs --env {environment} --container {name}`"),
        None => format!("`cargo xtask logs --env {environment}`"),
    }
}

fn role(evidence: &Evidence<'_>) -> String {
    let arn = evidence.definition.and_then(|view| view.execution_role_arn.as_deref());
    arn.map_or("the execution role".into(), |arn| format!("the execution role `{arn}`"))
}

/// Returns the secret references of the task, which are not secret themselves.
fn secrets(evidence: &Evidence<'_>) -> String {
    let containers = evidence.definition.iter().flat_map(|view| &view.container_definitions);
    let mut named: Vec<_> = containers
        .flat_map(|container| &container.secrets)
        .map(|secret| format!("`{}` is `{}`", secret.name, secret.value_from))
        .collect();
    named.sort();
    named.dedup();
    if named.is_empty() { String::new() } else { format!("; {}", named.join(", ")) }
}

fn log_group(evidence: &Evidence<'_>) -> String {
    let containers = evidence.definition.iter().flat_map(|view| &view.container_definitions);
    let mut groups = containers.filter_map(|one| one.log_configuration.as_ref()?.options.get("awslogs-group"));
    groups.next().map_or(String::new(), |group| format!(" `{group}`"))
}

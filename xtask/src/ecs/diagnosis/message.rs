//! The message of a finding: one sentence with the container, the object and the quoted text.

use super::{CauseId, Evidence, Finding, failing_container};

/// Maximum length of quoted text in a message; the evidence contains all of it.
const LONGEST: usize = 300;

/// Returns the sentence, without a full stop.
pub(super) fn of(finding: &Finding<'_>, evidence: &Evidence<'_>) -> String {
    let Words { container, image, path, expected, port, memory } = Words::of(finding, evidence);
    let said = said(finding);
    let code = finding.code.unwrap_or_default();
    match finding.id {
        CauseId::CpuMemoryPairInvalid => format!("Fargate has no task of this cpu and memory{said}"),
        CauseId::RoleNotAssumable => format!("ECS may not assume a role of the task{said}"),
        CauseId::ExecFormatError => {
            format!("{container} cannot run on the task's processor: {image}, or its program, is for another one{said}")
        }
        CauseId::ImageNotFound => format!("the registry does not have {image} of {container}{said}"),
        CauseId::NoPermissionToPull => format!("the execution role may not pull {image}{said}"),
        CauseId::SecretMissing => format!("a parameter or secret that the task refers to does not exist{said}"),
        CauseId::SecretKeyMissing => format!("a secret that the task refers to has no such key{said}"),
        CauseId::SecretDenied => format!("the execution role may not read a parameter or secret of the task{said}"),
        CauseId::LogGroupMissing => format!("the task's log group does not exist or may not be written to{said}"),
        CauseId::Volume => format!("a volume of the task could not be mounted{said}"),
        CauseId::Subnet => format!("the task's network could not be made, or has no way to AWS or the registry{said}"),
        CauseId::PullFailed => format!("{image} could not be pulled, which may pass{said}"),
        CauseId::CommandNotFound => format!("the program that {container} starts does not exist in {image}{said}"),
        CauseId::PermissionDenied => format!("the program that {container} starts may not be executed{said}"),
        CauseId::OutOfMemory => format!("{container} was killed because it needed more memory than {memory}"),
        CauseId::DiskFull => format!("the storage of the task is full{said}"),
        CauseId::ReadOnlyFileSystem => format!("{container} wants to write where its file system is read-only{said}"),
        CauseId::DatabaseUnreachable => format!("{container} cannot reach its database{said}"),
        CauseId::MigrationFailed => format!("the release phase ended with exit code {code} in {container}{said}"),
        CauseId::ExitsAtStart => format!("{container} ended by itself with exit code {code}{said}"),
        CauseId::HostNotAllowed
            if finding.said.as_ref().is_some_and(|said| said.contains("HOST") || said.contains("DisallowedHost")) =>
        {
            format!("Django refuses the `Host` header of the health check on `{path}`, which is the task's own address")
        }
        CauseId::HostNotAllowed => {
            format!(
                "the health check on `{path}` is answered with 400, as Django answers a `Host` that it does not allow"
            )
        }
        CauseId::HealthPathRedirects => {
            format!("the health check on `{path}` is answered with a redirect ({code}), and {expected} was expected")
        }
        CauseId::ContainerUnhealthy => format!("{container} runs and fails its own health check{said}"),
        CauseId::PortNotListening => format!("nothing answers the health check on port {port} of the task"),
        CauseId::HealthCheckTimeout => format!("the health check on `{path}` gets no answer in time"),
        CauseId::HealthCheckFailing if finding.code.is_some() => {
            format!("the health check on `{path}` is answered with {code}, and {expected} was expected{said}")
        }
        CauseId::HealthCheckFailing => format!("the load balancer's health check on `{path}` fails{said}"),
        CauseId::DependencyFailed => format!("{container}, which others wait for, never got ready{said}"),
        CauseId::Killed => {
            format!("{container} was killed (exit code 137), and ECS does not say that memory was the reason")
        }
        CauseId::ContainerNotStarted => format!("{container} could not be created or started{said}"),
        CauseId::EngineAway => "the Docker engine that runs the tasks of this machine does not answer".into(),
        CauseId::Capacity => format!("AWS cannot place the task at the moment{said}"),
        CauseId::SpotInterruption => "AWS took back the Spot capacity that the task ran on".into(),
        CauseId::UserStopped => format!("somebody stopped the task{said}"),
        CauseId::CircuitBreakerRolledBack => "ECS gave the deployment up because tasks failed again and again".into(),
        CauseId::Unknown => "nothing that was seen explains it; all of it is below".into(),
    }
}

fn said(finding: &Finding<'_>) -> String {
    let Some(said) = &finding.said else { return String::new() };
    let line = said.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let short: String = line.chars().take(LONGEST).collect();
    let ellipsis = if short.len() < line.len() { "…" } else { "" };
    if short.is_empty() { short } else { format!(": {short}{ellipsis}") }
}

/// The names in a message.
struct Words {
    container: String,
    image: String,
    path: String,
    expected: String,
    port: String,
    memory: String,
}

impl Words {
    fn of(finding: &Finding<'_>, evidence: &Evidence<'_>) -> Words {
        let name = finding.failing_container.as_deref();
        let definition = name.and_then(|name| failing_container::defined(evidence.definition, name));
        let of_task =
            finding.task.zip(name).and_then(|(task, name)| task.container(name)).map(|one| one.image.as_str());
        let image = definition.map(|one| one.image.as_str()).or(of_task).filter(|image| !image.is_empty());
        let own = definition.and_then(|one| one.memory).map(|mib| format!("its {mib} MiB"));
        let of_all =
            evidence.definition.and_then(|view| view.memory.as_ref()).map(|mib| format!("the task's {mib} MiB"));
        let probe = evidence.probe;
        Words {
            container: name.map_or("a container".into(), |name| format!("container `{name}`")),
            image: image.map_or("the image".into(), |image| format!("image `{image}`")),
            path: probe.map_or("its path", |probe| &probe.path).to_owned(),
            expected: probe.map_or("another code", |probe| &probe.matcher).to_owned(),
            port: probe.map_or("the target's port".into(), |probe| format!("{}", probe.port)),
            memory: own.or(of_all).unwrap_or_else(|| "it may".into()),
        }
    }
}

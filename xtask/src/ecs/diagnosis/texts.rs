//! Causes that AWS says itself, in stopped reasons and in refusals. The wording is that of AWS's pages "Amazon ECS stopped
//! tasks error messages" and "CannotPullContainer task errors".

use super::cause::{Cause, CauseId};

/// One wording: all of the parts are in the text.
struct Wording {
    parts: &'static [&'static str],
    id: CauseId,
    message: &'static str,
}

const fn wording(parts: &'static [&'static str], id: CauseId, message: &'static str) -> Wording {
    Wording { parts, id, message }
}

/// The first that fits is taken: the particular before the general.
const WORDINGS: [Wording; 31] = [
    wording(
        &["descriptor matching platform"],
        CauseId::ExecFormatError,
        "the image is for another platform than the task",
    ),
    wording(&["exec format error"], CauseId::ExecFormatError, "a program of the image is for another machine"),
    wording(&["No Fargate configuration exists"], CauseId::CpuMemoryPairInvalid, "Fargate has no tasks of this size"),
    wording(
        &["did not contain json key"],
        CauseId::SecretKeyMissing,
        "a secret has no key of the name that is asked for",
    ),
    wording(&["retrieve secret", "AccessDenied"], CauseId::SecretDenied, "the execution role may not read a secret"),
    wording(
        &["secrets", "is not authorized to perform: ssm"],
        CauseId::SecretDenied,
        "the execution role may not read a parameter",
    ),
    wording(
        &["is not authorized to perform: secretsmanager"],
        CauseId::SecretDenied,
        "the execution role may not read a secret",
    ),
    wording(&["invalid parameters"], CauseId::SecretMissing, "an SSM parameter does not exist"),
    wording(&["can't find the specified secret"], CauseId::SecretMissing, "a secret does not exist"),
    wording(&["failed to fetch secret"], CauseId::SecretMissing, "a secret cannot be fetched"),
    wording(&["log group does not exist"], CauseId::LogGroupMissing, "the log group of a container does not exist"),
    wording(&["EFS utils"], CauseId::Volume, "a file system cannot be mounted"),
    wording(&["CannotPullContainer", "403"], CauseId::NoPermissionToPull, "the registry refuses the pull"),
    wording(&["CannotPullContainer", "denied"], CauseId::NoPermissionToPull, "the registry refuses the pull"),
    wording(
        &["is not authorized to perform: ecr"],
        CauseId::NoPermissionToPull,
        "the execution role may not pull the image",
    ),
    wording(&["CannotPullContainer", "no space left"], CauseId::DiskFull, "the image does not fit on the task's disk"),
    wording(&["CannotPullContainer", "not found"], CauseId::ImageNotFound, "the registry has no such image"),
    wording(&["CannotPullContainer", "manifest unknown"], CauseId::ImageNotFound, "the registry has no such image"),
    wording(&["CannotPullContainer", "does not exist"], CauseId::ImageNotFound, "the registry has no such repository"),
    wording(&["CannotPullContainer", "timeout"], CauseId::Subnet, "the task cannot reach the registry"),
    wording(&["CannotPullContainer", "deadline exceeded"], CauseId::Subnet, "the task cannot reach the registry"),
    wording(&["CannotPullContainer", "connection"], CauseId::Subnet, "the task cannot reach the registry"),
    wording(
        &["pull secrets or registry auth", "deadline exceeded"],
        CauseId::Subnet,
        "the task cannot reach the secrets or the registry",
    ),
    wording(
        &["pull secrets or registry auth", "timeout"],
        CauseId::Subnet,
        "the task cannot reach the secrets or the registry",
    ),
    wording(&["network interface provisioning"], CauseId::Subnet, "the task got no network interface"),
    wording(&["Capacity is unavailable"], CauseId::Capacity, "AWS has no room for the task at this time"),
    wording(&["RESOURCE:"], CauseId::Capacity, "the cluster has no room for the task"),
    wording(&["Spot Task was interrupted"], CauseId::SpotInterruption, "AWS took the task's Spot capacity back"),
    wording(&["no space left on device"], CauseId::DiskFull, "the task's disk is full"),
    wording(&["OutOfMemory"], CauseId::OutOfMemory, "a container used more memory than it may"),
    wording(&["Task stopped by user"], CauseId::UserStopped, "somebody stopped the task"),
];

/// The cause that a text names, if it does.
pub(super) fn cause(text: &str, container: Option<&str>) -> Option<Cause> {
    if text.contains("executable file not found") {
        return Some(
            Cause::new(CauseId::CommandNotFound, words("its command does not exist", container, text))
                .culprit(container),
        );
    }
    let fits = |wording: &&Wording| wording.parts.iter().all(|part| text.contains(part));
    let found = WORDINGS.iter().find(fits)?;
    Some(Cause::new(found.id, words(found.message, container, text)).culprit(container))
}

fn words(message: &str, container: Option<&str>, text: &str) -> String {
    let who = container.map(|name| format!("`{name}`: ")).unwrap_or_default();
    format!("{who}{message} ({text})")
}

//! Meanings of ECS's messages: stopped reasons of tasks, reasons of containers, service events, API errors. Sources:
//! AWS, "Amazon ECS stopped tasks error messages", "CannotPullContainer task errors in Amazon ECS", "Amazon ECS service
//! event messages"; messages of the runtimes that Fargate passes on; the emulator's `runner::reasons`.

use super::CauseId;
use CauseId::{
    Capacity, CommandNotFound, ContainerNotStarted, CpuMemoryPairInvalid, DependencyFailed, DiskFull, EngineAway,
    ExecFormatError, ImageNotFound, LogGroupMissing, NoPermissionToPull, OutOfMemory, PermissionDenied, PullFailed,
    ReadOnlyFileSystem, RoleNotAssumable, SecretDenied, SecretKeyMissing, SecretMissing, SpotInterruption, Subnet,
    Volume,
};

/// Causes with lower-case patterns. The first row applies that has all of `all` and one of `any` in the text; an empty
/// list always fits. `unable to pull secrets or registry auth` starts messages about secrets, ECR and the network.
const ROWS: &[(CauseId, &[&str], &[&str])] = &[
    // A message of the local AWS emulator about the Docker engine.
    (EngineAway, &["docker engine", "does not answer"], &[]),
    (CpuMemoryPairInvalid, &["no fargate configuration exists for given values"], &[]),
    (RoleNotAssumable, &["unable to assume", "role"], &[]),
    (DependencyFailed, &["dependency graph", "dependency"], &[]),
    (
        Volume,
        &[],
        &[
            "efs utils",
            "efs volume",
            "cannotcreatevolume",
            "mount.nfs",
            "mount.efs",
            "failed to mount",
            "file system id",
        ],
    ),
    (
        Subnet,
        &[],
        &[
            "context deadline exceeded",
            "i/o timeout",
            "there is a connection issue between",
            "network interface provisioning",
            "create network interface",
            "insufficientfreeaddresses",
            "no route to host",
            "network is unreachable",
            "no such host",
            "request canceled while waiting for connection",
            "failed to set up the network of the task",
            "connection timed out",
        ],
    ),
    // Throttling or a transient error of a service: the request itself is correct.
    (PullFailed, &["cannotpull"], PASSING),
    (ContainerNotStarted, &[], PASSING),
    (SecretKeyMissing, &["secret"], &["did not contain json key", "looking for beginning of value"]),
    (
        SecretDenied,
        &["secret"],
        &["access to kms is not allowed", "kms:decrypt", "ssm:getparameter", "secretsmanager:getsecretvalue"],
    ),
    (SecretDenied, &["from ssm", "accessdenied"], &[]),
    (SecretDenied, &["from asm", "accessdenied"], &[]),
    (SecretDenied, &["secrets manager", "accessdenied"], &[]),
    (
        SecretMissing,
        &["secret"],
        &[
            "invalid parameters",
            "parameternotfound",
            "resourcenotfound",
            "find the secret",
            "find the specified secret",
            "has no secrets manager",
        ],
    ),
    (LogGroupMissing, &[], &["log group", "log stream", "failed to validate logger args", "logging driver", "awslogs"]),
    (ExecFormatError, &[], &["exec format error", "descriptor matching platform", "no match for platform"]),
    (ExecFormatError, &["does not match the specified platform"], &[]),
    (DiskFull, &[], &["no space left on device", "disk quota exceeded"]),
    (ReadOnlyFileSystem, &["read-only file system"], &[]),
    (
        NoPermissionToPull,
        &[],
        &["ecr:getauthorizationtoken", "ecr:batchgetimage", "ecr:getdownloadurlforlayer", "permissions to pull images"],
    ),
    (NoPermissionToPull, &["registry auth", "accessdenied"], &[]),
    (
        NoPermissionToPull,
        &["cannotpull"],
        &["403 forbidden", "401 unauthorized", "not authorized", "no basic auth", "pull access denied", "denied:"],
    ),
    (
        ImageNotFound,
        &["cannotpull"],
        &["not found", "manifest unknown", "name unknown", "does not exist", "find the image", "not known to registry"],
    ),
    (PullFailed, &[], &["cannotpull", "ecr registry auth"]),
    (
        Capacity,
        &[],
        &[
            "capacity is unavailable",
            "insufficient capacity",
            "reason: resource:",
            "met all of its requirements",
            "limit on the number of",
            "vcpu limit",
            "concurrent tasks",
        ],
    ),
    (CommandNotFound, &[], &["executable file not found", "no such file or directory: unknown"]),
    (PermissionDenied, &["permission denied"], &["cannotstart", "exec", "oci runtime"]),
    (OutOfMemory, &[], &["outofmemory", "oom-killed"]),
    (SpotInterruption, &["spot", "interrupt"], &[]),
    (
        ContainerNotStarted,
        &[],
        &["cannotstartcontainer", "cannotcreatecontainer", "containerruntimetimeout", "resourceinitializationerror"],
    ),
    (ContainerNotStarted, &["could not transition to", "timed out"], &[]),
];

/// Messages of AWS's services and registries about transient errors.
const PASSING: &[&str] = &[
    "throttling",
    "toomanyrequests",
    "429 too many",
    "rate exceeded",
    "rate limit",
    "internalservererror",
    "service unavailable",
];

/// Returns the cause of an ECS message, if it is known.
pub(super) fn cause_of(text: &str) -> Option<CauseId> {
    let text = text.to_lowercase();
    let fits = |(_, all, any): &&(CauseId, &[&str], &[&str])| {
        all.iter().all(|part| text.contains(part)) && (any.is_empty() || any.iter().any(|part| text.contains(part)))
    };
    // A row without conditions would match every text; none exists.
    ROWS.iter().find(fits).map(|(cause, _, _)| *cause)
}

/// Returns the container in a message about an unmet dependency.
pub(super) fn dependency(text: &str) -> Option<&str> {
    let name = text.split_once("dependency [")?.1;
    name.split(['(', ']']).next().map(str::trim).filter(|name| !name.is_empty())
}

/// Returns whether the cause is a missing permission.
pub(super) fn is_denial(cause: CauseId) -> bool {
    matches!(cause, RoleNotAssumable | NoPermissionToPull | SecretDenied)
}

/// Returns whether the cause persists until something is changed.
pub(super) fn is_lasting(cause: CauseId) -> bool {
    matches!(
        cause,
        CpuMemoryPairInvalid
            | RoleNotAssumable
            | ExecFormatError
            | ImageNotFound
            | NoPermissionToPull
            | SecretMissing
            | SecretKeyMissing
            | SecretDenied
            | LogGroupMissing
            | CommandNotFound
            | PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: &str = "ResourceInitializationError: unable to pull secrets or registry auth: ";
    const EXECUTION: &str = "execution resource retrieval failed: ";

    fn check(expected: Option<CauseId>, sentences: &[String]) {
        assert!(!sentences.is_empty());
        for sentence in sentences {
            assert_eq!(cause_of(sentence), expected, "{sentence}");
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| text.replace("SECRETS", SECRETS).replace("EXECUTION", EXECUTION)).collect()
    }

    #[test]
    fn images() {
        check(
            Some(ImageNotFound),
            &texts(&[
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 1.dkr.ecr.eu-central-1.amazonaws.com/web:v9: not found",
                "CannotPullContainerError: Error response from daemon: manifest for web:v9 not found: manifest unknown",
                "CannotPullContainerError: The task can't find the image. Check that the image exists in the registry.",
                "CannotPullImageManifestError: Error response from daemon: manifest unknown: Requested image not found",
                "CannotPullContainerError: API error (404): repository web not found",
            ]),
        );
        check(
            Some(NoPermissionToPull),
            &texts(&[
                "CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry.",
                "SECRETSEXECUTIONunable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: ecr:GetAuthorizationToken on resource: *",
                "CannotPullContainerError: ref pull has been retried 1 time(s): failed to resolve reference: unexpected status code 403 Forbidden",
                "CannotPullContainerError: Error response from daemon: pull access denied for web, repository does not exist or may require 'docker login'",
            ]),
        );
        check(
            Some(ExecFormatError),
            &texts(&[
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
                "CannotStartContainerError: Error response from daemon: failed to create task for container: exec /app/run: exec format error",
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): image Manifest does not contain descriptor matching platform 'linux/arm64'",
            ]),
        );
        check(
            Some(PullFailed),
            &texts(&[
                "CannotPullContainerError: failed to copy: httpReadSeeker: failed open: unexpected status code https://x/y: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.",
                "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: unexpected EOF",
            ]),
        );
        check(
            Some(DiskFull),
            &texts(&[
                "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer sha256:ab: write /x: no space left on device: unknown",
            ]),
        );
    }

    #[test]
    fn secrets() {
        check(
            Some(SecretMissing),
            &texts(&[
                "SECRETSEXECUTIONunable to retrieve secrets from ssm: service call has been retried 1 time(s): invalid parameters: /linkbio/staging/secret-key",
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:x from secrets manager: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret x: the local emulator has no Secrets Manager, use an SSM parameter",
            ]),
        );
        check(
            Some(SecretKeyMissing),
            &texts(&[
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): retrieved secret from Secrets Manager did not contain json key password",
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): invalid character '\\'' looking for beginning of value",
            ]),
        );
        // ECS truncated the message, or SSM had a transient error: not a permanent failure.
        check(
            Some(ContainerNotStarted),
            &texts(&[
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu",
                "SECRETSEXECUTIONunable to retrieve secrets from ssm: service call has been retried 5 time(s): ThrottlingException: Rate exceeded",
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 5 times: ThrottlingException: Rate exceeded",
            ]),
        );
        check(
            Some(SecretDenied),
            &texts(&[
                "SECRETSEXECUTIONunable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: ssm:GetParameters on resource: z",
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret x from secrets manager: AccessDeniedException: Access to KMS is not allowed status code: 400",
            ]),
        );
    }

    #[test]
    fn the_network_is_told_from_what_it_was_used_for() {
        check(
            Some(Subnet),
            &texts(&[
                "SECRETSEXECUTIONunable to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret x from secrets manager: RequestCanceled: request context canceled caused by: context deadline exceeded.",
                "SECRETSThe task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post \"https://api.ecr.us-east-1.amazonaws.com/\": dial tcp 172.40.1.94:443: i/o timeout",
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref x: failed to do request: Head \"https://x\": dial tcp 10.0.3.17:443: i/o timeout",
                "ResourceInitializationError: failed to validate logger args: The task cannot find the Amazon CloudWatch log group defined in the task definition. There is a connection issue between the task and Amazon CloudWatch.",
                "Timeout waiting for network interface provisioning to complete.",
                "ResourceInitializationError: failed to set up the network of the task: no address",
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet",
            ]),
        );
        check(
            Some(Volume),
            &texts(&[
                "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"fs-1.efs.eu-central-1.amazonaws.com\" - check that your file system ID is correct. : unsuccessful EFS utils command execution; code: 1",
                "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out : unsuccessful EFS utils command execution; code: 32",
            ]),
        );
    }

    #[test]
    fn everything_else() {
        let table: &[(CauseId, &[&str])] = &[
            (
                CpuMemoryPairInvalid,
                &[
                    "ClientException: No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon ECS documentation for the valid values.",
                ],
            ),
            (
                RoleNotAssumable,
                &[
                    "(service web) failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::1:role/x' that was provided for this task.)",
                ],
            ),
            (
                LogGroupMissing,
                &[
                    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1",
                    "ResourceInitializationError: failed to validate logger args: must specify a value for awslogs-group: exit status 1",
                    "CannotStartContainerError: failed to initialize logging driver: failed to create Cloudwatch log stream: AccessDeniedException: not authorized to perform: logs:CreateLogStream",
                ],
            ),
            (
                Capacity,
                &[
                    "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again later or in a different availability zone.",
                    "(service web) was unable to place a task. Reason: RESOURCE:ENI.",
                    "You've reached the limit on the number of vCPUs you can run concurrently",
                ],
            ),
            (
                CommandNotFound,
                &[
                    "CannotStartContainerError: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"gunicorn\": executable file not found in $PATH: unknown",
                    "CannotStartContainerError: OCI runtime create failed: unable to start container process: exec: \"/app/run.sh\": stat /app/run.sh: no such file or directory: unknown",
                ],
            ),
            (
                PermissionDenied,
                &[
                    "CannotStartContainerError: OCI runtime create failed: unable to start container process: exec: \"/app/run.sh\": permission denied: unknown",
                ],
            ),
            (OutOfMemory, &["OutOfMemoryError: Container killed due to memory usage"]),
            (SpotInterruption, &["Your Spot Task was interrupted."]),
            (
                DependencyFailed,
                &[
                    "CannotStartContainerError: dependency graph: failed to resolve container ordering dependency [app(app:1)] for target [nginx(nginx:1)] as dependency is unhealthy",
                ],
            ),
            (
                ContainerNotStarted,
                &[
                    "CannotCreateContainerError: Error response from daemon: invalid mount",
                    "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m",
                ],
            ),
        ];
        for (cause, sentences) in table {
            check(Some(*cause), &texts(sentences));
        }
        check(
            None,
            &texts(&[
                "Essential container in task exited",
                "Task failed to start",
                "Scaling activity initiated by (deployment ecs-svc/1)",
                "Task failed ELB health checks in (target-group arn:x)",
                "Task failed container health checks",
                "(service web) has reached a steady state.",
            ]),
        );
    }

    #[test]
    fn the_container_that_others_wait_for_is_named() {
        let text = "dependency graph: failed to resolve container ordering dependency [db(db:1) - Exit: 3] for target [app(app:1)] as x";
        assert_eq!(dependency(text), Some("db"));
        assert_eq!(dependency("Task failed to start"), None);
    }

    #[test]
    fn no_row_fits_everything() {
        assert!(ROWS.iter().all(|(_, all, any)| !(all.is_empty() && any.is_empty())));
        let lower = |part: &&str| part.chars().all(|c| !c.is_uppercase());
        assert!(ROWS.iter().all(|(_, all, any)| all.iter().chain(*any).all(lower)));
    }
}

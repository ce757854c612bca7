//! Causes of a failed deployment: a stable id each, in order of precedence.

use std::fmt;

use serde::{Serialize, Serializer};

/// Declares each cause with its id and meaning, and lists all of them in `ALL`.
macro_rules! causes {
    ($($name:ident = $id:literal, $meaning:literal;)+) => {
        /// The cause of a failed deployment or one-off task. Earlier variants are nearer to the root: where several are
        /// observed, they take precedence over later ones, which usually follow from them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CauseId {
            $(#[doc = $meaning] $name,)+
        }

        impl CauseId {
            /// Every cause, in order of precedence.
            pub const ALL: &[CauseId] = &[$(CauseId::$name),+];

            /// Returns the stable kebab-case id, as in JSON output.
            pub fn id(self) -> &'static str {
                match self { $(CauseId::$name => $id,)+ }
            }

            /// Returns the meaning, one sentence without a full stop.
            pub fn meaning(self) -> &'static str {
                match self { $(CauseId::$name => $meaning,)+ }
            }
        }
    };
}

causes! {
    EngineAway = "engine-away", "in `local`, the Docker engine that runs the tasks does not answer";
    CpuMemoryPairInvalid = "cpu-memory-pair-invalid", "Fargate has no task of that cpu and memory";
    RoleNotAssumable = "role-not-assumable", "ECS may not assume a role of the task";
    ExecFormatError = "exec-format-error", "the image, or the program that it starts, is for another processor";
    ImageNotFound = "image-not-found", "the registry has no such image";
    NoPermissionToPull = "no-permission-to-pull", "the execution role may not pull the image";
    SecretMissing = "secret-missing", "a parameter or secret that the task refers to does not exist";
    SecretKeyMissing = "secret-key-missing", "the secret exists and has no such key";
    SecretDenied = "secret-denied", "the execution role may not read a parameter or secret";
    LogGroupMissing = "log-group-missing", "the log group does not exist, or may not be written to";
    Volume = "volume", "a volume of the task could not be mounted";
    Subnet = "subnet", "the task's network has no way to AWS or the registry, or could not be made";
    PullFailed = "pull-failed", "the image could not be pulled for a reason that may pass, such as a rate limit";
    CommandNotFound = "command-not-found", "the container's program does not exist in the image";
    PermissionDenied = "permission-denied", "the container's program exists and may not be executed";
    OutOfMemory = "out-of-memory", "a container was killed because it used more memory than it may";
    DiskFull = "disk-full", "the task's storage is full";
    ReadOnlyFileSystem = "read-only-file-system", "a program wanted to write where the file system is read-only";
    DatabaseUnreachable = "database-unreachable", "the database does not answer, or refuses the connection";
    MigrationFailed = "migration-failed", "the release phase ended with an error";
    ExitsAtStart = "exits-at-start", "a container that the task cannot do without ended by itself";
    HostNotAllowed = "host-not-allowed", "Django refuses the `Host` header of the health check";
    HealthPathRedirects = "health-path-redirects", "the health check's path answers with a redirect";
    ContainerUnhealthy = "container-unhealthy", "a container runs and fails its own health check";
    PortNotListening = "port-not-listening", "nothing listens where the load balancer sends its health checks";
    HealthCheckTimeout = "health-check-timeout", "the health check got no answer in time";
    HealthCheckFailing = "health-check-failing", "the health check got an answer that does not count as healthy";
    DependencyFailed = "dependency-failed", "a container that others wait for never got ready";
    Killed = "killed", "a container was ended by SIGKILL, and memory is not said to be the reason";
    ContainerNotStarted = "container-not-started", "the container could not be created or started";
    Capacity = "capacity", "AWS has no room for the task at the moment, or a quota is used up";
    SpotInterruption = "spot-interruption", "AWS took the Spot capacity back";
    UserStopped = "user-stopped", "somebody stopped the task";
    CircuitBreakerRolledBack = "circuit-breaker-rolled-back", "ECS gave the deployment up, and no task shows why";
    Unknown = "unknown", "nothing that was seen explains it";
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for CauseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_lists_every_cause_in_this_order_and_no_other() {
        let guide = include_str!("../../../../docs/guide/causes.md");
        let rows = guide.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0));
        let ids: Vec<_> = CauseId::ALL.iter().map(|cause| cause.id()).collect();
        assert_eq!(rows.collect::<Vec<_>>(), ids);
    }

    #[test]
    fn ids_are_kebab_case_and_what_json_says() {
        for cause in CauseId::ALL {
            assert!(cause.id().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{cause}");
            assert_eq!(serde_json::to_string(cause).unwrap(), format!("\"{cause}\""));
            assert!(!cause.meaning().ends_with('.'), "{cause}");
        }
    }
}

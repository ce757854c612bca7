//! Causes by name. Names are stable: scripts branch on them, and docs/guide/causes.md explains each.

use std::fmt;

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Its name.
    pub id: CauseId,
    /// What happened, in a sentence.
    pub message: String,
    /// Facts as they were found.
    pub evidence: Vec<String>,
    /// What to do, the likeliest first.
    pub next: Vec<String>,
    /// The container that it began in, where it began in one.
    pub culprit: Option<String>,
}

impl Cause {
    pub(super) fn new(id: CauseId, message: impl Into<String>) -> Cause {
        let next = id.advice().into_iter().map(str::to_owned).collect();
        Cause { id, message: message.into(), evidence: Vec::new(), next, culprit: None }
    }

    pub(super) fn next(mut self, next: impl Into<String>) -> Cause {
        self.next.insert(0, next.into());
        self
    }

    pub(super) fn culprit(mut self, container: Option<&str>) -> Cause {
        self.culprit = container.map(str::to_owned);
        self
    }

    /// The same where the release phase failed. What kept its task from starting stays the cause; a command that ran and failed
    /// is a cause of its own.
    #[must_use]
    pub fn of_release_phase(self, command: &str) -> Cause {
        if !matches!(self.id, CauseId::ExitsAtStart | CauseId::Killed | CauseId::Unknown) {
            return self;
        }
        let message = format!("`{command}` failed in the release phase: {}", self.message);
        let next = CauseId::MigrationFailed.advice().into_iter().map(str::to_owned).collect();
        Cause { id: CauseId::MigrationFailed, message, next, ..self }
    }
}

/// Declares the causes: name in code, stable name, whether no retry mends it, advice.
macro_rules! causes {
    ($($(#[doc = $doc:literal])* $name:ident, $id:literal, $hopeless:literal, $advice:literal;)*) => {
        /// Why a release does not run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum CauseId {
            $($(#[doc = $doc])* $name,)*
        }

        impl CauseId {
            /// All of them.
            pub const ALL: &[CauseId] = &[$(CauseId::$name,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self { $(CauseId::$name => $id,)* }
            }

            /// Whether trying again can only fail again.
            pub fn is_hopeless(self) -> bool {
                match self { $(CauseId::$name => $hopeless,)* }
            }

            pub(super) fn advice(self) -> Option<&'static str> {
                match self { $(CauseId::$name => Some($advice),)* }
            }
        }
    };
}

causes! {
    /// A program for another machine.
    ExecFormatError, "exec-format-error", true, "build it for the platform of infra/slipway.toml: cargo xtask build --no-cache";
    /// The registry has no such image.
    ImageNotFound, "image-not-found", true, "send it: cargo xtask push";
    /// The execution role may not pull.
    NoPermissionToPull, "no-permission-to-pull", true, "give the execution role ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer";
    /// A secret or parameter does not exist.
    SecretMissing, "secret-missing", true, "create it, or correct its reference under `[secrets]` of the environment";
    /// A secret has no such key.
    SecretKeyMissing, "secret-key-missing", true, "add the key to the secret's JSON, or correct the reference";
    /// The execution role may not read a secret.
    SecretDenied, "secret-denied", true, "give the execution role ssm:GetParameters or secretsmanager:GetSecretValue on it";
    /// The log group does not exist.
    LogGroupMissing, "log-group-missing", true, "create the log group, or correct `awslogs-group` in infra/task-definition.json";
    /// A file system cannot be mounted.
    Volume, "volume", false, "look at the file system, its mount targets and security group; `[volumes]` of the environment names it";
    /// CPU and memory are no pair that Fargate has.
    CpuMemoryPairInvalid, "cpu-memory-pair-invalid", true, "choose a pair that Fargate has: `[task]` of the environment";
    /// AWS has no room.
    Capacity, "capacity", false, "try again in some minutes, or allow more subnets and zones";
    /// The task cannot reach what it needs before it starts.
    Subnet, "subnet", false, "give the subnets a route to ECR, Logs and the secrets: a NAT gateway, endpoints, or `assign-public-ip = true`";
    /// Out of memory.
    OutOfMemory, "out-of-memory", false, "raise `memory` under `[task]` of the environment, or the container's in infra/task-definition.json";
    /// Killed from outside.
    Killed, "killed", false, "it did not end within its `stopTimeout`, or somebody killed it: cargo xtask logs";
    /// Its command does not exist.
    CommandNotFound, "command-not-found", false, "correct `command` or `entryPoint` in infra/task-definition.json, or the image's";
    /// Its command may not be executed.
    PermissionDenied, "permission-denied", false, "make the file executable in the image (chmod +x), or allow its user to read it";
    /// It writes where it may not.
    ReadOnlyFileSystem, "read-only-file-system", false, "write below /tmp, or mount a volume at that path in infra/task-definition.json";
    /// No room on its disk.
    DiskFull, "disk-full", false, "write less, or raise `ephemeralStorage` in infra/task-definition.json";
    /// A container ends instead of serving.
    ExitsAtStart, "exits-at-start", false, "run it as the service would: cargo xtask run -- sh";
    /// The release phase failed.
    MigrationFailed, "migration-failed", false, "mend it and deploy again; what it did so far stays done unless the database undoes it";
    /// The probe is redirected.
    HealthPathRedirects, "health-path-redirects", false, "let the health path answer before redirects to https or to a slash";
    /// The app does not take the probe's Host.
    HostNotAllowed, "host-not-allowed", false, "answer the health path before hosts are validated, or widen ALLOWED_HOSTS";
    /// The probe gets another status.
    HealthCheckFailing, "health-check-failing", false, "ask for the path yourself: cargo xtask exec -- sh";
    /// Nobody answers at the port.
    PortNotListening, "port-not-listening", false, "let the container listen on 0.0.0.0 at the port of its `portMappings`";
    /// The probe gets no answer in time.
    HealthCheckTimeout, "health-check-timeout", false, "see what it waits for (a database?), or whether the security group lets the balancer in";
    /// A container's own health check fails.
    ContainerUnhealthy, "container-unhealthy", false, "run the check's command in it: cargo xtask exec -- sh; `startPeriod` gives it time to start";
    /// A container that others wait for is not what they wait for.
    DependencyFailed, "dependency-failed", false, "read what it wrote: cargo xtask logs";
    /// Somebody stopped the task.
    UserStopped, "user-stopped", false, "deploy again: cargo xtask deploy";
    /// AWS took Spot capacity back.
    SpotInterruption, "spot-interruption", false, "deploy again, or run fewer tasks on Spot";
    /// ECS gave up after too many failures.
    CircuitBreakerRolledBack, "circuit-breaker-rolled-back", false, "read what the tasks wrote: cargo xtask logs";
    /// Nothing that was found says why.
    Unknown, "unknown", false, "read the evidence above, and what the containers write: cargo xtask logs";
}

impl fmt::Display for CauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

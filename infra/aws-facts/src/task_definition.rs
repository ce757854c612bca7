//! Members and values of a task definition that ECS knows, and those that Fargate accepts. Sources: the Amazon ECS API
//! reference and "Task definition differences for Fargate" of the developer guide.

/// `logDriver` of a `LogConfiguration`.
pub const LOG_DRIVERS: [&str; 8] =
    ["json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "awsfirelens"];

/// Log drivers that Fargate accepts.
pub const FARGATE_LOG_DRIVERS: [&str; 3] = ["awslogs", "splunk", "awsfirelens"];

/// Options of the log driver `awslogs` without which Fargate refuses a task definition.
pub const REQUIRED_AWSLOGS_OPTIONS: [&str; 3] = ["awslogs-group", "awslogs-region", "awslogs-stream-prefix"];

/// Members of `linuxParameters` that Fargate refuses.
pub const REFUSED_LINUX_PARAMETERS: [&str; 5] = ["devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"];

/// The only capability that Fargate adds to a container.
pub const ADDABLE_CAPABILITY: &str = "SYS_PTRACE";

/// The only limit that Fargate sets.
pub const SETTABLE_ULIMIT: &str = "nofile";

/// Kernel parameters of the IPC namespace (`SystemControl`), beside `net.*` and `fs.mqueue.*`.
const IPC_CONTROLS: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Returns whether a kernel parameter belongs to the namespaces that the containers of a task share.
pub fn is_task_control(namespace: &str) -> bool {
    namespace.starts_with("net.") || namespace.starts_with("fs.mqueue.") || IPC_CONTROLS.contains(&namespace)
}

/// `KernelCapabilities`.
pub const CAPABILITIES: [&str; 38] = [
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// `Ulimit`.
pub const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

#[cfg(test)]
mod tests {
    use super::is_task_control;

    #[test]
    fn knows_the_controls_of_a_task() {
        for control in ["net.ipv4.ip_local_port_range", "fs.mqueue.msg_max", "kernel.shmmax"] {
            assert!(is_task_control(control), "{control}");
        }
        for control in ["kernel.panic", "vm.swappiness", "fs.file-max"] {
            assert!(!is_task_control(control), "{control}");
        }
    }
}

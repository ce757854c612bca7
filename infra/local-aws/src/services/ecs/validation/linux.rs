//! Capabilities, limits of processes, kernel parameters.

use std::collections::BTreeSet;

use super::super::refused;
use crate::error::Answer;
use crate::store::task_definition::ContainerDefinition;

/// `KernelCapabilities` of the API reference, all of them.
const CAPABILITIES: [&str; 38] = [
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

/// `SystemControl` of the API reference: what belongs to the namespaces that the containers of a task share, beside
/// `net.*` and `fs.mqueue.*`.
const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// `Ulimit` of the API reference.
const ULIMITS: [&str; 15] = [
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

pub(super) fn check(container: &ContainerDefinition) -> Answer<()> {
    let name = &container.name;
    let about = |what: String| Err(refused(format!("Invalid setting for container '{name}'. {what}")));
    if let Some(capabilities) = container.linux_parameters.as_ref().and_then(|found| found.capabilities.as_ref()) {
        for given in capabilities.add.iter().chain(&capabilities.drop) {
            if !CAPABILITIES.contains(&given.as_str()) {
                return about(format!("'{given}' is no Linux capability."));
            }
        }
        if let Some(given) = capabilities.add.iter().find(|given| *given != "SYS_PTRACE") {
            return about(format!("Fargate lets the capability SYS_PTRACE be added only, not '{given}'."));
        }
    }
    let mut seen = BTreeSet::new();
    for limit in &container.ulimits {
        if !ULIMITS.contains(&limit.name.as_str()) {
            return about(format!("'{}' is no ulimit.", limit.name));
        }
        if limit.name != "nofile" {
            return about(format!("Fargate lets the ulimit nofile be set only, not '{}'.", limit.name));
        }
        if limit.soft_limit < 0 || limit.hard_limit < limit.soft_limit {
            return about(format!("The soft limit of '{}' must be between 0 and the hard limit.", limit.name));
        }
        if !seen.insert(&limit.name) {
            return about(format!("The ulimit '{}' is there more than once.", limit.name));
        }
    }
    let mut seen = BTreeSet::new();
    for control in &container.system_controls {
        let namespace = control.namespace.as_str();
        let shared = namespace.starts_with("net.") || namespace.starts_with("fs.mqueue.") || IPC.contains(&namespace);
        if !shared {
            return about(format!("The system control '{namespace}' is not supported in the network mode awsvpc."));
        }
        if control.value.is_empty() {
            return about(format!("The system control '{namespace}' has no value."));
        }
        if !seen.insert(namespace) {
            return about(format!("The system control '{namespace}' is there more than once."));
        }
    }
    Ok(())
}

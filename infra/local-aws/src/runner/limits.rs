//! CPU and memory of a task definition, converted to limits of kernel and engine. Pure.

use crate::store::task::Task;
use crate::store::task_definition::{ContainerDefinition, TaskDefinition};

/// Microseconds over which a quota counts: the kernel's default, and the engine's.
pub(super) const PERIOD: u64 = 100_000;

/// AWS: 1024 CPU units are one core.
const UNITS_OF_A_CORE: u64 = 1024;

/// Limits of a whole task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskLimits {
    /// 256 is a quarter core.
    pub(super) cpu_units: u64,
    /// In MiB.
    pub(super) memory_mib: u64,
}

impl TaskLimits {
    /// What applies to this task: its override, or its definition.
    pub(super) fn of(task: &Task, definition: &TaskDefinition) -> TaskLimits {
        let number = |over: &Option<String>, own: &str, otherwise: u64| {
            over.as_deref().and_then(|text| text.parse().ok()).or_else(|| own.parse().ok()).unwrap_or(otherwise)
        };
        // The smallest task of Fargate, where the text is no number; registration has checked that it is one.
        TaskLimits {
            cpu_units: number(&task.overrides.cpu, &definition.cpu, 256),
            memory_mib: number(&task.overrides.memory, &definition.memory, 512),
        }
    }

    /// Microseconds of CPU in each `PERIOD`.
    pub(super) fn quota_micros(self) -> u64 {
        // The kernel takes no quota under 1 ms.
        (self.cpu_units * PERIOD / UNITS_OF_A_CORE).max(1000)
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(self) -> u64 {
        self.memory_mib * 1024 * 1024
    }
}

/// The engine's limits of one container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ContainerLimits {
    /// Weight against the other containers of the task.
    pub(super) cpu_shares: i64,
    /// Hard limit in bytes, with no swap beside it.
    pub(super) memory: Option<i64>,
    /// Soft limit in bytes.
    pub(super) memory_reservation: Option<i64>,
    /// Quota in `PERIOD`, where the task has no group of its own.
    pub(super) cpu_quota: Option<i64>,
}

/// `grouped`: the task has a control group of its own that keeps its limits.
pub(super) fn container_limits(
    task: &Task,
    container: &ContainerDefinition,
    limits: TaskLimits,
    grouped: bool,
) -> ContainerLimits {
    let over = task.overrides.container_overrides.iter().find(|over| over.name.as_deref() == Some(&container.name));
    let cpu = over.and_then(|over| over.cpu).unwrap_or(container.cpu);
    let bytes = |mib: u32| i64::from(mib) * 1024 * 1024;
    let memory = over.and_then(|over| over.memory).or(container.memory).map(bytes);
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    ContainerLimits {
        // AWS: null, zero and 1 are passed to Docker as 2 shares.
        cpu_shares: i64::from(cpu.max(2)),
        memory: if grouped { memory } else { memory.or(Some(whole(limits.memory_bytes()))) },
        memory_reservation: over.and_then(|over| over.memory_reservation).or(container.memory_reservation).map(bytes),
        cpu_quota: (!grouped).then(|| whole(limits.quota_micros())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_units_are_parts_of_a_core() {
        let quota = |cpu_units| TaskLimits { cpu_units, memory_mib: 512 }.quota_micros();
        assert_eq!(quota(256), 25_000);
        assert_eq!(quota(1024), 100_000);
        assert_eq!(quota(4096), 400_000);
        assert_eq!(quota(1), 1000);
    }

    #[test]
    fn without_a_group_every_container_has_the_limits_of_the_task() {
        let definition = super::super::fixtures::definition(&[("app", |_| {})]);
        let task = super::super::fixtures::task(&definition);
        let limits = TaskLimits::of(&task, &definition);
        let app = &definition.container_definitions[0];
        let grouped = container_limits(&task, app, limits, true);
        assert_eq!(grouped, ContainerLimits { cpu_shares: 2, ..ContainerLimits::default() });
        let alone = container_limits(&task, app, limits, false);
        assert_eq!((alone.cpu_quota, alone.memory), (Some(25_000), Some(512 << 20)));
    }

    #[test]
    fn overrides_win() {
        let definition = super::super::fixtures::definition(&[("app", |app| app.memory = Some(64))]);
        let mut task = super::super::fixtures::task(&definition);
        task.overrides.cpu = Some("1024".into());
        task.overrides.container_overrides.push(crate::store::task::ContainerOverride {
            name: Some("app".into()),
            cpu: Some(100),
            memory: Some(128),
            ..Default::default()
        });
        let limits = TaskLimits::of(&task, &definition);
        assert_eq!(limits.quota_micros(), 100_000);
        let app = container_limits(&task, &definition.container_definitions[0], limits, true);
        assert_eq!((app.cpu_shares, app.memory), (100, Some(128 << 20)));
    }
}

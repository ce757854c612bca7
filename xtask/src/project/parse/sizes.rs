//! Task sizes that Fargate has. Source: "Task CPU and memory" of the Amazon ECS developer guide, Linux containers.

use std::ops::RangeInclusive;

/// One size of CPU and the memories that go with it.
struct Size {
    /// CPU units; 1024 are one vCPU.
    cpu: u32,
    /// MiB, lowest and highest.
    memory: RangeInclusive<u32>,
    /// MiB between two memories.
    step: u32,
}

const GIB: u32 = 1024;

/// The most CPU units of a task.
pub(super) const MOST_CPU: u32 = 16384;

/// The most MiB of a task.
pub(super) const MOST_MEMORY: u32 = 120 * GIB;

/// Larger sizes come now and then: a line here is all they need.
const SIZES: [Size; 7] = [
    Size { cpu: 256, memory: 512..=2 * GIB, step: 0 },
    Size { cpu: 512, memory: GIB..=4 * GIB, step: GIB },
    Size { cpu: 1024, memory: 2 * GIB..=8 * GIB, step: GIB },
    Size { cpu: 2048, memory: 4 * GIB..=16 * GIB, step: GIB },
    Size { cpu: 4096, memory: 8 * GIB..=30 * GIB, step: GIB },
    Size { cpu: 8192, memory: 16 * GIB..=60 * GIB, step: 4 * GIB },
    Size { cpu: MOST_CPU, memory: 32 * GIB..=MOST_MEMORY, step: 8 * GIB },
];

impl Size {
    /// The smallest CPU has three memories, each twice the one before; all others go in steps.
    fn memories(&self) -> Vec<u32> {
        let (low, high) = (*self.memory.start(), *self.memory.end());
        let next = |memory: &u32| Some(if self.step == 0 { memory * 2 } else { memory + self.step });
        std::iter::successors(Some(low), next).take_while(|memory| *memory <= high).collect()
    }
}

/// All CPU sizes, in CPU units.
pub(super) fn cpus() -> Vec<u32> {
    SIZES.iter().map(|size| size.cpu).collect()
}

/// The memories in MiB that go with a CPU size of a task, none for a size that Fargate does not have.
pub fn memories(cpu: u32) -> Option<Vec<u32>> {
    SIZES.iter().find(|size| size.cpu == cpu).map(Size::memories)
}

/// The memories that go with a CPU size in one line: each of a few, the ends and the step of many.
pub(super) fn described(memories: &[u32]) -> String {
    match memories {
        [first, second, .., last] if memories.len() > 7 => {
            format!("{first} to {last} in steps of {}", second.saturating_sub(*first))
        }
        _ => memories.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::{cpus, described, memories};

    #[test]
    fn the_pairs_of_the_developer_guide() {
        let lines: Vec<String> =
            cpus().into_iter().map(|cpu| format!("{cpu}: {}", described(&memories(cpu).unwrap()))).collect();
        let expected = [
            "256: 512, 1024, 2048",
            "512: 1024, 2048, 3072, 4096",
            "1024: 2048, 3072, 4096, 5120, 6144, 7168, 8192",
            "2048: 4096 to 16384 in steps of 1024",
            "4096: 8192 to 30720 in steps of 1024",
            "8192: 16384 to 61440 in steps of 4096",
            "16384: 32768 to 122880 in steps of 8192",
        ];
        assert_eq!(lines, expected);
        assert_eq!(memories(300), None);
    }
}

//! Sizes of Fargate tasks. Source: "Task CPU and memory" of the Amazon ECS developer guide, Linux containers.

use std::ops::RangeInclusive;

/// A CPU size and its memory sizes.
struct Size {
    /// CPU units; 1024 are one vCPU.
    cpu: u32,
    /// MiB, lowest and highest.
    memory: RangeInclusive<u32>,
    /// MiB between two memory sizes; 0 where each is twice the one before.
    step: u32,
}

const GIB: u32 = 1024;

/// The largest CPU size, in CPU units.
pub const MOST_CPU: u32 = 16384;

/// The largest memory size, in MiB.
pub const MOST_MEMORY: u32 = 120 * GIB;

/// A new size of Fargate is a new line here.
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
    fn memories(&self) -> Vec<u32> {
        let (low, high) = (*self.memory.start(), *self.memory.end());
        let next = |memory: &u32| Some(if self.step == 0 { memory * 2 } else { memory + self.step });
        std::iter::successors(Some(low), next).take_while(|memory| *memory <= high).collect()
    }
}

/// Returns all CPU sizes, in CPU units.
pub fn cpus() -> impl Iterator<Item = u32> {
    SIZES.iter().map(|size| size.cpu)
}

/// Returns the memory sizes of a CPU size, in MiB; `None` for a CPU size that Fargate does not have.
pub fn memories(cpu: u32) -> Option<Vec<u32>> {
    SIZES.iter().find(|size| size.cpu == cpu).map(Size::memories)
}

#[cfg(test)]
mod tests {
    use super::{cpus, memories};

    #[test]
    fn sizes_match_the_developer_guide() {
        let found: Vec<_> = cpus().map(|cpu| (cpu, memories(cpu).unwrap())).collect();
        let steps = |from: u32, to: u32, step: usize| (from..=to).step_by(step).collect::<Vec<u32>>();
        let expected = [
            (256, vec![512, 1024, 2048]),
            (512, steps(1024, 4096, 1024)),
            (1024, steps(2048, 8192, 1024)),
            (2048, steps(4096, 16384, 1024)),
            (4096, steps(8192, 30720, 1024)),
            (8192, steps(16384, 61440, 4096)),
            (16384, steps(32768, 122_880, 8192)),
        ];
        assert_eq!(found, expected);
        assert_eq!(memories(300), None);
    }
}

//! Task sizes in messages; the table itself is `aws_facts::sizes`.

pub(super) use aws_facts::sizes::{MOST_CPU, MOST_MEMORY, cpus, memories};

/// Describes the memory sizes of a CPU size in one line: each of a few, the ends and the step of many.
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
    fn describes_the_memory_sizes() {
        let lines: Vec<String> = cpus().map(|cpu| format!("{cpu}: {}", described(&memories(cpu).unwrap()))).collect();
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
    }
}

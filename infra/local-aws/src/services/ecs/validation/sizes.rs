//! Validation of task sizes.

use aws_facts::sizes::memories;

use crate::error::{Answer, AwsError};

use super::super::{invalid, refused};

/// A task's CPU units and MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Size {
    pub(in super::super) cpu: u32,
    pub(in super::super) memory: u32,
}

impl Size {
    /// Checks that Fargate has the size.
    pub(in super::super) fn check(self) -> Answer<Size> {
        let Size { cpu, memory } = self;
        if memories(cpu).is_some_and(|sizes| sizes.contains(&memory)) {
            return Ok(self);
        }
        Err(refused(format!(
            "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
             documentation for the valid values."
        )))
    }
}

/// Returns the size of a task, from its members and its compatibilities.
pub(in super::super) fn check(
    compatibilities: &[String],
    network_mode: Option<&str>,
    cpu: Option<&str>,
    memory: Option<&str>,
) -> Answer<Size> {
    const KNOWN: [&str; 4] = ["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"];
    for name in compatibilities {
        super::super::one_of("requiresCompatibilities", name, &KNOWN)?;
    }
    if let Some(other) = compatibilities.iter().find(|name| *name == "EXTERNAL" || *name == "MANAGED_INSTANCES") {
        return Err(AwsError::unsupported(format!("The compatibility {other}")));
    }
    let fargate = compatibilities.iter().any(|name| name == "FARGATE");
    if !compatibilities.is_empty() && !fargate {
        return Err(AwsError::unsupported("A task definition without the compatibility FARGATE"));
    }
    match network_mode {
        Some("awsvpc") => {}
        None | Some("bridge" | "host" | "none") => return Err(refused("Fargate only supports network mode ‘awsvpc’.")),
        Some(other) => {
            super::super::one_of("networkMode", other, &["awsvpc", "bridge", "host", "none"])?;
        }
    }
    let missing = |name| move || refused(format!("Fargate requires that '{name}' be defined at the task level."));
    let cpu = cpu.filter(|text| !text.is_empty()).ok_or_else(missing("cpu"))?;
    let memory = memory.filter(|text| !text.is_empty()).ok_or_else(missing("memory"))?;
    Size { cpu: cpu_units(cpu)?, memory: memory_mib(memory)? }.check()
}

/// `256`, `.25 vCPU`, `1 vcpu`.
pub(in super::super) fn cpu_units(text: &str) -> Answer<u32> {
    number(text, "vcpu").ok_or_else(|| invalid("Invalid 'cpu' setting for task."))
}

/// `512`, `0.5 GB`, `1GB`.
pub(in super::super) fn memory_mib(text: &str) -> Answer<u32> {
    number(text, "gb").ok_or_else(|| invalid("Invalid 'memory' setting for task."))
}

/// A whole number, or one of `unit`s of 1024.
fn number(text: &str, unit: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let Some(amount) = text.strip_suffix(unit) else { return text.parse().ok() };
    let (whole, fraction) = amount.trim().split_once('.').unwrap_or((amount.trim(), "0"));
    let digits = |text: &str| text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.is_empty() || (whole.is_empty() && !amount.contains('.')) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let thousandths = whole * 1024 * scale + fraction.parse::<u64>().ok()? * 1024;
    u32::try_from(thousandths / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_fargates() {
        let good = [
            (256, vec![512, 1024, 2048]),
            (512, vec![1024, 2048, 3072, 4096]),
            (1024, (2..=8).map(|gib| gib * 1024).collect()),
            (2048, (4..=16).map(|gib| gib * 1024).collect()),
            (4096, (8..=30).map(|gib| gib * 1024).collect()),
            (8192, (16..=60).step_by(4).map(|gib| gib * 1024).collect()),
            (16384, (32..=120).step_by(8).map(|gib| gib * 1024).collect()),
        ];
        for cpu in (0..=20_000).step_by(64) {
            for memory in (0..=130_000).step_by(256) {
                let wanted = good.iter().any(|(units, sizes)| *units == cpu && sizes.contains(&memory));
                assert_eq!(Size { cpu, memory }.check().is_ok(), wanted, "{cpu} {memory}");
            }
        }
    }

    #[test]
    fn sizes_are_said_in_several_ways() {
        for text in ["256", ".25 vCPU", "0.25vcpu", " 0.250 VCPU "] {
            assert_eq!(cpu_units(text).unwrap(), 256, "{text}");
        }
        for text in ["512", "0.5GB", ".5 gb", "0.50 GB"] {
            assert_eq!(memory_mib(text).unwrap(), 512, "{text}");
        }
        assert_eq!(memory_mib("30 GB").unwrap(), 30720);
        for text in ["a lot", "", "-256", "0x100", "1.5", "vCPU", "1..5 vCPU", "1e3 vCPU", "9999999 vCPU"] {
            assert!(cpu_units(text).is_err(), "{text}");
        }
    }
}

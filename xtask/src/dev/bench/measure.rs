//! Time and memory of processes, from `/proc` and the clock.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::effects::{interrupt, process};
use crate::error::Failure;

/// Time and memory of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Wall seconds.
    pub(super) seconds: f64,
    /// Highest resident memory of the process itself in MiB (`VmHWM`); 0 if the run was too short for one reading.
    pub(super) peak_mib: f64,
}

/// Runs a command until it exits successfully.
///
/// # Errors
/// It cannot start, or its exit code is not 0: the message has its last lines of output. Interrupted (130): the command is
/// terminated first.
pub(super) fn run(mut command: Command) -> anyhow::Result<Run> {
    interrupt::check()?;
    let name = format!("{command:?}");
    let log = tempfile()?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| format!("failed to start {name}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let mut terminated = false;
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("failed to wait for {name}"))? {
            break status;
        }
        // The high-water mark only grows, so the last reading before the exit counts.
        let text = fs::read_to_string(&status_file).unwrap_or_default();
        let mark =
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
        peak_kib = peak_kib.max(mark.unwrap_or(0_u64));
        if interrupt::requested() && !terminated {
            terminated = true;
            process::terminate(child.id());
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    interrupt::check()?;
    let seconds = begun.elapsed().as_secs_f64();
    if !status.success() {
        let mut log = log;
        std::io::Seek::rewind(&mut log)?;
        let output = std::io::read_to_string(log)?;
        let tail = output.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        return Err(Failure::failed(format!("{name} exited with {status}:\n{tail}")).into());
    }
    Ok(Run { seconds, peak_mib: peak_kib as f64 / 1024.0 })
}

/// Returns user and system seconds of a running process without its children: fields 14 and 15 of `/proc/<id>/stat`,
/// in ticks of 1/100 second.
///
/// # Errors
/// The process does not exist.
pub(super) fn cpu_seconds(id: u32) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat"))
        .with_context(|| format!("failed to read the state of process {id}"))?;
    // The second field is the program's name in parentheses, which may hold spaces.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at - 3).and_then(|field| field.parse::<f64>().ok());
    let (user, system) =
        ticks(14).zip(ticks(15)).with_context(|| format!("failed to read the CPU time of process {id}"))?;
    Ok((user + system) / 100.0)
}

/// Returns the highest resident memory of a running process so far, in MiB.
///
/// # Errors
/// The process does not exist.
pub(super) fn high_water_mib(id: u32) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/status"))
        .with_context(|| format!("failed to read the state of process {id}"))?;
    let mark = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    Ok(mark.with_context(|| format!("process {id} has no `VmHWM`"))? / 1024.0)
}

/// Creates a file without a name that the kernel removes when it is closed.
fn tempfile() -> anyhow::Result<fs::File> {
    let path = std::env::temp_dir().join(format!("slipway-measure-{}", std::process::id()));
    let file = fs::File::options().create(true).truncate(true).read(true).write(true).open(&path);
    let file = file.with_context(|| format!("failed to create `{}`", path.display()))?;
    fs::remove_file(&path).with_context(|| format!("failed to remove `{}`", path.display()))?;
    Ok(file)
}

/// Returns the median; of an even number of figures, the higher of the two in the middle.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures = figures.into_iter().collect::<Vec<_>>();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{median, run};

    #[test]
    fn measures_time_and_memory_and_reports_failure() {
        let mut sleep = Command::new("sleep");
        sleep.arg("0.05");
        let measured = run(sleep).unwrap();
        assert!(measured.seconds >= 0.05 && measured.peak_mib > 0.1, "{measured:?}");
        let mut fails = Command::new("ls");
        fails.arg("/no/such/folder");
        assert!(run(fails).unwrap_err().to_string().contains("/no/such/folder"));
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
    }
}

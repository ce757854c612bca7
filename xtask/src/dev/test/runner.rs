//! Test runners as child processes: their output is passed on line by line, and closing lines are counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::counts::Counts;
use crate::effects::interrupt;

/// Runs a test runner until it exits and copies its output to `show` as it arrives. A non-zero exit code without a failed
/// test in the closing lines (a runner that could not start, for example) counts as one failure.
pub(super) fn run(mut command: Command, show: &mut dyn Write) -> anyhow::Result<Counts> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Both streams share one pipe, so that lines keep their order.
    let (reader, writer) = std::io::pipe().context("failed to make a pipe")?;
    let stderr = writer.try_clone().context("failed to make a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(stderr)
        .spawn()
        .with_context(|| format!("failed to start `{program}`"))?;
    // The command holds the write ends of the pipe: the reader below sees the end of file only once they are closed.
    drop(command);
    let mut counts = Counts::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.with_context(|| format!("failed to read the output of `{program}`"))?;
        let line = String::from_utf8_lossy(&line);
        let _ = writeln!(show, "{line}");
        if let Some(found) = Counts::in_line(&line) {
            counts += found;
        }
    }
    let status = child.wait().with_context(|| format!("failed to wait for `{program}`"))?;
    if !status.success() && counts.failed == 0 && !interrupt::requested() {
        counts.failed += 1;
    }
    Ok(counts)
}

//! Foreign test runners: started, shown line by line, counted by their closing lines.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::counts::Counts;
use crate::effects::interrupt;

/// Runs a test runner to its end. Its output goes to `show` as it comes. A runner that exits with another code than 0
/// without a failed test in its closing lines (it could not start, say) counts as one failure.
pub(super) fn run(mut command: Command, show: &mut dyn Write) -> anyhow::Result<Counts> {
    let program = command.get_program().to_string_lossy().into_owned();
    // Both streams through one pipe, so that lines stay in the order they were written.
    let (reader, writer) = std::io::pipe().context("failed to make a pipe")?;
    let stderr = writer.try_clone().context("failed to make a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(stderr)
        .spawn()
        .with_context(|| format!("failed to start `{program}`"))?;
    // The command holds our ends of the pipe: the reader below sees its end only once they are gone.
    drop(command);
    let mut counts = Counts::default();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.with_context(|| format!("failed to read what `{program}` prints"))?;
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

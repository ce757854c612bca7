//! The load generator wrk, from a package of the host's archive: at full speed for some seconds, or at a rate until it is
//! stopped. Targets are on loopback only, and every run is bounded.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use camino::{Utf8Path, Utf8PathBuf};

use crate::dev::packages::{self, Unpacked};
use crate::effects::{interrupt, process};
use crate::report::Report;

/// Longest run at a rate, longer than any deployment of a measurement.
const LONGEST: Duration = Duration::from_secs(600);
/// Longest time from the signal to the summary: wrk polls its stop flag ten times per second.
const FIGURES: Duration = Duration::from_secs(20);
/// Duration of the run that measures the latency at a rate.
const TRIAL: Duration = Duration::from_secs(4);
/// Connections of a run at a rate. The pause between the requests of each gives the rate of all.
const PACED: u32 = 32;

/// The program.
#[derive(Debug)]
pub(super) struct Wrk {
    tools: Unpacked,
}

/// Target of the requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'p> {
    /// Address of the server.
    pub(super) address: SocketAddr,
    /// With a slash in front.
    pub(super) path: &'p str,
    /// A further header, `name: value`.
    pub(super) header: Option<&'p str>,
}

/// Result of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    /// Answered requests.
    pub(super) answered: usize,
    /// Socket errors, timeouts, and answers other than 2xx and 3xx.
    pub(super) failed: usize,
    /// Requests per second.
    pub(super) rate: f64,
}

impl Wrk {
    /// Unpacks wrk.
    pub(super) fn unpacked(root: &Utf8Path, report: &Report) -> anyhow::Result<Wrk> {
        Ok(Wrk { tools: packages::unpacked(root, "wrk", &["wrk"], report)? })
    }

    /// Runs at full speed and returns requests per second; a failed request is an error.
    pub(super) fn full(&self, page: &Page<'_>, connections: u32, seconds: u32) -> anyhow::Result<f64> {
        let mut command = self.command(page, connections, Duration::from_secs(seconds.into()));
        let summary = process::run(&mut command, Duration::from_secs(u64::from(seconds)) + LONGEST)?;
        let load = parse(&summary).with_context(|| format!("no figures in:\n{summary}"))?;
        ensure!(load.failed == 0, "{} of {} requests failed:\n{summary}", load.failed, load.answered);
        Ok(load.rate)
    }

    /// Starts a run at `rate` requests per second, until `Paced::stop`. The script is written to `folder`.
    pub(super) fn paced(&self, page: &Page<'_>, rate: f64, folder: &Utf8Path) -> anyhow::Result<Paced> {
        let script = folder.join("pace.lua");
        let pause = |seconds: f64| {
            fs::write(&script, format!("function delay() return {} end\n", (seconds.max(0.0) * 1000.0).floor()))
                .with_context(|| format!("failed to write `{script}`"))
        };
        // A connection pauses after its answer, so the latency is subtracted from the pause. A trial run measures it.
        let wanted = f64::from(PACED) / rate;
        pause(wanted)?;
        let mut trial = self.command(page, PACED, TRIAL);
        let summary = process::run(trial.args(["--script", script.as_str()]), TRIAL + LONGEST)?;
        let slower = parse(&summary).with_context(|| format!("no figures in:\n{summary}"))?.rate;
        pause(2.0 * wanted - f64::from(PACED) / slower)?;
        let output = folder.join("wrk.txt");
        let file = fs::File::create(&output).with_context(|| format!("failed to create `{output}`"))?;
        let mut command = self.command(page, PACED, LONGEST);
        // A process group of its own, for the signal that stops the run.
        command.args(["--script", script.as_str()]).process_group(0);
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        let child = command.spawn().context("failed to start wrk")?;
        Ok(Paced { child, output, begun: Instant::now(), rate })
    }

    fn command(&self, page: &Page<'_>, connections: u32, time: Duration) -> Command {
        let mut command = Command::new(self.tools.file("/usr/bin/wrk"));
        // One thread: the machine is shared with the servers. A slow answer is not a failure.
        command.env("LD_LIBRARY_PATH", self.tools.libraries()).args(["--threads", "1", "--timeout", "30s"]);
        command.args(["--connections", &connections.to_string(), "--duration", &format!("{}s", time.as_secs())]);
        page.header.iter().for_each(|header| {
            command.args(["--header", header]);
        });
        command.arg(format!("http://{}{}", page.address, page.path));
        command
    }
}

/// A run that goes on until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Paced {
    child: Child,
    output: Utf8PathBuf,
    begun: Instant,
    rate: f64,
}

impl Paced {
    /// Waits until about `requests` were sent, stops the run and returns its result.
    pub(super) fn stop(mut self, requests: usize) -> anyhow::Result<Load> {
        // While tasks are replaced, answers take longer than in the trial.
        let needed = Duration::from_secs_f64(1.3 * requests as f64 / self.rate);
        process::wait_until(needed.saturating_sub(self.begun.elapsed()), interrupt::requested);
        interrupt::check()?;
        process::interrupt_group(self.child.id());
        let exited = process::wait_until(FIGURES, || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)));
        ensure!(exited, "wrk did not exit within {} s", FIGURES.as_secs());
        let summary = fs::read_to_string(&self.output).with_context(|| format!("failed to read `{}`", self.output))?;
        parse(&summary).with_context(|| format!("no figures in:\n{summary}"))
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Parses wrk's summary.
fn parse(summary: &str) -> Option<Load> {
    let lines = || summary.lines().map(str::trim);
    let rate = lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    let answered = lines().find_map(|line| line.split_once(" requests in ")?.0.parse().ok())?;
    let broken = lines().find_map(|line| line.strip_prefix("Socket errors:")).unwrap_or_default();
    let broken = broken.split(',').filter_map(|part| part.trim().rsplit_once(' ')?.1.parse::<usize>().ok());
    let refused = lines().find_map(|line| line.strip_prefix("Non-2xx or 3xx responses:")?.trim().parse::<usize>().ok());
    Some(Load { answered, failed: broken.sum::<usize>() + refused.unwrap_or_default(), rate })
}

#[cfg(test)]
mod tests {
    use super::{Load, parse};

    #[test]
    fn counts_failures_of_every_kind() {
        let check = |errors: &str, failed: usize| {
            let summary = format!(
                "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 2 connections\n  Thread Stats   Avg      Stdev\n  \
                 21041 requests in 4.00s, 2.53MB read\n{errors}Requests/sec:   5260.25\nTransfer/sec:    647.30KB\n"
            );
            assert_eq!(parse(&summary), Some(Load { answered: 21_041, failed, rate: 5260.25 }));
        };
        check("", 0);
        check("  Socket errors: connect 1, read 20, write 0, timeout 300\n", 321);
        check("  Non-2xx or 3xx responses: 7\n", 7);
        check("  Socket errors: connect 0, read 1, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n", 8);
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
    }
}

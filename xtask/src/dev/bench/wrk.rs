//! wrk, the generator of load, of a package of the host's archive: as fast as it goes for some seconds, or at a rate until
//! it is told to end. It asks this machine only, and every run has an end.

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

/// Longest run at a rate: a deployment that has not ended by then has failed in other ways.
const LONGEST: Duration = Duration::from_secs(600);
/// From the signal to the figures: wrk looks ten times a second whether it is to end.
const FIGURES: Duration = Duration::from_secs(20);
/// Of the run that shows how long answers take at a rate.
const TRIAL: Duration = Duration::from_secs(4);
/// Connections of a run at a rate. Each waits between its requests for as long as makes the rate of all.
const PACED: u32 = 32;

/// The program.
#[derive(Debug)]
pub(super) struct Wrk {
    tools: Unpacked,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'p> {
    /// Who is asked.
    pub(super) address: SocketAddr,
    /// With a slash in front.
    pub(super) path: &'p str,
    /// A further header, `name: value`.
    pub(super) header: Option<&'p str>,
}

/// What a run saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    /// Requests that were answered.
    pub(super) answered: usize,
    /// Connections that broke, time-outs, and answers other than 2xx and 3xx.
    pub(super) failed: usize,
    /// Requests a second.
    pub(super) rate: f64,
}

impl Wrk {
    /// Unpacks it, once.
    pub(super) fn unpacked(root: &Utf8Path, report: &Report) -> anyhow::Result<Wrk> {
        Ok(Wrk { tools: packages::unpacked(root, "wrk", &["wrk"], report)? })
    }

    /// As fast as so many connections are answered, none of them with a failure.
    pub(super) fn full(&self, page: &Page<'_>, connections: u32, seconds: u32) -> anyhow::Result<f64> {
        let mut command = self.command(page, connections, Duration::from_secs(seconds.into()));
        let said = process::run(&mut command, Duration::from_secs(u64::from(seconds)) + LONGEST)?;
        let load = parse(&said).with_context(|| format!("no figures in:\n{said}"))?;
        ensure!(load.failed == 0, "{} of {} requests failed:\n{said}", load.failed, load.answered);
        Ok(load.rate)
    }

    /// So many requests a second, until `Paced::end`. `folder` takes the script.
    pub(super) fn paced(&self, page: &Page<'_>, rate: f64, folder: &Utf8Path) -> anyhow::Result<Paced> {
        let script = folder.join("pace.lua");
        let pause = |seconds: f64| {
            fs::write(&script, format!("function delay() return {} end\n", (seconds.max(0.0) * 1000.0).floor()))
                .with_context(|| format!("failed to write `{script}`"))
        };
        // A connection pauses when it has its answer: how long that takes is seen in a run that takes no account of it.
        let wanted = f64::from(PACED) / rate;
        pause(wanted)?;
        let mut trial = self.command(page, PACED, TRIAL);
        let said = process::run(trial.args(["--script", script.as_str()]), TRIAL + LONGEST)?;
        let slower = parse(&said).with_context(|| format!("no figures in:\n{said}"))?.rate;
        pause(2.0 * wanted - f64::from(PACED) / slower)?;
        let output = folder.join("wrk.txt");
        let file = fs::File::create(&output).with_context(|| format!("failed to create `{output}`"))?;
        let mut command = self.command(page, PACED, LONGEST);
        // A group of its own, so that the end of one run is the signal of one process.
        command.args(["--script", script.as_str()]).process_group(0);
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        let child = command.spawn().context("failed to start wrk")?;
        Ok(Paced { child, output, begun: Instant::now(), rate })
    }

    fn command(&self, page: &Page<'_>, connections: u32, time: Duration) -> Command {
        let mut command = Command::new(self.tools.file("/usr/bin/wrk"));
        // One thread: the machine is shared with what is measured. An answer that takes long is not a failure.
        command.env("LD_LIBRARY_PATH", self.tools.libraries()).args(["--threads", "1", "--timeout", "30s"]);
        command.args(["--connections", &connections.to_string(), "--duration", &format!("{}s", time.as_secs())]);
        page.header.iter().for_each(|header| {
            command.args(["--header", header]);
        });
        command.arg(format!("http://{}{}", page.address, page.path));
        command
    }
}

/// A run that goes on until it is ended, or dropped.
#[derive(Debug)]
pub(super) struct Paced {
    child: Child,
    output: Utf8PathBuf,
    begun: Instant,
    rate: f64,
}

impl Paced {
    /// Goes on until about `requests` were made, and ends it.
    pub(super) fn end(mut self, requests: usize) -> anyhow::Result<Load> {
        // Where tasks are replaced, answers take longer than in the trial.
        let needed = Duration::from_secs_f64(1.3 * requests as f64 / self.rate);
        process::wait_until(needed.saturating_sub(self.begun.elapsed()), interrupt::requested);
        interrupt::check()?;
        process::interrupt_group(self.child.id());
        let ended = process::wait_until(FIGURES, || matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)));
        ensure!(ended, "wrk did not end within {} s", FIGURES.as_secs());
        let said = fs::read_to_string(&self.output).with_context(|| format!("failed to read `{}`", self.output))?;
        parse(&said).with_context(|| format!("no figures in:\n{said}"))
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The figures of wrk's own summary.
fn parse(said: &str) -> Option<Load> {
    let lines = || said.lines().map(str::trim);
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
    fn failures_of_every_kind_are_counted() {
        let check = |errors: &str, failed: usize| {
            let said = format!(
                "Running 4s test @ http://127.0.0.1:1/\n  1 threads and 2 connections\n  Thread Stats   Avg      Stdev\n  \
                 21041 requests in 4.00s, 2.53MB read\n{errors}Requests/sec:   5260.25\nTransfer/sec:    647.30KB\n"
            );
            assert_eq!(parse(&said), Some(Load { answered: 21_041, failed, rate: 5260.25 }));
        };
        check("", 0);
        check("  Socket errors: connect 1, read 20, write 0, timeout 300\n", 321);
        check("  Non-2xx or 3xx responses: 7\n", 7);
        check("  Socket errors: connect 0, read 1, write 0, timeout 0\n  Non-2xx or 3xx responses: 7\n", 8);
        assert_eq!(parse("unable to connect to 127.0.0.1:1 Connection refused\n"), None);
    }
}

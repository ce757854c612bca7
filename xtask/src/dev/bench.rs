//! `cargo xtask bench`: the figures that README and docs claim, measured. Ratios compare two sides within one run, in
//! alternation. A measurement that misses its limit fails the command.

mod compile;
mod context;
mod deploy;
mod deployed;
mod local;
mod local_balancer;
mod local_registry;
mod local_stage;
mod measure;
mod original;
mod proof;
mod push;
mod size;
mod stack;
mod stack_original;
mod stage;
mod unchanged;
mod view;
mod wrk;

use camino::Utf8Path;

pub use proof::prove_once;

use crate::effects::interrupt;
use crate::error::Failure;
use crate::report::Report;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Measurement {
    /// `build` of this repository with nothing changed.
    Unchanged,
    /// `build` with nothing changed of a context of 100,000 files and 1 GiB.
    Context,
    /// `build` after a one-line change in a view, against the bare bake run of the same plan.
    View,
    /// The proof of a 300 MB image against `zstd -dc | tar t`.
    Proof,
    /// The app's layers above its base against those of the original recipe.
    Size,
    /// The local AWS emulator: start of a task, idle daemon, calls with many services.
    Local,
    /// The emulator's registry against Debian's `docker-registry`.
    LocalRegistry,
    /// The emulator's load balancer against nginx, and its failed requests while tasks are replaced and killed.
    LocalBalancer,
    /// `push` of a 300 MB image to the emulator's registry against crane.
    Push,
    /// `deploy`: a no-op, a changed view, requests while tasks are replaced. Takes several minutes.
    Deploy,
    /// The stack of `deploy` against the original, hand-made one. Takes several minutes.
    Stack,
    /// A clean build of this tool against a build of the AWS crates alone. Takes several minutes.
    Compile,
}

impl Measurement {
    /// The measurements of a run without `--only`, in order. `Compile` is left out: it takes longer than all others together.
    const USUAL: [Measurement; 11] = [
        Measurement::Unchanged,
        Measurement::Context,
        Measurement::View,
        Measurement::Proof,
        Measurement::Size,
        Measurement::Local,
        Measurement::LocalRegistry,
        Measurement::LocalBalancer,
        Measurement::Push,
        Measurement::Deploy,
        Measurement::Stack,
    ];
}

/// One line of the result table.
#[derive(Clone, Debug)]
struct Row {
    what: String,
    measured: String,
    bar: String,
    holds: bool,
}

impl Row {
    /// A figure with an upper limit.
    fn at_most(what: impl Into<String>, figure: f64, bar: f64, unit: &str) -> Row {
        let print =
            |number: f64| if number < 10.0 { format!("{number:.3} {unit}") } else { format!("{number:.1} {unit}") };
        Row { what: what.into(), measured: print(figure), bar: format!("at most {}", print(bar)), holds: figure <= bar }
    }

    /// A figure with a lower limit.
    fn at_least(what: impl Into<String>, figure: f64, bar: f64, unit: &str) -> Row {
        let (measured, bar_text) = (format!("{figure:.3} {unit}"), format!("at least {bar:.3} {unit}"));
        Row { what: what.into(), measured, bar: bar_text, holds: figure >= bar }
    }

    /// A figure without a limit.
    fn plain(what: impl Into<String>, measured: impl Into<String>) -> Row {
        Row { what: what.into(), measured: measured.into(), bar: String::new(), holds: true }
    }
}

/// Runs the measurements in `only`, or the usual ones, and prints the result table.
///
/// # Errors
/// A figure misses its limit, or a measurement fails.
pub fn run(root: &Utf8Path, only: &[Measurement], report: &Report) -> anyhow::Result<()> {
    let chosen = if only.is_empty() { &Measurement::USUAL } else { only };
    let mut rows = Vec::new();
    for measurement in chosen {
        if interrupt::requested() {
            return Err(Failure::interrupted("interrupted between two measurements").into());
        }
        report.step(format!("measuring: {measurement:?}"));
        rows.extend(match measurement {
            Measurement::Unchanged => unchanged::measure(root, report)?,
            Measurement::Context => context::measure(root, report)?,
            Measurement::View => view::measure(root, report)?,
            Measurement::Proof => proof::measure(report)?,
            Measurement::Size => size::measure(root, report)?,
            Measurement::Local => local::measure(root, report)?,
            Measurement::LocalRegistry => local_registry::measure(root, report)?,
            Measurement::LocalBalancer => local_balancer::measure(root, report)?,
            Measurement::Push => push::measure(root, report)?,
            Measurement::Deploy => deploy::measure(root, report)?,
            Measurement::Stack => stack::measure(root, report)?,
            Measurement::Compile => compile::measure(root, report)?,
        });
    }
    let width = rows.iter().map(|row| row.what.len()).max().unwrap_or_default();
    for row in &rows {
        let verdict = if row.bar.is_empty() {
            ""
        } else if row.holds {
            "  OK"
        } else {
            "  MISSED"
        };
        report.result(format!("{:<width$}  {:>14}  {}{verdict}", row.what, row.measured, row.bar));
    }
    let missed = rows.iter().filter(|row| !row.holds).count();
    if missed > 0 {
        return Err(Failure::failed(format!(
            "{missed} of {} limits were missed",
            rows.iter().filter(|row| !row.bar.is_empty()).count()
        ))
        .into());
    }
    Ok(())
}

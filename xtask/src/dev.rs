//! This repository's own tasks, `test` and `bench`, and what they run on. They are not part of the product: the cargo
//! feature `dev` leaves all of it out, and no other module names this one except the dispatch in `main.rs` and
//! `flags.rs`.

pub mod bench;
pub mod chromium;
pub mod packages;
pub mod postgres;
pub mod python;
pub mod test;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};

use crate::report::Report;

/// The verbs of this repository.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Runs every test suite and sets up what the suites need.
    Test(Test),
    /// Measures the figures that README and docs claim, as ratios within one run.
    Bench(Bench),
}

/// `cargo xtask test`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --fast\n  cargo xtask test --only nginx")]
pub struct Test {
    /// Runs only the suites that need no engine, in less than two minutes.
    #[arg(long)]
    pub fast: bool,
    /// Runs only this suite; may be repeated.
    #[arg(long, value_name = "SUITE", value_parser = test::suites::NameParser)]
    pub only: Vec<test::suites::Suite>,
}

/// `cargo xtask bench`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench --only unchanged --only proof")]
pub struct Bench {
    /// Runs only this measurement; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<bench::Measurement>,
    /// Proves one layout and exits: the process that the measurement `proof` observes.
    #[arg(long, value_name = "LAYOUT", hide = true)]
    pub prove: Option<Utf8PathBuf>,
}

impl Verb {
    /// Runs the verb in the repository `root`.
    ///
    /// # Errors
    /// The failure of the verb.
    pub fn run(self, root: &Utf8Path, report: &Report) -> anyhow::Result<()> {
        match self {
            Verb::Test(Test { fast, only }) => test::run(root, fast, &only, report),
            Verb::Bench(Bench { prove: Some(layout), .. }) => bench::prove_once(&layout),
            Verb::Bench(Bench { only, prove: None }) => bench::run(root, &only, report),
        }
    }
}

//! Plans: plain values built from what was observed and what is desired. `--dry-run` prints them; applying them is
//! somebody else's work.

pub mod bake;
pub mod build;
pub mod deploy;
pub mod local;
pub mod push;

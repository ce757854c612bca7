//! Slipway's tasks. `cargo xtask <verb>` is the only entry point; every verb reads as observe, plan, show, apply, report.
//! Modules in reading order; ARCHITECTURE.md has the map and the invariants.

pub mod flags;

pub mod commands;

pub mod checks;
pub mod ecs;
pub mod error;
pub mod image;
pub mod plan;
pub mod project;
pub mod release;

pub mod effects;
pub mod operations;
pub mod report;

#[cfg(feature = "dev")]
pub mod dev;

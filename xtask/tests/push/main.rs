//! `push` as a process against a registry on this machine: what is sent, what is not, and every fault on the way.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "../support/archives.rs"]
mod archives;
#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "../support/elves.rs"]
mod elves;
mod faults;
#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "../support/layouts.rs"]
mod layouts;
mod others;
mod pushes;
mod refusals;
mod registry;
mod rig;
#[expect(dead_code, reason = "the command line's own tests use the rest")]
#[path = "../cli/sandbox.rs"]
mod sandbox;

//! The program as a process, in small projects of its own: exit codes, what goes to which stream, and a whole `build`
//! against a docker client that is a script. Needs neither an engine nor a network.

#![expect(clippy::unwrap_used, clippy::panic, reason = "clippy knows test functions only, not what they call")]

#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "support/archives.rs"]
mod archives;
#[path = "cli/build.rs"]
mod build;
#[path = "cli/damage.rs"]
mod damage;
#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "support/elves.rs"]
mod elves;
#[expect(dead_code, reason = "the proof's own tests use the rest")]
#[path = "support/layouts.rs"]
mod layouts;
#[path = "cli/local.rs"]
mod local;
#[path = "cli/sandbox.rs"]
mod sandbox;
#[path = "cli/shell.rs"]
mod shell;
#[path = "cli/words.rs"]
mod words;

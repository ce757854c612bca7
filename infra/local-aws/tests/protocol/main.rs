//! The daemon as a process, asked over its socket: the wire, bad input, faults on request, its ends, its disk. No engine
//! is needed; nothing here starts a container.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions only, not what they call")]

mod control;
mod daemon;
mod disk;
mod ends;
mod logs;
mod scheduler;
mod wire;

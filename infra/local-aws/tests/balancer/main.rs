//! The balancer from outside: real sockets on loopback, targets that behave as told.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions only, not what they call")]

mod api;
mod backend;
mod bodies;
mod checks;
mod client;
mod draining;
mod forwarding;
mod refusals;
mod stage;
mod stress;

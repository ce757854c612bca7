//! The scheduler against a simulated runner and a simulated balancer: whole rollouts, step by step, with the rules of
//! rolling deployments checked after every tick. No engine, no clock, no network.

#![expect(clippy::unwrap_used, reason = "a test that finds nothing there has failed")]

mod breaker;
mod chaos;
mod daemon;
mod deletion;
mod emulator;
mod health;
mod rollouts;
mod simulator;
mod stopping;

//! ECS's API over a store in a temporary folder: what is taken, what is refused and in which words, what is answered. No
//! engine, no network, and no runner: a test moves tasks on itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that finds nothing there has failed")]

mod clusters;
mod definitions;
mod deployments;
mod emulator;
mod refused_definitions;
mod refused_members;
mod services;
mod tags;
mod tasks;

//! The local AWS emulator that the environment `local` deploys to: the wire protocols of what a deploy touches, over one
//! store, with real containers. `README.md` of this crate lists what differs from AWS.
//!
//! In reading order:

/// Names of services and actions.
pub mod api;
/// The load balancer in front of the tasks.
pub mod balancer;
/// What `cargo xtask local` asks the daemon for.
pub mod control;
/// The daemon as a whole: started, stopped.
pub mod daemon;
/// The context that all parts share.
pub mod emulator;
/// Requests to the API, from the wire to the service and back.
pub mod endpoint;
/// The one thing a call may fail with.
pub mod error;
/// Faults on request, for tests.
pub mod faults;
/// What was typed, checked.
pub mod flags;
/// Output of containers, kept on disk.
pub mod log_store;
/// The wire: JSON 1.1 and Query, requests in and answers out.
pub mod protocol;
/// The OCI registry that ECR is in front of.
pub mod registry;
/// Observed state: tasks as containers.
pub mod runner;
/// Desired state: which tasks a service should have. Pure.
pub mod scheduler;
/// What is there at the start, as `infra up` leaves it on AWS.
pub mod seed;
/// One module per AWS service.
pub mod services;
/// What the daemon was started with, and the names derived from it.
pub mod settings;
/// Everything the daemon knows, in one place, kept on disk.
pub mod store;
/// Times, as AWS writes them.
pub mod time;

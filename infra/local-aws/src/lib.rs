//! The local AWS emulator that the environment `local` deploys to: the wire protocols of what a deploy touches, over one
//! store, with real containers. `README.md` of this crate lists what differs from AWS.
//!
//! In reading order:

/// Names of services and actions.
pub mod api;
/// The load balancer in front of the tasks.
pub mod balancer;
/// The control routes of `cargo xtask local`.
pub mod control;
/// Start and stop of the daemon.
pub mod daemon;
/// The context that all parts share.
pub mod emulator;
/// Requests to the API, from the wire to the service and back.
pub mod endpoint;
/// The error of every call.
pub mod error;
/// Fault injection, for tests.
pub mod faults;
/// The command line.
pub mod flags;
/// Output of containers, kept on disk.
pub mod log_store;
/// The wire formats: JSON 1.1, Query and REST-JSON.
pub mod protocol;
/// The moments of schedule expressions in a time zone. Pure.
pub mod recurrence;
/// The OCI registry behind ECR.
pub mod registry;
/// The runner of tasks as containers.
pub mod runner;
/// The clock of EventBridge Scheduler: it invokes the targets of schedules.
pub mod schedule_clock;
/// The scheduler of services' tasks. Pure.
pub mod scheduler;
/// The initial state, as `infra up` leaves it on AWS.
pub mod seed;
/// One module per AWS service.
pub mod services;
/// Settings of the daemon, and the names derived from them.
pub mod settings;
/// The state of every service, kept on disk.
pub mod store;
/// Timestamps in AWS's formats.
pub mod time;

//! Mishaps on request, for tests: throttle an action, fail the nth call, delay, drop a connection, expire a token. They
//! live in memory and are gone with the daemon.

/// The mishaps that are waiting to happen. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Faults {}

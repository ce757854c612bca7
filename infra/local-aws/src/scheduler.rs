//! Desired state: which tasks a service should have. Pure: `tick` is given the state and the time, and changes nothing
//! but the state. That tasks become containers is `runner`'s.

pub mod deployments;

use crate::daemon::World;
use crate::settings::Settings;
use crate::store::State;
use crate::time::Timestamp;

/// Brings every service one step nearer to what it should be. Says when to look again even if nothing changes.
pub fn tick(_state: &mut State, _settings: &Settings, _now: Timestamp) -> Option<Timestamp> {
    None
}

/// Ticks at every change and whenever `tick` asked for it, for as long as the daemon runs.
pub async fn run(world: World) {
    let _ = &world;
    std::future::pending::<()>().await;
}

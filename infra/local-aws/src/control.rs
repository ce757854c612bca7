//! What `cargo xtask local` asks the daemon for, below `/_local/`: its status, its end. Not AWS's, and no AWS client
//! ever asks for it.

use axum::Router;

use crate::daemon::World;

/// The routes below `/_local/`.
pub fn routes() -> Router<World> {
    Router::new()
}

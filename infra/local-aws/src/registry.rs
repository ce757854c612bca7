//! The OCI registry that ECR is in front of: `/v2/…`, with ECR's quirks. Blobs lie under `<state>/registry/`.

pub mod auth;
mod blobs;
pub mod digest;
pub mod images;
mod manifest;

use axum::Router;

use crate::daemon::World;

/// The routes below `/v2/`.
pub fn routes() -> Router<World> {
    Router::new()
}

//! The daemon as a whole: what its parts share, and how they are started.

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;

use crate::faults::Faults;
use crate::log_store::LogStore;
use crate::settings::Settings;
use crate::store::Store;
use crate::{balancer, control, protocol, registry, runner, scheduler};

/// What every part of the daemon is given. Cheap to clone.
#[derive(Clone, Debug)]
pub struct World {
    /// What it was started with.
    pub settings: Arc<Settings>,
    /// Everything it knows.
    pub store: Store,
    /// Output of containers.
    pub logs: LogStore,
    /// Mishaps on request.
    pub faults: Faults,
}

/// All routes of the endpoint.
pub fn routes(world: World) -> Router {
    let api = post(async |State(world): State<World>, headers: HeaderMap, body: Bytes| {
        protocol::answer(&world, &headers, body).await
    });
    Router::new().route("/", api).merge(registry::routes()).merge(control::routes()).with_state(world)
}

/// Serves until it is told to end.
///
/// # Errors
/// The port is taken, the state cannot be read.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let store = Store::open(&settings.state)?;
    let listener = tokio::net::TcpListener::bind(settings.endpoint)
        .await
        .with_context(|| format!("failed to listen on {}", settings.endpoint))?;
    let world = World {
        logs: LogStore::new(&settings.state),
        settings: Arc::new(settings),
        store: store.clone(),
        faults: Faults::default(),
    };
    registry::prepare(&world);
    tokio::spawn(store.persist());
    tokio::spawn(scheduler::run(world.clone()));
    tokio::spawn(runner::run(world.clone()));
    tokio::spawn(balancer::run(world.clone()));
    axum::serve(listener, routes(world)).await.context("failed to serve")
}

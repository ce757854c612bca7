//! The daemon as a whole: what its parts share, how they are started, how they end.

mod connections;
mod guard;
mod record;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::faults::Faults;
use crate::log_store::LogStore;
use crate::seed::{self, Seed};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::Timestamp;
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

/// The routes of AWS's: API and registry.
pub fn routes(world: World) -> Router {
    let api = any(async |State(world): State<World>, request: Request| protocol::answer(&world, request).await);
    Router::new().route("/", api).merge(registry::routes()).fallback(protocol::nothing_here).with_state(world)
}

/// Serves until it is told to end: by SIGTERM or SIGINT, which leave the containers to the next daemon, or by
/// `/_local/stop`, which ends them first.
///
/// # Errors
/// The port is taken, the state cannot be read, another daemon has it.
pub async fn serve(settings: Settings, seed: &Seed) -> anyhow::Result<()> {
    let _lock = record::lock(&settings.state)?;
    let store = Store::open(&settings.state)?;
    let (listener, settings) = listen(settings).await?;
    let mut signals = Signals::new()?;
    let world = World {
        logs: LogStore::new(&settings.state),
        settings: Arc::new(settings),
        store: store.clone(),
        faults: Faults::default(),
    };
    store.update(|state| (seed::apply(state, seed, &world.settings, Timestamp::now(), &mut seed::random), ()));
    registry::prepare(&world);
    tokio::spawn(store.clone().persist());
    let scheduler = tokio::spawn(scheduler::run(world.clone()));
    tokio::spawn(runner::run(world.clone()));
    tokio::spawn(balancer::run(world.clone()));
    let stop = watch::Sender::new(false);
    let mut stopped = stop.subscribe();
    let all = guard::guarded(routes(world.clone()).merge(control::routes(world.clone(), stop)));
    tokio::spawn(connections::serve(listener, all));
    record::write(&world.settings)?;
    eprintln!("listening on http://{}", world.settings.endpoint);
    tokio::select! {
        () = signals.next() => eprintln!("ending; containers go on and are found again"),
        // The sender lives in the routes.
        _ = stopped.wait_for(|is_wanted| *is_wanted) => {
            // Nothing may take the place of what ends.
            scheduler.abort();
            tokio::select! {
                ended = runner::stop_all(&world) => {
                    ended.context("failed to end all tasks")?;
                    eprintln!("all tasks have ended");
                }
                () = signals.next() => eprintln!("ending at once; what is left of the containers is found again"),
            }
        }
    }
    store.durable().await.context("the last changes are lost")?;
    record::remove(&world.settings);
    Ok(())
}

async fn listen(settings: Settings) -> anyhow::Result<(TcpListener, Settings)> {
    let wanted = settings.endpoint;
    let listener = TcpListener::bind(wanted).await.with_context(|| {
        format!("failed to listen on {wanted}; end the program that listens there, or give another `--endpoint`")
    })?;
    let endpoint = listener.local_addr().context("failed to learn the address")?;
    Ok((listener, Settings { endpoint, ..settings }))
}

/// The two signals that end the daemon.
struct Signals(Signal, Signal);

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let hear = |kind| signal(kind).context("failed to listen for signals");
        Ok(Signals(hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

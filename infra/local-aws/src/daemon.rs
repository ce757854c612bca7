//! The daemon: its parts are created, started and stopped here.

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

use crate::emulator::Emulator;
use crate::faults::Faults;
use crate::log_store::LogStore;
use crate::seed::{self, Seed};
use crate::settings::Settings;
use crate::store::Store;
use crate::time::Timestamp;
use crate::{balancer, control, endpoint, registry, runner, schedule_clock, scheduler};

/// Paths of the services that speak REST-JSON.
const REST_PATHS: [&str; 5] =
    ["/schedules", "/schedules/{*name}", "/schedule-groups", "/schedule-groups/{*name}", "/tags/{*arn}"];

/// The routes of AWS's: API and registry.
pub fn routes(emulator: Emulator) -> Router {
    let api =
        any(async |State(emulator): State<Emulator>, request: Request| endpoint::answer(&emulator, request).await);
    let mut router = Router::new().route("/", api.clone());
    for path in REST_PATHS {
        router = router.route(path, api.clone());
    }
    router.merge(registry::routes()).fallback(endpoint::nothing_here).with_state(emulator)
}

/// Serves until it is stopped: by SIGTERM or SIGINT, which leave the containers to the next daemon, or by
/// `/_local/stop`, which ends them first.
///
/// # Errors
/// The port is in use, the state cannot be read, or another daemon holds it.
pub async fn serve(settings: Settings, seed: &Seed) -> anyhow::Result<()> {
    let _lock = record::lock(&settings.state)?;
    let store = Store::open(&settings.state)?;
    let (listener, settings) = listen(settings).await?;
    let mut signals = Signals::new()?;
    let emulator = Emulator {
        logs: LogStore::new(&settings.state),
        settings: Arc::new(settings),
        store: store.clone(),
        faults: Faults::default(),
    };
    store.update(|state| (seed::apply(state, seed, &emulator.settings, Timestamp::now(), &mut seed::random), ()));
    store.update(|state| (schedule_clock::resume(state, Timestamp::now()), ()));
    registry::prepare(&emulator);
    tokio::spawn(store.clone().persist());
    let scheduler = tokio::spawn(scheduler::run(emulator.clone()));
    let schedule_clock = tokio::spawn(schedule_clock::run(emulator.clone()));
    tokio::spawn(runner::run(emulator.clone()));
    tokio::spawn(balancer::run(emulator.clone()));
    let stop = watch::Sender::new(false);
    let mut stopped = stop.subscribe();
    let all = guard::guarded(routes(emulator.clone()).merge(control::routes(emulator.clone(), stop)));
    tokio::spawn(connections::serve(listener, all));
    record::write(&emulator.settings)?;
    eprintln!("listening on http://{}", emulator.settings.endpoint);
    tokio::select! {
        () = signals.next() => eprintln!("ending; containers go on and are found again"),
        // The sender lives in the routes.
        _ = stopped.wait_for(|is_wanted| *is_wanted) => {
            // Nothing may take the place of what ends.
            scheduler.abort();
            schedule_clock.abort();
            tokio::select! {
                ended = runner::stop_all(&emulator) => {
                    ended.context("failed to end all tasks")?;
                    eprintln!("all tasks have ended");
                }
                () = signals.next() => eprintln!("ending at once; what is left of the containers is found again"),
            }
        }
    }
    store.durable().await.context("the last changes are lost")?;
    record::remove(&emulator.settings);
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

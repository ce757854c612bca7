//! What `cargo xtask local` asks the daemon for, below `/_local/`: its status, its end, faults. Not AWS's, and no AWS
//! client ever asks for it.

mod kill;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::emulator::Emulator;
use crate::faults::Rule;
use crate::settings::ACCOUNT;
use crate::store::State as Known;
use crate::store::ecs::Service;
use crate::store::task::TaskStatus;
use crate::time::Timestamp;

/// The routes below `/_local/`. `stop` signals that everything stops.
pub fn routes(emulator: Emulator, stop: watch::Sender<bool>) -> Router {
    let stop = Arc::new(stop);
    let end = post(async move || {
        stop.send_replace(true);
        reply(StatusCode::ACCEPTED, &json!({ "outcome": "stopping" }))
    });
    let faults = get(async |State(emulator): State<Emulator>| waiting(&emulator)).post(add_fault).delete(
        async |State(emulator): State<Emulator>| {
            emulator.faults.clear();
            waiting(&emulator)
        },
    );
    Router::new()
        .route(
            "/_local/status",
            get(async |State(emulator): State<Emulator>| reply(StatusCode::OK, &status(&emulator))),
        )
        .route("/_local/stop", end)
        .route("/_local/faults", faults)
        .with_state(emulator)
}

fn reply(status: StatusCode, document: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

fn waiting(emulator: &Emulator) -> Response {
    reply(StatusCode::OK, &json!({ "faults": emulator.faults.waiting() }))
}

fn status(emulator: &Emulator) -> Value {
    let settings = &emulator.settings;
    let (balancers, services) = emulator.store.read(|state| {
        let services: Vec<Value> = state.ecs.services.values().map(|service| line(state, service)).collect();
        let balancers: Vec<Value> = state
            .elb
            .load_balancers
            .values()
            .filter_map(|one| {
                let listener = one.listener.as_ref()?;
                let url = format!("http://{}", listener.address);
                Some(json!({ "name": one.name, "url": url, "problem": listener.problem }))
            })
            .collect();
        (balancers, services)
    });
    json!({
        "endpoint": format!("http://{}", settings.endpoint),
        "registry": settings.registry(),
        "region": settings.region,
        "account": ACCOUNT,
        "pid": std::process::id(),
        "instance": settings.instance,
        "version": env!("CARGO_PKG_VERSION"),
        "balancers": balancers,
        "services": services,
    })
}

/// A service, by the names that ECS gives these facts.
fn line(state: &Known, service: &Service) -> Value {
    let group = format!("service:{}", service.name);
    let tasks = state.ecs.tasks.values().filter(|task| task.cluster == service.cluster && task.group == group);
    let (mut running, mut pending) = (0, 0);
    for task in tasks {
        match task.last_status {
            TaskStatus::Running => running += 1,
            status if status < TaskStatus::Running => pending += 1,
            _ => {}
        }
    }
    json!({
        "serviceName": service.name,
        "cluster": service.cluster,
        "status": service.status,
        "taskDefinition": service.task_definition,
        "desiredCount": service.desired_count,
        "runningCount": running,
        "pendingCount": pending,
    })
}

/// What happens at once, rather than to a request to come.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Deed {
    /// All tokens of the registry that were given so far are no good any more.
    ExpireTokens {},
    /// Containers of a task get SIGKILL: the named one, or all.
    Kill { task: String, container: Option<String> },
}

async fn add_fault(State(emulator): State<Emulator>, body: String) -> Response {
    match ask(&emulator, &body).await {
        Ok(()) => waiting(&emulator),
        Err((status, message)) => reply(status, &json!({ "message": message })),
    }
}

async fn ask(emulator: &Emulator, body: &str) -> Result<(), (StatusCode, String)> {
    let wrong = |error: serde_json::Error| (StatusCode::BAD_REQUEST, error.to_string());
    let document: Value = serde_json::from_str(body).map_err(wrong)?;
    if !matches!(document["kind"].as_str(), Some("expire-tokens" | "kill")) {
        let rule: Rule = serde_json::from_str(body).map_err(wrong)?;
        if let Some(problem) = rule.problem() {
            return Err((StatusCode::BAD_REQUEST, problem.to_owned()));
        }
        emulator.faults.add(rule);
        return Ok(());
    }
    match serde_json::from_str(body).map_err(wrong)? {
        Deed::ExpireTokens {} => emulator.faults.expire_tokens(Timestamp::now()),
        Deed::Kill { task, container } => kill::kill(emulator, &task, container.as_deref())
            .await
            .map_err(|error| (StatusCode::CONFLICT, format!("{error:#}")))?,
    }
    Ok(())
}

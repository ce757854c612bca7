//! The load balancer in front of the tasks: listeners on loopback, health checks, draining. Which targets there are is
//! in the store; which requests are in flight is here. HTTP/1.1 only, on both sides.
//!
//! `run` looks at the store at every change and makes what is here the same; requests never look at the store.

mod activity;
mod answers;
mod connections;
mod forward;
mod headers;
mod health;
mod health_checker;
mod listener;
mod pool;
mod relay;
mod routing;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::connections::{Front, Terms, Workers};
use self::health_checker::Place;
use self::routing::{Algorithm, Routing, Table};
use self::target::Target;
use crate::emulator::Emulator;
use crate::store::Store;
use crate::store::elb::{Elb, TargetState};

/// ALB's default of `idle_timeout.timeout_seconds`.
pub const IDLE_TIMEOUT_SECONDS: u32 = 60;

/// Serves every load balancer of the store for as long as the daemon runs.
pub async fn run(emulator: Emulator) {
    raise_file_limit();
    let workers = match Workers::start() {
        Ok(workers) => workers,
        Err(error) => {
            eprintln!("error: {error:#}; no load balancer is served");
            return;
        }
    };
    let mut here = Here { store: emulator.store.clone(), workers, groups: BTreeMap::new(), fronts: BTreeMap::new() };
    let mut changes = emulator.store.changes();
    loop {
        changes.borrow_and_update();
        let wanted = emulator.store.read(|state| Wanted::of(&state.elb));
        here.become_as(wanted);
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Every connection takes a file descriptor, and its request another one: as many as we may have.
fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What cannot be raised stays as it is.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// What the store wants of the balancer.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    groups: BTreeMap<String, WantedGroup>,
    /// ARN of a load balancer → its port.
    fronts: BTreeMap<String, WantedFront>,
}

#[derive(Debug, PartialEq, Eq)]
struct WantedGroup {
    in_use: bool,
    algorithm: Algorithm,
    targets: Vec<(Place, TargetState)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct WantedFront {
    address: SocketAddr,
    target_group: String,
    idle: Duration,
}

impl Wanted {
    fn of(elb: &Elb) -> Wanted {
        let fronts = elb.load_balancers.iter().filter_map(|(arn, one)| {
            let listener = one.listener.as_ref()?;
            let idle = one.attributes.get("idle_timeout.timeout_seconds").and_then(|text| text.parse().ok());
            let front = WantedFront {
                address: listener.address,
                target_group: listener.target_group.clone(),
                idle: Duration::from_secs(u64::from(idle.unwrap_or(IDLE_TIMEOUT_SECONDS))),
            };
            Some((arn.clone(), front))
        });
        let fronts = fronts.collect::<BTreeMap<_, _>>();
        let used = fronts.values().map(|front| &front.target_group).collect::<BTreeSet<_>>();
        let groups = elb.target_groups.iter().map(|(arn, group)| {
            (
                arn.clone(),
                WantedGroup {
                    in_use: used.contains(arn),
                    algorithm: match group.attributes.get("load_balancing.algorithm.type").map(String::as_str) {
                        Some("least_outstanding_requests") => Algorithm::LeastOutstanding,
                        _ => Algorithm::RoundRobin,
                    },
                    targets: group.targets.iter().map(|target| (Place::of(target), target.state)).collect(),
                },
            )
        });
        Wanted { groups: groups.collect(), fronts }
    }
}

/// What is here.
struct Here {
    store: Store,
    workers: Workers,
    groups: BTreeMap<String, Group>,
    fronts: BTreeMap<String, Front>,
}

#[derive(Default)]
struct Group {
    routing: Arc<Routing>,
    targets: BTreeMap<Place, Known>,
}

/// A target, and what ends the task that looks after it.
struct Known {
    target: Arc<Target>,
    over: CancellationToken,
    checked: bool,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.target.close();
        self.over.cancel();
    }
}

impl Here {
    fn become_as(&mut self, wanted: Wanted) {
        self.groups.retain(|arn, group| {
            let stays = wanted.groups.contains_key(arn);
            if !stays {
                group.routing.replace(Table::default());
            }
            stays
        });
        for (arn, wanted) in wanted.groups {
            let mut group = self.groups.remove(&arn).unwrap_or_default();
            self.group_becomes(&arn, &mut group, &wanted);
            self.groups.insert(arn, group);
        }
        self.fronts.retain(|arn, front| {
            let stays = wanted.fronts.get(arn).is_some_and(|wanted| wanted.address == front.address);
            if !stays {
                front.closed.cancel();
            }
            stays
        });
        for (arn, wanted) in wanted.fronts {
            let Some(group) = self.groups.get(&wanted.target_group) else { continue };
            let terms = Terms { routing: Arc::clone(&group.routing), idle: wanted.idle };
            if let Some(front) = self.fronts.get(&arn) {
                *front.terms.write().unwrap_or_else(PoisonError::into_inner) = terms;
                continue;
            }
            let terms = Arc::new(RwLock::new(terms));
            let front = Front { address: wanted.address, terms, closed: CancellationToken::new() };
            tokio::spawn(listener::run(self.store.clone(), arn.clone(), front.clone(), self.workers.clone()));
            self.fronts.insert(arn, front);
        }
    }

    fn group_becomes(&self, arn: &str, group: &mut Group, wanted: &WantedGroup) {
        let places = wanted.targets.iter().map(|(place, _)| place).collect::<BTreeSet<_>>();
        group.targets.retain(|place, known| {
            let stays = places.contains(place);
            if !stays {
                self.forget(&known.target);
            }
            stays
        });
        let (mut healthy, mut others) = (Vec::new(), Vec::new());
        for (place, state) in &wanted.targets {
            let draining = *state == TargetState::Draining;
            // One that came back while it was draining is a new one: the old one takes no request any more.
            if group.targets.get(place).is_some_and(|known| known.target.is_closed()) && !draining {
                group.targets.remove(place);
            }
            let known = group.targets.entry(place.clone()).or_insert_with(|| Known {
                target: Target::new(place.reached_at),
                over: CancellationToken::new(),
                checked: false,
            });
            if draining {
                if !known.target.is_closed() {
                    known.target.close();
                    known.over.cancel();
                    known.over = CancellationToken::new();
                    self.forget(&known.target);
                    let watch = health_checker::HealthChecker::new(&self.store, arn, place, &known.target);
                    tokio::spawn(watch.drain(known.over.clone()));
                }
                continue;
            }
            if known.checked != wanted.in_use {
                known.over.cancel();
                known.over = CancellationToken::new();
                known.checked = wanted.in_use;
                if wanted.in_use {
                    let watch = health_checker::HealthChecker::new(&self.store, arn, place, &known.target);
                    tokio::spawn(watch.check(known.over.clone()));
                }
            }
            let side = if *state == TargetState::Healthy { &mut healthy } else { &mut others };
            side.push(Arc::clone(&known.target));
        }
        // AWS: "If a target group contains only unhealthy registered targets, the load balancer routes requests to all".
        let targets = if healthy.is_empty() { others } else { healthy };
        group.routing.replace(Table { targets, algorithm: wanted.algorithm });
    }

    /// Closes idle connections to a target, on every worker.
    fn forget(&self, target: &Target) {
        let (workers, id) = (self.workers.clone(), target.id);
        tokio::spawn(async move { workers.forget(id).await });
    }
}

//! Service events, in AWS's wording.

use super::health::Failure;
use crate::store::ecs::{Event, Service};
use crate::time::Timestamp;

/// How many events a service keeps, as AWS does.
const KEPT: usize = 100;

const STEADY: &str = "has reached a steady state.";

/// Adds an event.
pub(super) fn push(service: &mut Service, now: Timestamp, text: &str) {
    let message = format!("(service {}) {text}", service.name);
    keep(service, now, message);
}

/// Adds an event unless the service had it already since it was steady last: AWS omits duplicates until
/// the cause is resolved.
pub(super) fn push_once(service: &mut Service, now: Timestamp, text: &str) -> bool {
    let message = format!("(service {}) {text}", service.name);
    let recent = service.events.iter().take_while(|event| !event.message.ends_with(STEADY));
    let told = recent.into_iter().any(|event| event.message == message);
    if !told {
        keep(service, now, message);
    }
    !told
}

/// Tells of targets that begin to drain; the only event that names the deployment this way.
pub(super) fn draining(service: &mut Service, now: Timestamp, deployment: &str, count: usize) {
    let message =
        format!("(service {}, taskSet {deployment}) has begun draining connections on {count} tasks.", service.name);
    keep(service, now, message);
}

fn keep(service: &mut Service, now: Timestamp, message: String) {
    service.events.push_front(Event { id: uuid::Uuid::new_v4().to_string(), created_at: now, message });
    service.events.truncate(KEPT);
}

/// `has reached a steady state.`
pub(super) fn steady() -> &'static str {
    STEADY
}

/// `(task …) (task …)`.
pub(super) fn tasks<'a>(ids: impl IntoIterator<Item = &'a String>) -> String {
    ids.into_iter().map(|id| format!("(task {id})")).collect::<Vec<_>>().join(" ")
}

/// The event of a task that fails its checks.
pub(super) fn unhealthy(id: &str, failure: &Failure) -> String {
    match failure {
        Failure::Container => format!("(task {id}) failed container health checks."),
        Failure::Target { group, port, description } => {
            format!("(task {id}) (port {port}) is unhealthy in (target-group {group}) due to (reason {description}).")
        }
    }
}

/// Why such a task is stopped.
pub(super) fn stopped_reason(failure: &Failure) -> String {
    match failure {
        Failure::Container => "Task failed container health checks".into(),
        Failure::Target { group, .. } => format!("Task failed ELB health checks in (target-group {group})"),
    }
}

/// Returns whether a task that ended for this reason had failed its checks.
pub(super) fn failed_checks(reason: &str) -> bool {
    reason.starts_with("Task failed ")
}

//! Causes that the load balancer shows: what its probe got instead of a good answer. It says so of targets that are
//! registered, and in service events of those that are gone.

use super::cause::{Cause, CauseId};
use super::{Evidence, HealthProbe};

/// By target health, and by events about it.
pub(super) fn by_health(evidence: &Evidence<'_>) -> Option<Cause> {
    let unhealthy = evidence.targets.iter().filter(|target| target.state == "unhealthy");
    let of_targets = unhealthy.map(|target| {
        let why = target.description.as_deref().or(target.reason.as_deref()).unwrap_or_default();
        format!("{why} {}", target.reason.as_deref().unwrap_or_default())
    });
    let of_events =
        evidence.events.iter().map(|event| event.message.clone()).filter(|text| text.contains("is unhealthy in"));
    let container = evidence.definition.and_then(|definition| {
        let defined = definition.view().container_definitions.iter();
        defined.into_iter().find(|one| !one.port_mappings.is_empty()).map(|one| one.name.clone())
    });
    let probe = evidence.probe.clone().unwrap_or_default();
    of_targets.chain(of_events).find_map(|text| cause(&text, &probe)).map(|cause| cause.culprit(container.as_deref()))
}

fn cause(text: &str, probe: &HealthProbe) -> Option<Cause> {
    let HealthProbe { path, matcher } = probe;
    if let Some(code) = code(text) {
        let got = format!("the load balancer asks for `{path}` and gets {code}, where {matcher} is good");
        let id = match code {
            300..=399 => CauseId::HealthPathRedirects,
            400 => CauseId::HostNotAllowed,
            _ => CauseId::HealthCheckFailing,
        };
        return Some(Cause::new(id, got));
    }
    if text.contains("timed out") || text.contains("Target.Timeout") {
        return Some(Cause::new(
            CauseId::HealthCheckTimeout,
            format!("`{path}` does not answer the load balancer in time"),
        ));
    }
    if text.contains("Health checks failed") || text.contains("Target.FailedHealthChecks") {
        let text = format!("nobody answers the load balancer's check of `{path}` at the container's port");
        return Some(Cause::new(CauseId::PortNotListening, text));
    }
    None
}

/// The status in `Health checks failed with these codes: [404]`.
fn code(text: &str) -> Option<u16> {
    text.split("these codes: [").nth(1)?.split(']').next()?.split(',').next()?.trim().parse().ok()
}

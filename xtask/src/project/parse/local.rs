//! `[local]` of the environment `local`: where the substitute for AWS listens on this machine.

use std::net::SocketAddr;

use super::super::{EnvironmentName, Local};
use super::problems::quoted;
use super::serving;
use super::table::{Entry, Table};

/// The table. The outer `None` is a problem; the inner one is every environment but `local`.
pub(super) fn local(environment: EnvironmentName, root: &mut Table<'_>) -> Option<Option<Local>> {
    let entry = root.optional("local");
    if !environment.is_local() {
        let Some(entry) = entry else { return Some(None) };
        let hint = "only `local` has a substitute: another endpoint than AWS's own is the key `endpoint`";
        entry.refuse_key(format!("`{environment}` has a substitute for AWS"), hint);
        return None;
    }
    let default = Local::default();
    let Some(entry) = entry else { return Some(Some(default)) };
    let mut table = entry.table("[local]")?;
    let endpoint = table.optional("endpoint");
    let balancer = table.optional("balancer");
    let path = table.optional("health-check-path");
    let addresses =
        (address(endpoint.as_ref(), default.endpoint, "4510"), address(balancer.as_ref(), default.balancer, "8080"));
    let health_check_path = match &path {
        Some(entry) => serving::path(entry),
        None => Some(default.health_check_path),
    };
    if let (Some(at), (Some(first), Some(second))) = (balancer.as_ref().or(endpoint.as_ref()), addresses)
        && first == second
    {
        at.refuse(format!("endpoint and load balancer are both {first}"), "give each a port of its own");
    }
    table.finish();
    Some(Some(Local { endpoint: addresses.0?, balancer: addresses.1?, health_check_path: health_check_path? }))
}

/// A loopback address: the emulator has neither accounts nor passwords.
fn address(entry: Option<&Entry<'_>>, default: SocketAddr, port: &str) -> Option<SocketAddr> {
    let Some(entry) = entry else { return Some(default) };
    let text = entry.string()?;
    let hint = format!("an address of this machine alone, with a port: `127.0.0.1:{port}`");
    match text.parse::<SocketAddr>() {
        Ok(address) if !address.ip().is_loopback() => {
            entry.refuse(format!("{} can be reached by others", quoted(text)), hint);
            None
        }
        Ok(address) if address.port() != 0 => Some(address),
        _ => {
            entry.refuse(format!("{} is not an address with a port", quoted(text)), hint);
            None
        }
    }
}

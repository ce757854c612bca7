//! How AWS's APIs are called: signed requests with AWS's own documents in and out, counted, and repeated where that is
//! right. docs/decisions/0008 says why there is no generated SDK. Async code is in this folder's network clients only; what
//! they offer to others waits for its result. Not here: any call of a service (`ecr`, `ecs`, `elb`, `logs`, `ssm`, `sts`).

mod api;
mod call_error;
mod credentials;
mod json;
mod ledger;
mod patience;
mod query;
#[cfg(test)]
pub(super) mod scripted;
mod send;
mod sign;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use tokio::runtime::Runtime;

pub use self::api::Api;
pub(super) use self::api::Call;
pub use self::call_error::{CallError, Why};
use self::credentials::Keys;
pub(super) use self::json::typed;
pub use self::ledger::Calls;
pub(super) use self::query::{Element, child, members, number, text};
use super::http::Http;
use super::interrupt;
use crate::error::Failure;
use crate::project::{Partition, partition_of};

/// The variable that every AWS SDK takes for the endpoint of all services.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// A connection in one region is there in far less, or a firewall drops what we send.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Whose credentials sign the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever the environment, the profile or the machine says: the order of AWS's SDKs.
    Surroundings,
    /// Anybody: the stand-in takes any keys, and must not be shown real ones.
    Anybody,
}

/// AWS in one region, as one caller sees it. Clones share connections, credentials and the count of calls.
#[derive(Clone)]
pub struct Aws {
    shared: Arc<Shared>,
    /// Whether the user has had enough.
    is_interrupted: fn() -> bool,
}

struct Shared {
    runtime: Arc<Runtime>,
    http: Arc<Http<Full<Bytes>>>,
    keys: Keys,
    region: String,
    endpoint: Option<String>,
    calls: Mutex<Calls>,
}

impl Aws {
    /// Nothing is asked yet, not even for credentials. With an endpoint, every service is there; plain HTTP is spoken only
    /// where the endpoint says so.
    ///
    /// # Errors
    /// Usage (2) where the endpoint is no address; the system's.
    pub fn connect(region: &str, endpoint: Option<&str>, caller: Caller) -> anyhow::Result<Aws> {
        let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/'));
        if let Some(endpoint) = endpoint {
            let uri = endpoint.parse::<Uri>().ok();
            let is_address = uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.query().is_none()
            });
            let text = || Failure::usage(format!("the endpoint `{endpoint}` is no address such as `https://host`"));
            anyhow::ensure!(is_address, text().hint(format!("see {ENDPOINT_VARIABLE} and `endpoint`")));
        }
        let http = Arc::new(Http::new(CONNECT_LIMIT));
        let shared = Shared {
            runtime: Arc::new(runtime()?),
            keys: Keys::new(caller, region, Arc::clone(&http)),
            http,
            region: region.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            calls: Mutex::default(),
        };
        Ok(Aws { shared: Arc::new(shared), is_interrupted: interrupt::requested })
    }

    /// The same for what must be cleaned up even though the user has interrupted: its calls are carried out all the same.
    #[must_use]
    pub fn in_spite_of_interrupts(&self) -> Aws {
        Aws { shared: Arc::clone(&self.shared), is_interrupted: || false }
    }

    /// The region that it is in.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The partition of that region.
    pub fn partition(&self) -> Partition {
        partition_of(&self.shared.region)
    }

    /// The endpoint that stands in for AWS's own, if one does.
    pub fn endpoint(&self) -> Option<&str> {
        self.shared.endpoint.as_deref()
    }

    /// Requests so far.
    pub fn calls(&self) -> Calls {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The runtime of whoever works together with calls of ours.
    pub(super) fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.shared.runtime)
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { region, endpoint, .. } = &*self.shared;
        f.debug_struct("Aws").field("region", region).field("endpoint", endpoint).finish_non_exhaustive()
    }
}

/// The endpoint that the environment asks for, if it does.
pub fn endpoint_of_environment() -> Option<String> {
    std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty())
}

/// One thread does: what takes time is the network, and hashing keeps up with it.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start the network client")
}

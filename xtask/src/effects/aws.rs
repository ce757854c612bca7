//! The AWS client, on top of AWS's SDK (docs/decisions/0013): one configuration, complete documents in both directions,
//! request metrics, failures as values. Async code stays in the network clients; their callers block. The calls of each
//! service are in `ecr`, `ecs`, `elb`, `logs`, `ssm` and `sts`.

mod api;
mod call_error;
mod config;
mod credentials;
#[cfg(test)]
mod environment;
mod exchange;
mod json;
mod metrics;
mod raw;
mod retry;
#[cfg(test)]
pub(super) mod scripted;
mod send;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::Context;
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::runtime::Runtime;

pub use self::api::Api;
pub(super) use self::api::Call;
pub use self::call_error::{CallError, Why};
use self::config::CorrectedClock;
use self::credentials::CredentialCache;
pub(super) use self::exchange::Exchange;
pub(super) use self::json::typed;
pub use self::metrics::Calls;
pub(super) use self::send::operation;
use super::{http, interrupt};
use crate::project::{Partition, partition_of};

/// Environment variable for the endpoint of all services, as in every AWS SDK.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// Time limit of a connection. Connections within a region take far less, unless a firewall drops the packets.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// The source of the credentials that sign calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// AWS's default chain: environment, profile, web identity, container, instance.
    DefaultChain,
    /// Static dummy credentials: the emulator accepts any, and never receives real ones.
    Anonymous,
}

/// Client of AWS in one region. Clones share connections, credentials and the call counter.
#[derive(Clone)]
pub struct Aws {
    shared: Arc<Shared>,
    is_interrupted: fn() -> bool,
}

struct Shared {
    runtime: Arc<Runtime>,
    http: SharedHttpClient,
    clock: CorrectedClock,
    credentials: CredentialCache,
    sdk: SdkConfig,
    region: String,
    /// Endpoint for all services, if set.
    endpoint: Option<String>,
    /// Endpoints of individual services.
    endpoints: HashMap<Api, String>,
    calls: Mutex<Calls>,
    clients: Clients,
}

/// The generated clients, each built at first use.
#[derive(Default)]
struct Clients {
    ecr: OnceLock<aws_sdk_ecr::Client>,
    ecs: OnceLock<aws_sdk_ecs::Client>,
    elb: OnceLock<aws_sdk_elasticloadbalancingv2::Client>,
    sts: OnceLock<aws_sdk_sts::Client>,
}

macro_rules! client {
    ($name:ident, $sdk:ident, $api:expr) => {
        pub(super) fn $name(&self) -> &$sdk::Client {
            self.shared.clients.$name.get_or_init(|| {
                let mut settings = $sdk::config::Builder::from(&self.shared.sdk);
                settings.set_endpoint_url(self.shared.endpoints.get(&$api).cloned());
                $sdk::Client::from_conf(settings.build())
            })
        }
    };
}

impl Aws {
    /// Reads the settings of environment and profile. Sends no request, not even for credentials.
    ///
    /// # Errors
    /// Usage (2) where an endpoint is not an address, or has no TLS and is not on this machine; errors of the system.
    pub fn connect(region: &str, endpoint: Option<&str>, source: CredentialSource) -> anyhow::Result<Aws> {
        let http = http::sdk_client();
        let credentials = CredentialCache::new(source, region, http.clone());
        Aws::with(region, endpoint, source, http, credentials)
    }

    fn with(
        region: &str,
        endpoint: Option<&str>,
        source: CredentialSource,
        http: SharedHttpClient,
        credentials: CredentialCache,
    ) -> anyhow::Result<Aws> {
        let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
        let runtime = Arc::new(runtime()?);
        let clock = CorrectedClock::default();
        let sdk = runtime.block_on(config::load(region, http.clone(), credentials.clone(), clock.clone()))?;
        let endpoints = Api::ALL
            .into_iter()
            .filter_map(|api| config::endpoint(&sdk, api, endpoint.as_deref(), source).map(|endpoint| (api, endpoint)));
        let endpoints: HashMap<Api, String> = endpoints.collect();
        endpoints.values().try_for_each(|endpoint| config::check_endpoint(endpoint))?;
        let (region, calls, clients) = (region.to_owned(), Mutex::default(), Clients::default());
        let shared = Shared { runtime, http, clock, credentials, sdk, region, endpoint, endpoints, calls, clients };
        Ok(Aws { shared: Arc::new(shared), is_interrupted: interrupt::requested })
    }

    client!(ecr, aws_sdk_ecr, Api::Ecr);
    client!(ecs, aws_sdk_ecs, Api::Ecs);
    client!(elb, aws_sdk_elasticloadbalancingv2, Api::Elb);
    client!(sts, aws_sdk_sts, Api::Sts);

    /// Returns a client for cleanup: its calls are executed even after an interrupt.
    #[must_use]
    pub fn in_spite_of_interrupts(&self) -> Aws {
        Aws { shared: Arc::clone(&self.shared), is_interrupted: || false }
    }

    /// Returns the region.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// Returns the partition of the region.
    pub fn partition(&self) -> Partition {
        partition_of(&self.shared.region)
    }

    /// Returns the endpoint that replaces AWS's own for all services.
    pub fn endpoint(&self) -> Option<&str> {
        self.shared.endpoint.as_deref()
    }

    /// Returns the counts of the requests sent so far.
    pub fn calls(&self) -> Calls {
        self.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the runtime, for clients that are used together with AWS calls.
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

/// Returns the endpoint for all services that the environment sets.
pub fn endpoint_of_environment() -> Option<String> {
    std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty())
}

/// Creates a single-threaded runtime: one thread hashes faster than the network transfers.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start the network client")
}

//! How AWS is reached: credentials, region, endpoint, and the one runtime that network clients run on. Async code is in
//! this folder's network clients only; what they offer to others waits for its result. Not here: any service.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecr::config::Credentials;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::runtime::Runtime;

/// The variable that every AWS SDK takes for the endpoint of all services.
pub const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL";

/// A connection in one region is there in far less, or a firewall drops what we send.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The calls made here answer within a second; credentials of a federated login may take some more.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);

/// Whose credentials sign the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever the environment, the profile or the machine says: the SDK's own order.
    Surroundings,
    /// Anybody: the stand-in takes any keys, and must not be shown real ones.
    Anybody,
}

/// The endpoint that the environment asks for, if it does.
pub fn endpoint_of_environment() -> Option<String> {
    std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty())
}

/// One thread does: what takes time is the network, and hashing keeps up with it.
pub(super) fn runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("failed to start the network client")
}

/// What clients of a service are made of.
pub(super) async fn configuration(region: &str, endpoint: Option<&str>, caller: Caller) -> SdkConfig {
    // Certificates are read when the client is made, and a plain address needs none.
    let http = match endpoint {
        Some(endpoint) if endpoint.starts_with("http://") => Builder::new().build_http(),
        _ => Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    };
    let limits = TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).operation_attempt_timeout(ATTEMPT_LIMIT);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .retry_config(RetryConfig::standard())
        .timeout_config(limits.build())
        .http_client(http);
    let loader = match endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint),
        None => loader,
    };
    match caller {
        Caller::Surroundings => loader.load().await,
        Caller::Anybody => {
            loader.credentials_provider(Credentials::new("local", "local", None, None, "anybody")).load().await
        }
    }
}

/// Whether a host, with or without a port, is this machine: there alone is plain HTTP good enough.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn this_machine_and_others() {
        for here in ["127.0.0.1:5000", "localhost", "localhost:80", "[::1]:5000", "127.9.9.9"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["example.com", "10.0.0.1:5000", "localhost.example.com", "127.0.0.1.example.com:80", ""] {
            assert!(!is_loopback(there), "{there}");
        }
    }
}

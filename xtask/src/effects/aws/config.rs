//! The one `SdkConfig` behind every call: credentials, HTTP client, retries, timeouts, endpoints, clock. AWS's environment
//! variables and profiles are read here; docs/guide/aws-access.md lists them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use hyper::Uri;

use super::credentials::CredentialCache;
use super::retry::{ATTEMPT_LIMIT, ATTEMPTS, FIRST_WAIT, LONGEST_WAIT};
use super::{Api, CONNECT_LIMIT, CredentialSource, ENDPOINT_VARIABLE};
use crate::effects::http::{AGENT_NAME, is_loopback};
use crate::error::Failure;

/// The name of no service: a look-up with it finds the general setting only.
const NO_SERVICE: &str = "-";

/// This machine's clock, corrected by what AWS's answers say of the time.
#[derive(Clone, Debug, Default)]
pub(super) struct CorrectedClock(Arc<AtomicI64>);

impl CorrectedClock {
    /// Takes over the time of an answer. Returns whether that is a change worth a retry.
    pub(super) fn correct(&self, server_seconds: i64) -> bool {
        let difference = server_seconds.saturating_sub(seconds(SystemTime::now()));
        let before = self.0.swap(difference, Ordering::Relaxed);
        // Less than a minute is the network's: AWS allows five minutes.
        before.abs_diff(difference) > 60
    }
}

impl TimeSource for CorrectedClock {
    fn now(&self) -> SystemTime {
        let offset = self.0.load(Ordering::Relaxed);
        let distance = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
}

/// Loads the settings. No request is sent.
pub(super) async fn load(
    region: &str,
    http: SharedHttpClient,
    credentials: CredentialCache,
    clock: CorrectedClock,
) -> anyhow::Result<SdkConfig> {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).operation_attempt_timeout(ATTEMPT_LIMIT).build();
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(http)
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .time_source(clock)
        .timeout_config(timeouts)
        // Every attempt has a limit of its own.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .app_name(AppName::new(AGENT_NAME)?)
        .load()
        .await;
    let retry = sdk.retry_config().cloned().unwrap_or_else(aws_config::retry::RetryConfig::standard);
    let retry = retry.with_initial_backoff(FIRST_WAIT).with_max_backoff(LONGEST_WAIT);
    let retry = match setting(&sdk, NO_SERVICE, "AWS_MAX_ATTEMPTS", "max_attempts") {
        Some(_) => retry,
        None => retry.with_max_attempts(ATTEMPTS),
    };
    Ok(sdk.into_builder().retry_config(retry).build())
}

/// Returns the endpoint of a service, `None` for AWS's own: the service's setting, then `explicit`, then the general setting.
pub(super) fn endpoint(sdk: &SdkConfig, api: Api, explicit: Option<&str>, source: CredentialSource) -> Option<String> {
    // Real endpoints of a profile are no place for calls of the emulator.
    if source == CredentialSource::Anonymous {
        return explicit.map(str::to_owned);
    }
    let of = |service| setting(sdk, service, ENDPOINT_VARIABLE, "endpoint_url");
    let general = of(NO_SERVICE);
    let specific = of(api.service_id()).filter(|found| Some(found) != general.as_ref());
    let endpoint = specific.or_else(|| explicit.map(str::to_owned)).or(general);
    endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned())
}

fn setting(sdk: &SdkConfig, service: &str, variable: &str, member: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env(variable).profile(member).build().ok()?;
    sdk.service_config()?.load_config(key).filter(|value| !value.is_empty())
}

/// Refuses what is not an HTTPS address, or an HTTP address of this machine.
///
/// # Errors
/// Usage (2).
pub(super) fn check_endpoint(endpoint: &str) -> Result<(), Failure> {
    let hint = format!("see {ENDPOINT_VARIABLE}, {ENDPOINT_VARIABLE}_<SERVICE> and `endpoint`");
    let uri = endpoint.parse::<Uri>().ok().filter(|uri| uri.host().is_some() && uri.query().is_none());
    let scheme = uri.as_ref().and_then(Uri::scheme_str);
    match (scheme, &uri) {
        (Some("https"), _) => Ok(()),
        (Some("http"), Some(uri)) if uri.authority().is_some_and(|host| is_loopback(host.as_str())) => Ok(()),
        (Some("http"), _) => {
            Err(Failure::usage(format!("the endpoint `{endpoint}` has no TLS: plain HTTP is for this machine only"))
                .hint(hint))
        }
        _ => {
            Err(Failure::usage(format!("the endpoint `{endpoint}` is not an address such as `https://host`"))
                .hint(hint))
        }
    }
}

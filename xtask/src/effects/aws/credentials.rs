//! The credentials that sign calls: AWS's default chain (environment, profile, SSO, web identity, container, instance), or
//! static dummies for the emulator. Kept in memory until shortly before they expire; never printed.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::{Mutex, OnceCell};

use super::CredentialSource;

/// Credentials that expire sooner are refreshed: an attempt may last half a minute.
const MARGIN: Duration = Duration::from_secs(60);

/// The cache of credentials, shared by all clients. It replaces the SDK's identity cache, which cannot drop credentials that a
/// service has rejected.
#[derive(Clone)]
pub(super) struct CredentialCache(Arc<Cache>);

struct Cache {
    source: CredentialSource,
    region: String,
    http: SharedHttpClient,
    /// Built at first use.
    chain: OnceCell<SharedCredentialsProvider>,
    current: Mutex<Option<Credentials>>,
}

impl CredentialCache {
    pub(super) fn new(source: CredentialSource, region: &str, http: SharedHttpClient) -> CredentialCache {
        CredentialCache::with(source, region, http, OnceCell::new())
    }

    #[cfg(test)]
    pub(super) fn of(provider: SharedCredentialsProvider, http: SharedHttpClient) -> CredentialCache {
        CredentialCache::with(CredentialSource::DefaultChain, "", http, OnceCell::new_with(Some(provider)))
    }

    fn with(
        source: CredentialSource,
        region: &str,
        http: SharedHttpClient,
        chain: OnceCell<SharedCredentialsProvider>,
    ) -> CredentialCache {
        CredentialCache(Arc::new(Cache { source, region: region.to_owned(), http, chain, current: Mutex::default() }))
    }

    /// Returns valid credentials.
    ///
    /// # Errors
    /// The message of the provider that failed.
    pub(super) async fn get(&self) -> Result<Credentials, String> {
        if self.0.source == CredentialSource::Anonymous {
            return Ok(Credentials::new("local", "local", None, None, "anonymous"));
        }
        let mut current = self.0.current.lock().await;
        let is_valid = |found: &Credentials| found.expiry().is_none_or(|end| SystemTime::now() + MARGIN < end);
        if let Some(found) = current.as_ref().filter(|found| is_valid(found)) {
            return Ok(found.clone());
        }
        let chain = self.0.chain.get_or_init(|| self.chain()).await;
        let found = chain.provide_credentials().await.map_err(|error| words(&error))?;
        Ok(current.insert(found).clone())
    }

    /// Drops credentials that a service rejected. Returns whether the source has different ones: after a new login in
    /// another terminal, for example.
    pub(super) async fn refresh(&self, rejected: &Credentials) -> bool {
        if self.0.source == CredentialSource::Anonymous {
            return false;
        }
        let mut current = self.0.current.lock().await;
        if current.as_ref().is_some_and(|found| found.access_key_id() == rejected.access_key_id()) {
            *current = None;
        }
        drop(current);
        self.get().await.is_ok_and(|found| found.access_key_id() != rejected.access_key_id())
    }

    async fn chain(&self) -> SharedCredentialsProvider {
        let region = Region::new(self.0.region.clone());
        let configuration =
            ProviderConfig::without_region().with_region(Some(region.clone())).with_http_client(self.0.http.clone());
        let chain = DefaultCredentialsChain::builder().configure(configuration).region(region);
        SharedCredentialsProvider::new(chain.build().await)
    }
}

impl ProvideCredentials for CredentialCache {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async { self.get().await.map_err(CredentialsError::provider_error) })
    }
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialCache")
    }
}

/// All causes of an error, each text once.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = error.source();
    }
    words
}

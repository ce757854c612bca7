//! Whose keys sign the calls: found as AWS's SDKs find them (environment, profile, web identity, container, machine), kept
//! until they are about to expire. They do not print. Not here: how they sign (`sign`).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response};
use tokio::sync::{Mutex, OnceCell};

use super::Caller;
use crate::effects::http::{Http, Silence, why};

/// Keys that end sooner than this are asked for anew: a call may be under way for half a minute.
const MARGIN: Duration = Duration::from_secs(60);
/// Who gives keys answers within a second; a federated login may take more.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// Keys and a token are a few KiB.
const MOST_BYTES: usize = 1 << 20;

/// The keeper of the keys.
pub(super) struct Keys {
    caller: Caller,
    region: String,
    http: Arc<Http<Full<Bytes>>>,
    /// Where they come from; found when they are needed first.
    chain: OnceCell<SharedCredentialsProvider>,
    kept: Mutex<Option<Credentials>>,
}

impl Keys {
    pub(super) fn new(caller: Caller, region: &str, http: Arc<Http<Full<Bytes>>>) -> Keys {
        Keys { caller, region: region.to_owned(), http, chain: OnceCell::new(), kept: Mutex::default() }
    }

    #[cfg(test)]
    pub(super) fn of(provider: SharedCredentialsProvider, http: Arc<Http<Full<Bytes>>>) -> Keys {
        let chain = OnceCell::new_with(Some(provider));
        Keys { chain, ..Keys::new(Caller::Surroundings, "", http) }
    }

    /// Keys that are good for a while. The error is the providers' words.
    pub(super) async fn get(&self) -> Result<Credentials, String> {
        if self.caller == Caller::Anybody {
            return Ok(Credentials::new("local", "local", None, None, "anybody"));
        }
        let mut kept = self.kept.lock().await;
        let is_good = |keys: &Credentials| keys.expiry().is_none_or(|end| SystemTime::now() + MARGIN < end);
        if let Some(keys) = kept.as_ref().filter(|keys| is_good(keys)) {
            return Ok(keys.clone());
        }
        let chain = self.chain.get_or_init(|| self.chain()).await;
        let keys = chain.provide_credentials().await.map_err(|error| words(&error))?;
        Ok(kept.insert(keys).clone())
    }

    /// Forgets keys that a service does not take any more. Whether others may be had: whoever has new ones at once need not
    /// log in again.
    pub(super) async fn forget(&self, used: &Credentials) -> bool {
        if self.caller == Caller::Anybody {
            return false;
        }
        let mut kept = self.kept.lock().await;
        if kept.as_ref().is_some_and(|keys| keys.access_key_id() == used.access_key_id()) {
            *kept = None;
        }
        drop(kept);
        self.get().await.is_ok_and(|keys| keys.access_key_id() != used.access_key_id())
    }

    async fn chain(&self) -> SharedCredentialsProvider {
        let http = Arc::clone(&self.http);
        let region = Region::new(self.region.clone());
        let configuration =
            ProviderConfig::without_region().with_region(Some(region.clone())).with_http_client(client(http));
        let chain = DefaultCredentialsChain::builder().configure(configuration).region(region);
        SharedCredentialsProvider::new(chain.build().await)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// All causes in a row; what each adds is said once.
fn words(error: &dyn std::error::Error) -> String {
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

/// Our HTTP in the form that the providers take.
fn client(http: Arc<Http<Full<Bytes>>>) -> SharedHttpClient {
    http_client_fn(move |settings, _| {
        SharedHttpConnector::new(Connector { http: Arc::clone(&http), limit: limit(settings) })
    })
}

/// On a machine that is not Amazon's, the address of its metadata answers nothing: a provider says how long to wait.
fn limit(settings: &HttpConnectorSettings) -> Duration {
    match (settings.connect_timeout(), settings.read_timeout()) {
        (Some(connect), Some(read)) => connect + read,
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => ANSWER_LIMIT,
    }
}

#[derive(Debug, Clone)]
struct Connector {
    http: Arc<Http<Full<Bytes>>>,
    limit: Duration,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Connector { http, limit } = self.clone();
        HttpConnectorFuture::new(async move {
            let (parts, body) =
                request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
            let body = body.bytes().ok_or_else(|| ConnectorError::user("a body that is not in memory".into()))?;
            let request = Request::from_parts(parts, Full::new(Bytes::copy_from_slice(body)));
            let answer = tokio::time::timeout(limit, http.ask(request, MOST_BYTES)).await;
            let answer = answer.map_err(|error| ConnectorError::timeout(error.into()))?;
            let answer = answer.map_err(|silence| match silence {
                Silence::Unreachable(why) => ConnectorError::io(why.into()),
                Silence::Certificates(error) | Silence::Broken(error) => ConnectorError::io(why(&error).into()),
            })?;
            let mut response = Response::new(SdkBody::from(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

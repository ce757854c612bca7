//! Requests to one registry: plain HTTP on this machine, TLS everywhere else. Requests are counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode, Uri};
use serde::Deserialize;

use super::auth::Auth;
use super::body::{Broken, Payload};
use super::retry::Trouble;
use crate::effects::http::{AGENT, Answer, Http, Silence, is_loopback, why};
use crate::error::Failure;

/// Time limit of a connection. Connections take far less, unless a firewall drops the packets.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Time limit of a response, except for blobs. It takes a second; a registry under load may need more.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Time limit of a response to a blob. ECR may take long after the last byte of a large blob.
const BLOB_LIMIT: Duration = Duration::from_secs(300);
/// Maximum size of a response in bytes: a manifest has at most 4 MiB (OCI distribution).
const MOST_BYTES: usize = 4 << 20;

/// Client of one registry.
pub(super) struct Client {
    /// Base address, `https://host`.
    base: String,
    pub(super) auth: Auth,
    http: Http,
    counts: Mutex<BTreeMap<String, u64>>,
}

/// A request before authentication.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) repository: &'a str,
    /// Path below the repository, or the complete address that the registry returned.
    pub(super) place: Place<'a>,
    pub(super) headers: Vec<(HeaderName, &'a str)>,
    pub(super) payload: Payload,
}

#[derive(Debug)]
pub(super) enum Place<'a> {
    Path(&'a str),
    Address(&'a Uri),
}

/// Error document of the distribution specification.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<RegistryError>,
}

#[derive(Deserialize)]
struct RegistryError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Client {
    pub(super) fn new(host: &str, auth: Auth) -> anyhow::Result<Client> {
        let scheme = if is_loopback(host) { "http" } else { "https" };
        let base = format!("{scheme}://{host}");
        let is_host = !host.contains('/') && base.parse::<Uri>().is_ok_and(|uri| uri.host().is_some());
        anyhow::ensure!(is_host, Failure::usage(format!("`{host}` is not the host of a registry")));
        Ok(Client { base, auth, http: Http::new(CONNECT_LIMIT), counts: Mutex::default() })
    }

    /// Returns the name of the registry for messages.
    pub(super) fn name(&self) -> &str {
        self.base.split("://").nth(1).unwrap_or_default()
    }

    /// Returns the absolute form of an address that the registry returned.
    pub(super) fn resolve(&self, location: &str) -> String {
        if location.contains("://") {
            location.to_owned()
        } else {
            format!("{}/{}", self.base, location.trim_start_matches('/'))
        }
    }

    pub(super) fn requests(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends one authenticated request. A rejected token is renewed once.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Trouble> {
        let uri = match ask.place {
            Place::Path(path) => format!("{}/v2/{}/{path}", self.base, ask.repository)
                .parse()
                .map_err(|_| Trouble::Final(anyhow::anyhow!("`{path}` is no path")))?,
            Place::Address(address) => address.clone(),
        };
        // Some registries redirect uploads to another host, which must not receive the token.
        let is_own = uri.to_string().starts_with(&format!("{}/", self.base));
        let mut request = Request::builder().method(ask.method).uri(uri).body(ask.payload).map_err(final_of)?;
        for (name, value) in ask.headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).map_err(final_of)?);
        }
        let used = if is_own { self.auth.header(ask.repository).await.map_err(Trouble::Final)? } else { None };
        if let Some(value) = &used {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let answer = self.send(ask.repository, request).await?;
        let is_expired = answer.status == StatusCode::FORBIDDEN && answer.words().contains("expired");
        if is_own && (answer.status == StatusCode::UNAUTHORIZED || is_expired) {
            let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
            let challenges = challenges.map(str::to_owned).collect::<Vec<_>>();
            let renewed = self.auth.renew(self, ask.repository, used.as_ref(), &challenges).await;
            return Err(match renewed {
                Ok(true) => Trouble::Renewed(answer.words()),
                Ok(false) => Trouble::Final(self.rejected(&answer.words())),
                Err(error) => Trouble::Final(error),
            });
        }
        Ok(answer)
    }

    /// Sends one request. Adds no authentication and does not retry.
    pub(super) async fn send(&self, repository: &str, mut request: Request<Payload>) -> Result<Answer, Trouble> {
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let sent = request.body().sent();
        let is_plain = request.uri().scheme_str() != Some("https");
        if is_plain && !request.uri().authority().is_some_and(|host| is_loopback(host.as_str())) {
            let text = format!("the registry {} redirects to `{}` without TLS", self.name(), request.uri());
            return Err(Trouble::Final(Failure::refused(text).into()));
        }
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(repository.to_owned()).or_default() += 1;
        let work = async {
            self.http.ask(request.map(Payload::into_body), MOST_BYTES).await.map_err(|silence| self.no_answer(silence))
        };
        let mut work = std::pin::pin!(work);
        let limit = if sent.is_some() { BLOB_LIMIT } else { ANSWER_LIMIT };
        loop {
            let before = sent.as_ref().map(super::body::Progress::bytes);
            match tokio::time::timeout(limit, &mut work).await {
                Ok(answer) => return answer,
                // The limit applies only while no bytes are sent.
                Err(_) if sent.as_ref().map(super::body::Progress::bytes) != before => {}
                Err(_) => return Err(Trouble::passing(format!("no answer within {} s", limit.as_secs()))),
            }
        }
    }

    /// Converts the reason of a missing response. A blob that does not match its digest is a permanent failure.
    fn no_answer(&self, silence: Silence) -> Trouble {
        match silence {
            Silence::Unwritten(why) => Trouble::Final(Failure::failed(why).into()),
            Silence::Unreachable(why) => {
                Trouble::Unreachable(format!("failed to reach the registry {}: {why}", self.name()))
            }
            Silence::Broken(error) => match error.chain().find_map(|cause| cause.downcast_ref::<Broken>()) {
                Some(broken) => Trouble::Final(broken.failure().into()),
                None => Trouble::passing(format!("the connection broke: {}", why(&error))),
            },
        }
    }

    fn rejected(&self, words: &str) -> anyhow::Error {
        let failure = Failure::failed(format!("the registry {} rejected the login: {words}", self.name()));
        failure.hint(self.auth.hint(self.name())).into()
    }
}

impl Answer {
    /// Returns code and message of the registry's first error, or the status without one.
    pub(super) fn words(&self) -> String {
        match self.error() {
            Some(error) if !error.message.is_empty() => format!("{}: {}", error.code, error.message),
            Some(error) => error.code,
            None => self.status.to_string(),
        }
    }

    /// Returns whether the registry reports one of these codes.
    pub(super) fn is(&self, codes: &[&str]) -> bool {
        self.error().is_some_and(|error| codes.contains(&error.code.as_str()))
    }

    fn error(&self) -> Option<RegistryError> {
        let Errors { errors } = serde_json::from_slice(&self.body).ok()?;
        errors.into_iter().next()
    }

    /// Returns the failure for an unexpected response.
    pub(super) fn trouble(&self, what: &str) -> Trouble {
        let words = self.words();
        if self.status == StatusCode::TOO_MANY_REQUESTS || self.status.is_server_error() {
            let seconds = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            return Trouble::Passing { why: words, after: seconds.map(Duration::from_secs) };
        }
        Trouble::Final(Failure::failed(format!("the registry refused {what}: {words}")).into())
    }
}

fn final_of(error: impl std::error::Error + Send + Sync + 'static) -> Trouble {
    Trouble::Final(anyhow::Error::new(error).context("failed to write a request"))
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

//! Authentication: ECR's token, a login, or a token in exchange for a login. Kept in memory only, and never printed.
//! Rejected tokens are renewed, once for all requests that wait for them.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::body::Payload;
use super::credentials::Login;
use super::http::Client;
use super::retry::Trouble;
use crate::effects::ecr::Ecr;
use crate::effects::http::encoded;
use crate::error::Failure;

/// The source of the authentication.
pub(super) enum Source {
    /// `GetAuthorizationToken`.
    Ecr(Ecr),
    /// Login from docker's configuration, if one exists.
    Login(Option<Login>),
}

/// Authentication at one registry.
pub(super) struct Auth {
    source: Source,
    /// Accepted headers by repository; ECR has one for all.
    taken: Mutex<BTreeMap<String, HeaderValue>>,
    exchanges: std::sync::atomic::AtomicBool,
}

/// Response of a token service; both names are in use.
#[derive(Deserialize)]
struct Exchanged {
    token: Option<String>,
    access_token: Option<String>,
}

impl Auth {
    pub(super) fn new(source: Source) -> Auth {
        Auth { source, taken: Mutex::default(), exchanges: false.into() }
    }

    /// Returns the header for a request to this repository; `None` for an anonymous one.
    pub(super) async fn header(&self, repository: &str) -> anyhow::Result<Option<HeaderValue>> {
        let mut taken = self.taken.lock().await;
        match &self.source {
            Source::Ecr(ecr) => {
                if let Some(header) = taken.get("") {
                    return Ok(Some(header.clone()));
                }
                let header = ecr_header(ecr).await?;
                taken.insert(String::new(), header.clone());
                Ok(Some(header))
            }
            Source::Login(login) => match (taken.get(repository), login) {
                (Some(header), _) => Ok(Some(header.clone())),
                (None, Some(login)) => basic(&login.user, &login.password).map(Some),
                (None, None) => Ok(None),
            },
        }
    }

    /// Replaces the header `used`, which the registry rejected. Returns whether a retry can succeed.
    pub(super) async fn renew(
        &self,
        client: &Client,
        repository: &str,
        used: Option<&HeaderValue>,
        challenges: &[String],
    ) -> anyhow::Result<bool> {
        let mut taken = self.taken.lock().await;
        let key = if matches!(self.source, Source::Ecr(_)) { "" } else { repository };
        if taken.get(key).is_some_and(|current| Some(current) != used) {
            return Ok(true);
        }
        let header = match &self.source {
            Source::Ecr(ecr) => ecr_header(ecr).await?,
            Source::Login(login) => {
                let Some(challenge) = challenges.iter().find_map(|challenge| Challenge::parse(challenge)) else {
                    return Ok(false);
                };
                self.exchanges.store(true, std::sync::atomic::Ordering::Relaxed);
                exchange(client, repository, login.as_ref(), &challenge).await?
            }
        };
        taken.insert(key.to_owned(), header);
        Ok(true)
    }

    /// Returns whether blobs can be mounted: an exchanged token is valid for one repository only.
    pub(super) fn may_mount(&self) -> bool {
        !self.exchanges.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Returns the hint for a rejected login.
    pub(super) fn hint(&self, host: &str) -> String {
        match self.source {
            Source::Ecr(_) => {
                "check that these credentials may use this registry: aws sts get-caller-identity".to_owned()
            }
            Source::Login(_) => format!("log in first: docker login {host}"),
        }
    }
}

async fn ecr_header(ecr: &Ecr) -> anyhow::Result<HeaderValue> {
    let token = ecr.token().await?;
    basic(&token.user, &token.password)
}

fn basic(user: &str, password: &str) -> anyhow::Result<HeaderValue> {
    secret(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    // The conversion error is dropped, because it may contain the text.
    let mut value = HeaderValue::from_str(text).map_err(|_| anyhow::anyhow!("the registry's token is not one"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Parsed header `Bearer realm="…",service="…",scope="…"`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Challenge {
    fn parse(text: &str) -> Option<Challenge> {
        let (scheme, mut rest) = text.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Challenge::default();
        while let Some((name, after)) = rest.split_once('=') {
            let after = after.trim_start();
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match name.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
                "realm" => value.clone_into(&mut challenge.realm),
                "service" => challenge.service = Some(value.to_owned()),
                "scope" => challenge.scope = Some(value.to_owned()),
                _ => {}
            }
            rest = next;
        }
        (!challenge.realm.is_empty()).then_some(challenge)
    }
}

/// Requests a token for one repository, by distribution's token protocol.
async fn exchange(
    client: &Client,
    repository: &str,
    login: Option<&Login>,
    challenge: &Challenge,
) -> anyhow::Result<HeaderValue> {
    // Pull and push together: the challenge to a read does not include the push scope.
    let scope = format!("repository:{repository}:pull,push");
    let service = challenge.service.as_deref().map(|service| format!("&service={}", encoded(service)));
    let separator = if challenge.realm.contains('?') { '&' } else { '?' };
    let address = format!("{}{separator}scope={}{}", challenge.realm, encoded(&scope), service.unwrap_or_default());
    let mut request = Request::builder().method(Method::GET).uri(address).body(Payload::Nothing)?;
    if let Some(login) = login {
        request.headers_mut().insert(AUTHORIZATION, basic(&login.user, &login.password)?);
    }
    let answer = match client.send(repository, request).await {
        Ok(answer) => answer,
        Err(Trouble::Final(error)) => return Err(error),
        Err(Trouble::Passing { why, .. } | Trouble::Unreachable(why) | Trouble::Renewed(why)) => {
            return Err(Failure::failed(format!("failed to get a token for `{repository}`: {why}")).into());
        }
    };
    if answer.status != StatusCode::OK {
        let failure = Failure::failed(format!("no token for `{repository}`: {}", answer.words()));
        return Err(failure.hint(format!("log in first: docker login {}", client.name())).into());
    }
    let exchanged: Option<Exchanged> = serde_json::from_slice(&answer.body).ok();
    let token = exchanged.and_then(|exchanged| exchanged.token.or(exchanged.access_token));
    secret(&format!("Bearer {}", token.ok_or_else(|| Failure::failed("the token service gave no token"))?))
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}

#[cfg(test)]
mod tests {
    use super::Challenge;

    #[test]
    fn challenges_of_the_token_protocol() {
        let text = r#"Bearer realm="https://auth.example/token?a=b",service="registry.example",scope="repository:a/b:pull,push""#;
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.realm, "https://auth.example/token?a=b");
        assert_eq!(challenge.service.as_deref(), Some("registry.example"));
        assert_eq!(challenge.scope.as_deref(), Some("repository:a/b:pull,push"));
        assert_eq!(Challenge::parse("bearer realm=x, service=y").unwrap().service.as_deref(), Some("y"));
        for other in ["Basic realm=\"x\"", "Bearer", "Bearer ", "Bearer service=\"x\"", "Bearer realm=\"x", ""] {
            assert_eq!(Challenge::parse(other), None, "{other}");
        }
    }
}

//! The HTTP client of every network client: AWS's SDK, the registry and public pages. It is the SDK's own, with this
//! machine's certificates or `AWS_CA_BUNDLE`, and the proxies of `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use std::{env, fmt};

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy;

/// The user agent.
pub(super) const AGENT: &str = concat!("slipway/", env!("CARGO_PKG_VERSION"));
/// User agent in the format that AWS accepts as a part of its SDK's user agent.
pub(super) const AGENT_NAME: &str = concat!("slipway-", env!("CARGO_PKG_VERSION"));

/// Idle connections are closed after this time: the server may close older ones at any moment.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// Variable for the certificates that replace this machine's, as in AWS's own tools.
const BUNDLE_VARIABLE: &str = "AWS_CA_BUNDLE";

/// Connections to any number of hosts. Clones share them.
#[derive(Clone)]
pub(super) struct Http(Arc<Connectors>);

struct Connectors {
    settings: HttpConnectorSettings,
    /// Connector for plain HTTP to this machine and link-local addresses, never through a proxy.
    direct: OnceLock<Connector>,
    /// Connector for all other hosts. Built at first use, because it reads certificates.
    outward: OnceLock<Result<Connector, String>>,
}

/// A response with its complete body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Reason why no response arrived.
#[derive(Debug)]
pub(super) enum Silence {
    /// The request could not be built: no certificates, a malformed URI.
    Unwritten(String),
    /// The connection failed, so the request was not sent.
    Unreachable(String),
    /// The connection broke after the request may have been sent.
    Broken(anyhow::Error),
}

/// Error of unusable certificates.
#[derive(Debug)]
struct BadCertificates(String);

impl fmt::Display for BadCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadCertificates {}

impl Http {
    pub(super) fn new(connect_limit: Duration) -> Http {
        Http::with(HttpConnectorSettings::builder().connect_timeout(connect_limit).build())
    }

    fn with(settings: HttpConnectorSettings) -> Http {
        Http(Arc::new(Connectors { settings, direct: OnceLock::new(), outward: OnceLock::new() }))
    }

    /// Sends a request and waits for the head of the response.
    pub(super) async fn send(&self, request: Request<SdkBody>) -> Result<Response<SdkBody>, Silence> {
        let request = HttpRequest::try_from(request).map_err(|error| Silence::Unwritten(error.to_string()))?;
        let response = self.call(request).await.map_err(silence)?;
        response.try_into_http1x().map_err(|error| Silence::Broken(error.into()))
    }

    /// Sends a request and reads the complete response, whose body has at most `most_bytes` bytes.
    pub(super) async fn ask(&self, request: Request<SdkBody>, most_bytes: usize) -> Result<Answer, Silence> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = Limited::new(body, most_bytes).collect().await;
        let body = body.map_err(|error| Silence::Broken(anyhow::anyhow!("failed to read the answer: {error}")))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    fn connector(&self, uri: &str) -> Result<&Connector, ConnectorError> {
        if is_direct(uri) {
            return Ok(self.0.direct.get_or_init(|| self.builder().build_http()));
        }
        let outward = self.0.outward.get_or_init(|| {
            let provider = Provider::Rustls(CryptoMode::Ring);
            let secure = self.builder().tls_provider(provider).tls_context(certificates()?);
            Ok(secure.proxy_config(ProxyConfig::from_env()).build())
        });
        outward.as_ref().map_err(|why| ConnectorError::user(BadCertificates(why.clone()).into()))
    }

    fn builder(&self) -> ConnectorBuilder {
        Connector::builder().connector_settings(self.0.settings.clone()).pool_idle_timeout(IDLE_LIMIT)
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.clone();
        HttpConnectorFuture::new(async move {
            // The runtime is idle between two calls. Yielding twice detects connections that the server has closed
            // meanwhile: first the system is polled, then each connection reads its end. A mutation sent on such a
            // connection would have an unknown outcome.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            http.connector(request.uri())?.call(request).await
        })
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// Returns the client for AWS's SDK. Each credential provider has its own limits, and so its own connections.
pub(super) fn sdk_client() -> SharedHttpClient {
    type Limits = (Option<Duration>, Option<Duration>);
    let by_limits: Mutex<HashMap<Limits, Http>> = Mutex::default();
    http_client_fn(move |settings, _| {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut by_limits = by_limits.lock().unwrap_or_else(PoisonError::into_inner);
        let http = by_limits.entry(limits).or_insert_with(|| Http::with(settings.clone()));
        SharedHttpConnector::new(http.clone())
    })
}

/// Returns whether plain HTTP is used: on this machine, or to the link-local credential endpoints of AWS.
fn is_direct(uri: &str) -> bool {
    let uri = uri.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let is_link = match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_link_local(),
        // `fd00:ec2::/32` belongs to Amazon.
        Ok(IpAddr::V6(address)) => address.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => false,
    };
    uri.scheme_str() == Some("http") && (is_link || is_loopback(host))
}

/// Returns the trusted certificates. They are checked here, because the SDK's client panics where they are unusable.
fn certificates() -> Result<TlsContext, String> {
    let context = |store| TlsContext::builder().with_trust_store(store).build().map_err(|error| error.to_string());
    let Some(path) = env::var_os(BUNDLE_VARIABLE).filter(|path| !path.is_empty()) else {
        let found = rustls_native_certs::load_native_certs();
        if found.certs.is_empty() {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(format!(
                "this machine has no certificates to trust{why}; set SSL_CERT_FILE or {BUNDLE_VARIABLE}"
            ));
        }
        return context(TrustStore::default());
    };
    let bad = |why: &dyn fmt::Display| format!("{BUNDLE_VARIABLE}: `{}` {why}", path.display());
    let pem = std::fs::read(&path).map_err(|error| bad(&format!("cannot be read: {error}")))?;
    let found = rustls_native_certs::load_certs_from_paths(Some(path.as_ref()), None);
    if found.certs.is_empty() || !found.errors.is_empty() {
        return Err(bad(&"has no certificates in PEM form"));
    }
    for certificate in found.certs {
        rustls::RootCertStore::empty().add(certificate).map_err(|error| bad(&error))?;
    }
    context(TrustStore::empty().with_pem_certificate(pem))
}

/// Converts an error of the connector.
fn silence(error: ConnectorError) -> Silence {
    unsent(&error).unwrap_or_else(|| Silence::Broken(error.into()))
}

/// Returns the reason if a request of the SDK was not sent, given its error.
pub(super) fn unsent(error: &ConnectorError) -> Option<Silence> {
    if let Some(bad) = find::<BadCertificates>(error) {
        return Some(Silence::Unwritten(bad.to_string()));
    }
    find::<legacy::Error>(error).filter(|error| error.is_connect()).map(|_| Silence::Unreachable(last(error)))
}

/// Returns the first cause of a type.
fn find<'e, E: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Returns the text of the last cause, which is the system's or the server's.
pub(super) fn last(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Returns the text of the last cause, which is the system's or the server's.
pub(super) fn why(error: &anyhow::Error) -> String {
    error.chain().last().map(ToString::to_string).unwrap_or_default()
}

/// Returns whether a host, with or without a port, is this machine. Plain HTTP is allowed there only.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Escapes all but unreserved characters, for a query or a path segment (RFC 3986).
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{encoded, is_direct, is_loopback};

    #[test]
    fn recognizes_loopback_hosts() {
        for here in ["127.0.0.1:5000", "localhost", "localhost:80", "[::1]:5000", "127.9.9.9"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["example.com", "10.0.0.1:5000", "localhost.example.com", "127.0.0.1.example.com:80", ""] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn this_machine_and_credential_endpoints_bypass_proxies() {
        for direct in ["http://127.0.0.1:80/a", "http://169.254.170.2/v2", "http://[::1]:80/", "http://[fd00:ec2::23]/"]
        {
            assert!(is_direct(direct), "{direct}");
        }
        for other in ["https://127.0.0.1/", "http://example.com/", "/path", "http://169.254.example.com/"] {
            assert!(!is_direct(other), "{other}");
        }
    }

    #[test]
    fn escapes_everything_but_unreserved_characters() {
        assert_eq!(encoded("repository:a/b:pull,push"), "repository%3Aa%2Fb%3Apull%2Cpush");
        assert_eq!(encoded("a-b._~ü"), "a-b._~%C3%BC");
    }
}

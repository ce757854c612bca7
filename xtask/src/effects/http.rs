//! One way to speak HTTP for every network client: plain or TLS, connections kept, an answer read to its end and not
//! beyond a bound. Not here: what is asked of whom, what is repeated, and what an answer means.

use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// What we call ourselves.
pub(super) const AGENT: &str = concat!("slipway/", env!("CARGO_PKG_VERSION"));

/// A connection that is as old as this may be closed by the other side at any moment.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

type Plain<B> = legacy::Client<HttpConnector, B>;
type Secure<B> = legacy::Client<HttpsConnector<HttpConnector>, B>;

/// Connections to any number of hosts.
pub(super) struct Http<B> {
    connect_limit: Duration,
    plain: Plain<B>,
    /// Made when it is needed first: it reads this machine's certificates.
    secure: OnceLock<Secure<B>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Silence {
    /// This machine's certificates cannot be read.
    Certificates(anyhow::Error),
    /// There was no connection, so nothing was sent.
    Unreachable(String),
    /// There was one, and it broke: what was sent may have arrived.
    Broken(anyhow::Error),
}

impl<B> Http<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new(connect_limit: Duration) -> Http<B> {
        let plain = builder().build(connector(connect_limit));
        Http { connect_limit, plain, secure: OnceLock::new() }
    }

    /// Sends a request to where its URI says, and waits for the head of the answer.
    pub(super) async fn send(&self, request: Request<B>) -> Result<Response<Incoming>, Silence> {
        let sent = match request.uri().scheme_str() {
            Some("https") => self.secure().map_err(Silence::Certificates)?.request(request).await,
            _ => self.plain.request(request).await,
        };
        sent.map_err(|error| match error.is_connect() {
            true => Silence::Unreachable(why(&error.into())),
            false => Silence::Broken(error.into()),
        })
    }

    /// The same, and the answer's body, which has at most so many bytes.
    pub(super) async fn ask(&self, request: Request<B>, most_bytes: usize) -> Result<Answer, Silence> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = Limited::new(body, most_bytes).collect().await;
        let body = body.map_err(|error| Silence::Broken(anyhow::anyhow!("failed to read the answer: {error}")))?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    }

    fn secure(&self) -> anyhow::Result<&Secure<B>> {
        if let Some(client) = self.secure.get() {
            return Ok(client);
        }
        let tls = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("failed to read the certificates of this machine")?;
        let mut connector = connector(self.connect_limit);
        connector.enforce_http(false);
        Ok(self.secure.get_or_init(|| builder().build(tls.https_only().enable_http1().wrap_connector(connector))))
    }
}

impl<B> fmt::Debug for Http<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// The last cause: what the system or the other side said.
pub(super) fn why(error: &anyhow::Error) -> String {
    error.chain().last().map(ToString::to_string).unwrap_or_default()
}

/// Whether a host, with or without a port, is this machine: there alone is plain HTTP good enough for secrets.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// For a query or a form (RFC 3986): everything but unreserved characters is escaped.
pub(super) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn connector(limit: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(limit));
    connector.set_nodelay(true);
    connector
}

fn builder() -> legacy::Builder {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_idle_timeout(IDLE_LIMIT).pool_timer(TokioTimer::new());
    // Repeating is decided by who asks.
    builder.retry_canceled_requests(false);
    builder
}

#[cfg(test)]
mod tests {
    use super::{encoded, is_loopback};

    #[test]
    fn this_machine_and_others() {
        for here in ["127.0.0.1:5000", "localhost", "localhost:80", "[::1]:5000", "127.9.9.9"] {
            assert!(is_loopback(here), "{here}");
        }
        for there in ["example.com", "10.0.0.1:5000", "localhost.example.com", "127.0.0.1.example.com:80", ""] {
            assert!(!is_loopback(there), "{there}");
        }
    }

    #[test]
    fn everything_but_unreserved_characters_is_escaped() {
        assert_eq!(encoded("repository:a/b:pull,push"), "repository%3Aa%2Fb%3Apull%2Cpush");
        assert_eq!(encoded("a-b._~ü"), "a-b._~%C3%BC");
    }
}

//! One page of the web as a client without cookies sees it: what the service answers from outside. No redirect is followed.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes};
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use tokio::runtime::Runtime;

use super::aws;
use super::http::{AGENT, Http, Silence, why};
use super::interrupt;
use crate::error::Failure;

/// A connection is there in far less, or a firewall drops what we send.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Most of a body that is read. Pages that are looked at have a hundredth of it.
pub const MOST_BYTES: usize = 1 << 20;
/// How often a wait looks whether the user has had enough.
const TICK: Duration = Duration::from_millis(50);

/// A client; it keeps connections.
#[derive(Debug)]
pub struct Web {
    runtime: Runtime,
    http: Http<Empty<Bytes>>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Names in small letters, in the order of the answer.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Whether there was more of it.
    pub is_cut: bool,
}

impl Answer {
    /// The first header of that name, in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There was no connection.
    Unreachable(String),
    /// There was one, and it broke or brought no HTTP.
    Broken(String),
    /// It took too long.
    Late(Duration),
    /// The request could not even be written.
    Unwritten(String),
    /// The user asked to stop.
    Interrupted,
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoAnswer::Unreachable(why) => write!(f, "no connection: {why}"),
            NoAnswer::Broken(why) => write!(f, "the connection broke: {why}"),
            NoAnswer::Late(limit) => write!(f, "no answer within {} s", limit.as_secs_f64()),
            NoAnswer::Unwritten(why) => write!(f, "no request: {why}"),
            NoAnswer::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl From<NoAnswer> for anyhow::Error {
    fn from(no_answer: NoAnswer) -> anyhow::Error {
        match no_answer {
            NoAnswer::Interrupted => Failure::interrupted("interrupted").into(),
            other => Failure::failed(other.to_string()).into(),
        }
    }
}

impl Web {
    /// # Errors
    /// The system's.
    pub fn new() -> anyhow::Result<Web> {
        Ok(Web { runtime: aws::runtime()?, http: Http::new(CONNECT_LIMIT) })
    }

    /// `GET`, within `limit` as a whole. A header `host` replaces the one that the address gives; the certificate must fit
    /// the address all the same.
    ///
    /// # Errors
    /// Why there is no answer. One with a status of an error is an answer.
    pub fn get(&self, address: &str, headers: &[(&str, &str)], limit: Duration) -> Result<Answer, NoAnswer> {
        let request = request(address, headers).map_err(NoAnswer::Unwritten)?;
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(self.ask(request));
            loop {
                let left = limit.saturating_sub(begun.elapsed());
                match tokio::time::timeout(left.min(TICK), &mut work).await {
                    Ok(result) => return result,
                    Err(_) if interrupt::requested() => return Err(NoAnswer::Interrupted),
                    Err(_) if begun.elapsed() >= limit => return Err(NoAnswer::Late(limit)),
                    Err(_) => {}
                }
            }
        })
    }

    async fn ask(&self, request: Request<Empty<Bytes>>) -> Result<Answer, NoAnswer> {
        let (parts, mut incoming) = self.http.send(request).await.map_err(no_answer)?.into_parts();
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| NoAnswer::Broken(why(&error.into())))?;
            body.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if body.len() > MOST_BYTES || (body.len() == MOST_BYTES && !incoming.is_end_stream()) {
                is_cut = true;
                body.truncate(MOST_BYTES);
                break;
            }
        }
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        Ok(Answer { status: parts.status.as_u16(), headers, body, is_cut })
    }
}

fn no_answer(silence: Silence) -> NoAnswer {
    match silence {
        Silence::Certificates(error) => NoAnswer::Unwritten(format!("{error:#}")),
        Silence::Unreachable(why) => NoAnswer::Unreachable(why),
        Silence::Broken(error) => NoAnswer::Broken(why(&error)),
    }
}

fn request(address: &str, headers: &[(&str, &str)]) -> Result<Request<Empty<Bytes>>, String> {
    let uri: Uri = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("`{address}` is no address of the web"));
    }
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in headers {
        let bad = || format!("`{name}` is no header that can be sent");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        // The one header that an address gives, and that a request has once.
        match name {
            HOST => request.headers_mut().insert(HOST, value).is_some(),
            name => request.headers_mut().append(name, value),
        };
    }
    Ok(request)
}

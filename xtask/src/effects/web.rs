//! Client for public pages: requests a service from outside, without cookies or redirects, through the proxies of the
//! environment.

use std::time::{Duration, Instant};

use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use tokio::runtime::Runtime;

use super::aws;
use super::http::{AGENT, Http, Silence, last, why};
use super::interrupt;
use crate::error::Failure;

/// Time limit of a connection. Connections take far less, unless a firewall drops the packets.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Maximum number of bytes read from a body. Checked pages have a hundredth of it.
pub const MOST_BYTES: usize = 1 << 20;
/// Interval at which a wait checks for an interrupt.
const TICK: Duration = Duration::from_millis(50);

/// Client that keeps connections open.
#[derive(Debug)]
pub struct Web {
    runtime: Runtime,
    http: Http,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers with lower-case names, in the order of the response.
    pub headers: Vec<(String, String)>,
    /// The beginning of the body.
    pub body: Vec<u8>,
    /// Whether the body was longer than the limit.
    pub is_cut: bool,
}

impl Answer {
    /// Returns the first header of that name, which must be in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reason why no response arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The connection failed.
    Unreachable(String),
    /// The connection broke or did not speak HTTP.
    Broken(String),
    /// No response within the limit.
    Late(Duration),
    /// The request could not be built.
    Unwritten(String),
    /// The user interrupted.
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
    /// Errors of the system.
    pub fn new() -> anyhow::Result<Web> {
        Ok(Web { runtime: aws::runtime()?, http: Http::new(CONNECT_LIMIT) })
    }

    /// Sends a `GET` request, within `limit` in total. A header `host` replaces the address's; the certificate must
    /// still match the address.
    ///
    /// # Errors
    /// The reason why no response arrived. An error status is a response.
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

    async fn ask(&self, request: Request<SdkBody>) -> Result<Answer, NoAnswer> {
        let (parts, mut incoming) = self.http.send(request).await.map_err(no_answer)?.into_parts();
        let mut body = Vec::new();
        let mut is_cut = false;
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| NoAnswer::Broken(last(error.as_ref())))?;
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
        Silence::Unwritten(why) => NoAnswer::Unwritten(why),
        Silence::Unreachable(why) => NoAnswer::Unreachable(why),
        Silence::Broken(error) => NoAnswer::Broken(why(&error)),
    }
}

fn request(address: &str, headers: &[(&str, &str)]) -> Result<Request<SdkBody>, String> {
    let uri: Uri = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("`{address}` is no address of the web"));
    }
    let mut request = Request::new(SdkBody::empty());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = uri;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in headers {
        let bad = || format!("`{name}` is no header that can be sent");
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        // The only header that is derived from the address, and that a request has once.
        match name {
            HOST => request.headers_mut().insert(HOST, value).is_some(),
            name => request.headers_mut().append(name, value),
        };
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MOST_BYTES, NoAnswer, Web};
    use crate::effects::aws::scripted::{Scene, Scripted};

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_page_as_it_is_with_another_host() {
        let server = Scripted::new(&[Scene::Answer(302, "away")]);
        let web = Web::new().unwrap();
        let headers = [("Host", "shop.example"), ("X-Forwarded-Proto", "https")];
        let answer = web.get(&format!("{}/a?b=c", server.endpoint()), &headers, LIMIT).unwrap();
        assert_eq!((answer.status, answer.text().as_str(), answer.is_cut), (302, "away", false));
        assert_eq!(answer.header("content-length"), Some("4"));
        let head = server.asked().head;
        assert!(head.starts_with("get /a?b=c http/1.1\r\n"), "{head}");
        assert!(head.matches("host: ").count() == 1 && head.contains("host: shop.example\r\n"), "{head}");
        assert!(head.contains("x-forwarded-proto: https\r\n"), "{head}");
    }

    #[test]
    fn a_long_page_is_cut() {
        let (long, full) = ("x".repeat(MOST_BYTES + 1), "x".repeat(MOST_BYTES));
        for (page, is_cut) in [(full, false), (long, true)] {
            let server = Scripted::new(&[Scene::Answer(200, page.leak())]);
            let answer = Web::new().unwrap().get(&server.endpoint(), &[], LIMIT).unwrap();
            assert_eq!((answer.body.len(), answer.is_cut), (MOST_BYTES, is_cut));
        }
    }

    #[test]
    fn no_answer() {
        let web = Web::new().unwrap();
        let server = Scripted::new(&[Scene::Silence, Scene::Lose]);
        let limit = Duration::from_millis(300);
        assert_eq!(web.get(&server.endpoint(), &[], limit), Err(NoAnswer::Late(limit)));
        let broken = Web::new().unwrap();
        drop(web);
        assert!(matches!(broken.get(&server.endpoint(), &[], LIMIT), Err(NoAnswer::Broken(_))));
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(matches!(broken.get(&format!("http://{gone}/"), &[], LIMIT), Err(NoAnswer::Unreachable(_))));
        for address in ["nowhere", "file:///etc/passwd", "http://a b"] {
            assert!(matches!(broken.get(address, &[], LIMIT), Err(NoAnswer::Unwritten(_))), "{address}");
        }
    }
}

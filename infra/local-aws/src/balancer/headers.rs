//! What changes in a head on its way through: hop-by-hop headers go, ALB's own come. Pure but for the clock and the
//! random part of trace ids.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Method, Uri, Version};

use super::answers::Refusal;
use crate::time::Timestamp;

/// AWS, "Quotas for your Application Load Balancers", HTTP headers: a request line and a single header may have 16 K, all
/// headers of a request 64 K.
const LINE: usize = 16 * 1024;
pub(super) const HEAD: usize = 64 * 1024;
/// AWS, "Troubleshoot your Application Load Balancers", HTTP 463.
const ADDRESSES: usize = 30;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// What is the same for every request of a client's connection.
#[derive(Debug)]
pub(super) struct Origin {
    /// Address of the client.
    pub(super) address: HeaderValue,
    /// Port of the listener.
    pub(super) port: HeaderValue,
}

/// Whether ALB would take a request at all.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    if parts.method == Method::TRACE {
        return Err(Refusal::MethodNotAllowed);
    }
    // Method, two spaces and `HTTP/1.1` beside the target.
    let line = parts.method.as_str().len()
        + parts.uri.path_and_query().map_or(1, |target| target.as_str().len())
        + parts.uri.authority().map_or(0, |authority| authority.as_str().len())
        + 10;
    // `: ` and the end of the line beside name and value.
    let (mut head, mut longest) = (line, line);
    for (name, value) in &parts.headers {
        let length = name.as_str().len() + value.len() + 4;
        head += length;
        longest = longest.max(length);
    }
    let hosts = parts.headers.get_all(HOST).iter().count();
    let named = hosts == 1 || (hosts == 0 && (parts.version == Version::HTTP_10 || parts.uri.authority().is_some()));
    if longest > LINE || head > HEAD || !named || parts.method == Method::CONNECT {
        return Err(Refusal::BadRequest);
    }
    Ok(())
}

/// Whether a head asks for another protocol on the same connection.
pub(super) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade")))
}

/// Whether a header concerns one connection only, whatever `Connection` says.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "upgrade"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
    )
}

/// Drops what concerns one connection only. `upgrade` keeps the two headers of a change of protocol.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap, upgrade: bool) {
    // Few of them are there as a rule: one look at the names that are costs less than nine searches in vain.
    let present = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect::<Vec<_>>();
    if let Some(options) = headers.get(CONNECTION).cloned() {
        for option in options.to_str().unwrap_or_default().split(',').map(str::trim) {
            // `Connection: close` and `keep-alive` are by far the most frequent, and name no header to drop.
            if option.eq_ignore_ascii_case("close") || option.eq_ignore_ascii_case("keep-alive") {
                continue;
            }
            let named = HeaderName::from_bytes(option.as_bytes()).ok();
            // `Connection` must not switch off framing and routing headers.
            if let Some(name) = named.filter(|name| ![HOST, CONTENT_LENGTH, UPGRADE].contains(name)) {
                headers.remove(name);
            }
        }
    }
    for name in present.iter().filter(|name| !upgrade || **name != UPGRADE) {
        headers.remove(name);
    }
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

/// Makes the client's head the one that the target gets.
pub(super) fn towards_target(parts: &mut Parts, origin: &Origin, upgrade: bool) -> Result<(), Refusal> {
    drop_hop_by_hop(&mut parts.headers, upgrade);
    // The client gets `100 Continue` as soon as its body is read; the target is not involved.
    parts.headers.remove(EXPECT);
    if let Some(authority) = parts.uri.authority() {
        // RFC 9112, 3.2.2: the host of an absolute target replaces the header.
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Refusal::BadRequest)?;
        parts.headers.insert(HOST, host);
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        parts.uri = target.parse::<Uri>().map_err(|_| Refusal::BadRequest)?;
    }
    parts.version = Version::HTTP_11;
    let forwarded_for = forwarded_for(&parts.headers, &origin.address)?;
    parts.headers.insert(X_FORWARDED_FOR, forwarded_for);
    parts.headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("http"));
    parts.headers.insert(X_FORWARDED_PORT, origin.port.clone());
    let trace = trace_id(parts.headers.get(X_AMZN_TRACE_ID).and_then(|value| value.to_str().ok()));
    if let Ok(trace) = HeaderValue::try_from(trace) {
        parts.headers.insert(X_AMZN_TRACE_ID, trace);
    }
    Ok(())
}

fn forwarded_for(headers: &HeaderMap, address: &HeaderValue) -> Result<HeaderValue, Refusal> {
    if !headers.contains_key(X_FORWARDED_FOR) {
        return Ok(address.clone());
    }
    let mut all = Vec::new();
    let mut addresses = 0;
    for value in headers.get_all(X_FORWARDED_FOR) {
        addresses += value.as_bytes().split(|byte| *byte == b',').count();
        all.extend_from_slice(value.as_bytes());
        all.extend_from_slice(b", ");
    }
    if addresses > ADDRESSES {
        return Err(Refusal::TooManyAddresses);
    }
    all.extend_from_slice(address.as_bytes());
    HeaderValue::from_bytes(&all).map_err(|_| Refusal::BadRequest)
}

/// ALB's rules: none gets a `Root`; one with a `Root` gets a `Self` in front; an older `Self` goes.
fn trace_id(found: Option<&str>) -> String {
    let Some(found) = found.filter(|found| !found.is_empty()) else { return fresh_id("Root=") };
    let mut fields = found.split(';').map(str::trim);
    let field = if fields.clone().any(|field| field.starts_with("Root=")) { "Self=" } else { "Root=" };
    let kept = fields.by_ref().filter(|field| !field.starts_with("Self=")).collect::<Vec<_>>().join(";");
    format!("{};{kept}", fresh_id(field))
}

/// `<field>1-<seconds, 8 hex digits>-<24 hex digits>`.
fn fresh_id(field: &str) -> String {
    static SEEDS: LazyLock<(RandomState, RandomState)> = LazyLock::new(|| (RandomState::new(), RandomState::new()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seconds = Timestamp::now().as_millis() / 1000;
    let mut id = String::with_capacity(field.len() + 35);
    id.push_str(field);
    id.push_str("1-");
    push_hex(&mut id, seconds, 8);
    id.push('-');
    push_hex(&mut id, SEEDS.1.hash_one(count), 8);
    push_hex(&mut id, SEEDS.0.hash_one(count), 16);
    id
}

/// The last `digits` hex digits of a number. `format!` takes a tenth of a request's time for the three of an id.
fn push_hex(text: &mut String, number: u64, digits: u32) {
    for digit in (0..digits).rev() {
        text.push(char::from_digit((number >> (4 * digit)) as u32 & 0xf, 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(headers: &[(&'static str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/page?x=1").header("host", "site");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn origin() -> Origin {
        Origin { address: HeaderValue::from_static("127.0.0.1"), port: HeaderValue::from_static("8080") }
    }

    #[test]
    fn hop_by_hop_headers_go_and_what_alb_adds_comes() {
        let mut parts = head(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("trailer", "x-sum"),
            ("transfer-encoding", "chunked"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic eDp5"),
            ("upgrade", "h2c"),
            ("expect", "100-continue"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-for", "5.6.7.8"),
            ("x-forwarded-proto", "https"),
            ("accept", "*/*"),
        ]);
        towards_target(&mut parts, &origin(), false).unwrap();
        let mut names = parts.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>();
        names.sort_unstable();
        let expected =
            ["accept", "host", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"];
        assert_eq!(names, expected);
        assert_eq!(parts.headers[X_FORWARDED_FOR], "1.2.3.4, 5.6.7.8, 127.0.0.1");
        assert_eq!(parts.headers[X_FORWARDED_PROTO], "http");
        assert_eq!(parts.headers[X_FORWARDED_PORT], "8080");
    }

    #[test]
    fn an_upgrade_keeps_its_headers_and_connection_cannot_drop_the_host() {
        let mut parts = head(&[("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")]);
        assert!(asks_for_upgrade(&parts.headers));
        towards_target(&mut parts, &origin(), true).unwrap();
        assert_eq!(
            (&parts.headers[CONNECTION], &parts.headers[UPGRADE]),
            (&HeaderValue::from_static("upgrade"), &HeaderValue::from_static("websocket"))
        );
        // Some targets leave out the redundant one of the two.
        let mut parts = head(&[("upgrade", "websocket")]);
        drop_hop_by_hop(&mut parts.headers, true);
        assert_eq!((&parts.headers[CONNECTION], parts.headers.len()), (&HeaderValue::from_static("upgrade"), 3));
        let mut parts = head(&[("connection", "host, content-length"), ("content-length", "3")]);
        towards_target(&mut parts, &origin(), false).unwrap();
        assert_eq!(
            (&parts.headers[HOST], &parts.headers["content-length"]),
            (&HeaderValue::from_static("site"), &HeaderValue::from_static("3"))
        );
    }

    #[test]
    fn an_absolute_target_becomes_path_and_host() {
        let mut parts = head(&[]);
        parts.uri = "http://other:81/a?b".parse().unwrap();
        towards_target(&mut parts, &origin(), false).unwrap();
        assert_eq!((parts.uri.to_string().as_str(), parts.headers[HOST].to_str().unwrap()), ("/a?b", "other:81"));
    }

    #[test]
    fn trace_ids_follow_albs_rules() {
        let fresh = trace_id(None);
        let (time, id) = fresh.strip_prefix("Root=1-").unwrap().split_once('-').unwrap();
        assert_eq!((time.len(), id.len()), (8, 24));
        assert_ne!(fresh, trace_id(None));
        assert!(time.chars().chain(id.chars()).all(|digit| matches!(digit, '0'..='9' | 'a'..='f')), "{fresh}");
        let mut hex = String::new();
        push_hex(&mut hex, 0xfeed_0000_0a1b, 6);
        assert_eq!(hex, "000a1b");
        let second = trace_id(Some("Self=1-0-a;Root=1-5-b;CalledFrom=app"));
        assert!(second.starts_with("Self=1-") && second.ends_with(";Root=1-5-b;CalledFrom=app"), "{second}");
        assert!(!second.contains("1-0-a"));
        assert!(trace_id(Some("CalledFrom=app")).starts_with("Root=1-"));
    }

    #[test]
    fn what_alb_refuses_is_refused() {
        let long = "x".repeat(LINE);
        assert_eq!(check(&head(&[("x-long", &long)])), Err(Refusal::BadRequest));
        let half = "x".repeat(LINE / 2);
        let many = ["a", "b", "c", "d", "e", "f", "g", "h"].map(|name| (name, half.as_str()));
        assert_eq!(check(&head(&many)), Err(Refusal::BadRequest));
        assert_eq!(check(&head(&many[..7])), Ok(()));
        assert_eq!(check(&head(&[("host", "second")])), Err(Refusal::BadRequest));
        let mut parts = head(&[]);
        parts.uri = format!("/{long}").parse().unwrap();
        assert_eq!(check(&parts), Err(Refusal::BadRequest));
        let mut parts = head(&[]);
        parts.headers.remove(HOST);
        assert_eq!(check(&parts), Err(Refusal::BadRequest));
        parts.version = Version::HTTP_10;
        assert_eq!(check(&parts), Ok(()));
        parts.method = Method::TRACE;
        assert_eq!(check(&parts), Err(Refusal::MethodNotAllowed));
        let addresses = ["1.1.1.1"; 31].join(",");
        let refused = towards_target(&mut head(&[("x-forwarded-for", &addresses)]), &origin(), false);
        assert_eq!(refused, Err(Refusal::TooManyAddresses));
    }
}

//! Who may ask at all. The endpoint listens on loopback, but a page in a browser of this machine can send requests there,
//! and a name that an attacker points to 127.0.0.1 gets it the answers. So a request names a loopback host, and none of
//! another origin is taken.

use std::net::IpAddr;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// All of these routes, for local clients only.
pub(super) fn guarded(routes: Router) -> Router {
    routes.layer(middleware::from_fn(check))
}

async fn check(request: Request, next: Next) -> Response {
    let by_address = request.uri().authority().is_none_or(|authority| is_loopback(authority.as_str()));
    if by_address && is_local(request.headers()) {
        return next.run(request).await;
    }
    let document = json!({
        "__type": "AccessDeniedException",
        "message": "The local emulator answers local clients only: Host and Origin must name a loopback address",
    });
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], document.to_string())
        .into_response()
}

fn is_local(headers: &HeaderMap) -> bool {
    let hosts = headers.get_all(header::HOST).iter().all(|host| host.to_str().is_ok_and(is_loopback));
    let is_own = |origin: &str| origin.split_once("://").is_some_and(|(_, host)| is_loopback(host));
    let origins = headers.get_all(header::ORIGIN).iter().all(|origin| origin.to_str().is_ok_and(is_own));
    hosts && origins
}

/// Whether a host, with or without a port, can only be this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    // RFC 6761: `localhost` and all names below it are loopback.
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_answered() {
        for host in
            ["127.0.0.1:4510", "127.0.0.1", "localhost:1", "LOCALHOST", "a.localhost:80", "[::1]:4510", "127.8.8.8"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example:4510", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:80", "[::2]:1"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn pages_of_others_are_refused() {
        let check = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            is_local(&headers)
        };
        assert!(is_local(&HeaderMap::new()));
        assert!(check(header::ORIGIN, "http://127.0.0.1:8080"));
        assert!(!check(header::ORIGIN, "https://evil.example"));
        assert!(!check(header::ORIGIN, "null"));
        assert!(!check(header::HOST, "evil.example"));
    }
}

//! The balancer's own responses, as ALB's: a short page, `Server: awselb/2.0`.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::{Response, StatusCode};

/// ALB's own responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Malformed, or a line or header above its limit.
    BadRequest,
    /// `TRACE`.
    MethodNotAllowed,
    /// More than 30 addresses in `X-Forwarded-For`.
    TooManyAddresses,
    /// The target closed the connection or sent an invalid response.
    BadGateway,
    /// No target is registered.
    ServiceUnavailable,
    /// The target took no connection, or sent nothing in time.
    GatewayTimeout,
}

impl Refusal {
    fn status(self) -> (u16, &'static str) {
        match self {
            Refusal::BadRequest => (400, "400 Bad Request"),
            Refusal::MethodNotAllowed => (405, "405 Method Not Allowed"),
            Refusal::TooManyAddresses => (463, "463 Unknown"),
            Refusal::BadGateway => (502, "502 Bad Gateway"),
            Refusal::ServiceUnavailable => (503, "503 Service Temporarily Unavailable"),
            Refusal::GatewayTimeout => (504, "504 Gateway Time-out"),
        }
    }

    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, title) = self.status();
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        let mut response = Response::new(Full::from(page));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        response.headers_mut().insert(SERVER, HeaderValue::from_static("awselb/2.0"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        response
    }
}

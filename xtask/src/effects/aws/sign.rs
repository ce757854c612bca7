//! One request with AWS's signature on it (version 4). Not here: where the keys come from (`credentials`).

use std::time::SystemTime;

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Method, Request};

use super::api::Call;
use crate::effects::http::AGENT;

/// A call as it goes over the wire.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) content_type: &'static str,
    /// `X-Amz-Target`, where the protocol has one.
    pub(super) target: Option<String>,
    pub(super) body: Bytes,
}

/// `address` is the service's, without a slash at its end.
pub(super) fn signed(
    call: Call,
    written: &Written,
    address: &str,
    region: &str,
    keys: &Credentials,
    time: SystemTime,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let uri = format!("{address}/");
    let mut headers = vec![("content-type", written.content_type)];
    headers.extend(written.target.as_deref().map(|target| ("x-amz-target", target)));
    let identity = keys.clone().into();
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(call.api.prefix())
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .context("failed to sign a call")?
        .into();
    let signable = SignableRequest::new("POST", &uri, headers.into_iter(), SignableBody::Bytes(&written.body))
        .context("failed to sign a call")?;
    let (signature, _) = sign(signable, &parameters).context("failed to sign a call")?.into_parts();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(&uri)
        .header(CONTENT_TYPE, written.content_type)
        .header(USER_AGENT, AGENT);
    if let Some(target) = &written.target {
        request = request.header("x-amz-target", target);
    }
    // Keys come from files that people edit; the crate's own way of adding headers panics where one has a line break.
    let (signed, _) = signature.into_parts();
    for header in signed {
        // The error is dropped: it must not carry the value.
        let value = HeaderValue::from_str(header.value());
        let mut value =
            value.map_err(|_| anyhow::anyhow!("the credentials have characters that no header can have"))?;
        value.set_sensitive(header.sensitive());
        request = request.header(header.name(), value);
    }
    request.body(Full::new(written.body.clone())).context("failed to write a call")
}

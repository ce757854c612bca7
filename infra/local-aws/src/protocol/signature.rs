//! The form of a signature (AWS Signature Version 4, header form). Every key is accepted and nothing is
//! verified, but a request that AWS would refuse unread is refused here, too.

use axum::http::{HeaderMap, header};

use crate::api::Service;
use crate::error::{Answer, AwsError};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The service in the credential scope, if there is one.
pub(crate) fn scope_of(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    scope(parameter(value.trim().strip_prefix(ALGORITHM)?, "Credential")?)
}

/// Whether the request has a signature for this service. The Query protocol has names of its own for what is wrong.
pub(crate) fn check(headers: &HeaderMap, service: Service, is_query: bool) -> Answer<()> {
    let missing = || AwsError {
        status: 403,
        ..AwsError::client(
            if is_query { "MissingAuthenticationToken" } else { "MissingAuthenticationTokenException" },
            "Missing Authentication Token",
        )
    };
    let incomplete = |message: String| {
        AwsError::client(if is_query { "IncompleteSignature" } else { "IncompleteSignatureException" }, message)
    };
    let value = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or("?").trim());
    let value = value.filter(|value| !value.is_empty()).ok_or_else(missing)?;
    let parameters = match value.strip_prefix(ALGORITHM) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => rest,
        _ => {
            return Err(incomplete(format!(
                "Unsupported AWS 'algorithm': the Authorization header requires {ALGORITHM}"
            )));
        }
    };
    let required = |name: &str| {
        let lacking = || incomplete(format!("Authorization header requires '{name}' parameter."));
        parameter(parameters, name).filter(|value| !value.is_empty()).ok_or_else(lacking)
    };
    let credential = required("Credential")?;
    let signature = required("Signature")?;
    required("SignedHeaders")?;
    let named = scope(credential).ok_or_else(|| {
        incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        ))
    })?;
    // HMAC-SHA-256 in hexadecimal digits.
    if signature.len() != 64 || !signature.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(incomplete(format!("The signature '{signature}' does not have 64 hexadecimal digits")));
    }
    if named == service.signing_name() {
        return Ok(());
    }
    let message = format!("Credential should be scoped to correct service: '{}'.", service.signing_name());
    Err(if is_query {
        AwsError { status: 403, ..AwsError::client("SignatureDoesNotMatch", message) }
    } else {
        AwsError::client("InvalidSignatureException", message)
    })
}

fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `<key>/<date>/<region>/<service>/aws4_request`. A key may have slashes of its own.
fn scope(credential: &str) -> Option<&str> {
    let mut parts = credential.rsplitn(5, '/');
    let is_term = parts.next()? == "aws4_request";
    let (service, region, date, key) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    (is_term && is_date && !region.is_empty() && !key.is_empty()).then_some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(value: Option<&str>, is_query: bool) -> Result<(), (&'static str, u16)> {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        check(&headers, Service::Ecs, is_query).map_err(|error| (error.code, error.status))
    }

    fn signed(credential: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature={}", "0".repeat(64))
    }

    #[test]
    fn any_key_is_taken_and_the_form_counts() {
        assert_eq!(judged(Some(&signed("any/20260101/eu-central-1/ecs/aws4_request")), false), Ok(()));
        let tight = signed("any/20260101/eu-central-1/ecs/aws4_request").replace(", ", ",");
        assert_eq!(judged(Some(&tight), false), Ok(()));
        assert_eq!(judged(None, false), Err(("MissingAuthenticationTokenException", 403)));
        assert_eq!(judged(Some(" "), true), Err(("MissingAuthenticationToken", 403)));
        let whole = signed("any/20260101/eu-central-1/ecs/aws4_request");
        for wrong in [
            "Bearer abc",
            "Basic QVdTOmE=",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=a/b",
            &signed("any/20260101/eu-central-1/ecs"),
            &signed("any/today/eu-central-1/ecs/aws4_request"),
            &signed("/20260101/eu-central-1/ecs/aws4_request"),
            &whole[..whole.len() - 1],
            &whole.replace("SignedHeaders=host", "SignedHeaders="),
        ] {
            assert_eq!(judged(Some(wrong), false), Err(("IncompleteSignatureException", 400)), "{wrong}");
            assert_eq!(judged(Some(wrong), true), Err(("IncompleteSignature", 400)), "{wrong}");
        }
    }

    #[test]
    fn a_signature_for_another_service_is_refused() {
        let other = signed("any/20260101/eu-central-1/ecr/aws4_request");
        assert_eq!(judged(Some(&other), false), Err(("InvalidSignatureException", 400)));
        assert_eq!(judged(Some(&other), true), Err(("SignatureDoesNotMatch", 403)));
    }
}

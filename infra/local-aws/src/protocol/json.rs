//! JSON 1.1: the action in `X-Amz-Target`, members as one document, errors with `__type`.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Value, json};

use super::{Refusal, respond};
use crate::api::Service;
use crate::error::{Answer, AwsError};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Errors of SSM whose sentence is called `Message` in SSM's model, as far as a call here may give them.
const CAPITAL: [&str; 5] =
    ["InternalServerError", "InvalidFilterValue", "InvalidNextToken", "TooManyUpdates", "ValidationException"];

/// Service and action.
pub(crate) fn target(headers: &HeaderMap) -> Answer<(Service, String)> {
    let unknown = || AwsError::client("UnknownOperationException", "");
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).ok_or_else(unknown)?;
    let (prefix, action) = target.split_once('.').ok_or_else(unknown)?;
    let service = Service::from_target(prefix).ok_or_else(unknown)?;
    // AWS distinguishes an action that does not exist from one that is not served; so do we, by the form of AWS's names.
    let is_name = action.len() <= 128 && action.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_name || !service.has(action) {
        return Err(unknown());
    }
    Ok((service, action.to_owned()))
}

/// The document.
pub(crate) fn input(body: &[u8]) -> Answer<Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        Ok(_) => Err(AwsError::client("SerializationException", "Start of structure or map found where not expected.")),
        Err(error) => Err(AwsError::client("SerializationException", error.to_string())),
    }
}

pub(crate) fn answer(output: &Value) -> Response {
    // What has no answer in the service's model has an empty one on the wire.
    let body = if output.is_null() { String::new() } else { output.to_string() };
    respond(200, CONTENT_TYPE, body)
}

pub(crate) fn refusal(refusal: &Refusal) -> Response {
    let Refusal { code, status, message } = refusal;
    let mut document = json!({ "__type": code, "message": message });
    if CAPITAL.contains(&code.as_str()) {
        document["Message"] = json!(message);
    }
    let mut response = respond(*status, CONTENT_TYPE, document.to_string());
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert(ERROR_TYPE, code);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_that_nobody_has_are_unknown() {
        let check = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-amz-target", text.parse().unwrap());
            target(&headers).map_err(|error| error.code)
        };
        assert_eq!(check("AmazonSSM.GetParameter"), Ok((Service::Ssm, "GetParameter".to_owned())));
        for wrong in [
            "",
            "....",
            "GetParameter",
            "Coffee_20260101.Make",
            "AmazonSSM.",
            "AmazonSSM.MakeCoffee",
            "AmazonSSM.Get Parameter",
        ] {
            assert_eq!(check(wrong), Err("UnknownOperationException"), "{wrong}");
        }
        assert!(target(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_a_structure_is_an_input() {
        assert!(input(br#"{"a":[1]}"#).is_ok());
        let deep = "[".repeat(100_000);
        for wrong in ["", "null", "[]", "1", "\"a\"", "{", "{\"a\":1}}", &deep] {
            assert_eq!(input(wrong.as_bytes()).unwrap_err().code, "SerializationException");
        }
        assert_eq!(input(b"\xff").unwrap_err().code, "SerializationException");
    }
}

//! JSON 1.1: documents in and out, the action in a header. What an answer has is handed on as it is.

use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::api::{Call, Protocol};
use super::sign::Written;
use super::{Aws, CallError, Why};
use crate::effects::http::Answer;

impl Aws {
    /// Calls a service that speaks JSON, and waits for its answer.
    pub(in crate::effects) fn call_json(&self, call: Call, input: &Value) -> Result<Value, CallError> {
        self.shared.runtime.block_on(self.ask_json(call, input))
    }

    /// The same for a network client that is waiting already.
    pub(in crate::effects) async fn ask_json(&self, call: Call, input: &Value) -> Result<Value, CallError> {
        let Protocol::Json(prefix) = call.api.protocol() else {
            return Err(self.error(call, Why::Unwritten("the service does not speak JSON".to_owned())));
        };
        let written = Written {
            content_type: "application/x-amz-json-1.1",
            target: Some(format!("{prefix}.{}", call.action)),
            body: Bytes::from(input.to_string()),
        };
        let body = self.send(call, &written).await?;
        if body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        // The error names a place in the text, and no word of it.
        let mut answer: Value =
            serde_json::from_slice(&body).map_err(|error| self.error(call, Why::Unreadable(error.to_string())))?;
        drop_nulls(&mut answer);
        Ok(answer)
    }

    /// What an answer has at a place, in a type of ours.
    pub(in crate::effects) fn member<T: DeserializeOwned>(
        &self,
        call: Call,
        answer: &mut Value,
        name: &str,
    ) -> Result<T, CallError> {
        let found = answer.get_mut(name).map(Value::take);
        let found = found.ok_or_else(|| self.unreadable(call, format!("it has no `{name}`")))?;
        typed(found).map_err(|why| self.unreadable(call, format!("`{name}`: {why}")))
    }

    pub(in crate::effects) fn unreadable(&self, call: Call, why: String) -> CallError {
        self.error(call, Why::Unreadable(why))
    }
}

/// A part of an answer in a type of ours.
pub(in crate::effects) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Code and words of a refusal: `{"__type": "com.amazonaws.ecs#ClientException", "message": …}`.
pub(super) fn refusal(answer: &Answer) -> Option<(String, String)> {
    let document = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let code = header.or_else(|| text("__type")).or_else(|| text("code"))?;
    // `namespace#Code:address`, of which only the code is always there.
    let code = code.split(':').next().and_then(|code| code.rsplit('#').next()).unwrap_or(code);
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    Some((code.to_owned(), message.to_owned()))
}

/// A null member is an absent one in AWS's JSON (the protocol's own tests say so).
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use hyper::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::{Answer, drop_nulls, refusal};

    fn check(body: &str, header: Option<&str>, expected: Option<(&str, &str)>) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", header.parse().unwrap());
        }
        let answer = Answer { status: StatusCode::BAD_REQUEST, headers, body: Bytes::from(body.to_owned()) };
        let expected = expected.map(|(code, message)| (code.to_owned(), message.to_owned()));
        assert_eq!(refusal(&answer), expected, "{body}");
    }

    #[test]
    fn refusals_in_every_form_that_aws_has() {
        let service = r#"{"__type":"ServiceNotFoundException","message":"Service not found."}"#;
        check(service, None, Some(("ServiceNotFoundException", "Service not found.")));
        check(r#"{"__type":"com.amazon.coral#AccessDenied","Message":"no"}"#, None, Some(("AccessDenied", "no")));
        check("", Some("ThrottlingException:http://internal/"), Some(("ThrottlingException", "")));
        check("<html>502</html>", None, None);
        check(r#"{"message":"no code"}"#, None, None);
    }

    #[test]
    fn nulls_are_absent_and_all_else_is_kept() {
        let mut value = json!({ "a": null, "b": [{ "c": null, "unknown": {} }], "d": 0 });
        drop_nulls(&mut value);
        assert_eq!(value, json!({ "b": [{ "unknown": {} }], "d": 0 }));
    }
}

//! JSON answers: documents, members and refusals. Unknown members are kept.

use aws_smithy_runtime_api::http::Headers;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Aws, CallError};
use crate::effects::aws::Call;

impl Aws {
    /// Returns a member of an answer in a type of ours.
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
}

/// A part of an answer in a type of ours.
pub(in crate::effects) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Reads an answer; an empty body is an empty object.
pub(super) fn read(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    // The error names a position in the text, and no word of it.
    let mut answer: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    drop_nulls(&mut answer);
    Ok(answer)
}

/// Code and message of a refusal: `{"__type": "com.amazonaws.ecs#ClientException", "message": …}`.
pub(super) fn refusal(headers: &Headers, body: &[u8]) -> Option<(String, String)> {
    let document = serde_json::from_slice::<Value>(body).unwrap_or_default();
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let code = headers.get("x-amzn-errortype").or_else(|| text("__type")).or_else(|| text("code"))?;
    // `namespace#Code:address`, of which only the code is always present.
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
    use serde_json::json;

    use super::{Headers, drop_nulls, refusal};

    fn check(body: &str, header: Option<&'static str>, expected: Option<(&str, &str)>) {
        let mut headers = Headers::new();
        if let Some(header) = header {
            headers.insert("x-amzn-errortype", header);
        }
        let expected = expected.map(|(code, message)| (code.to_owned(), message.to_owned()));
        assert_eq!(refusal(&headers, body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn reads_refusals_in_every_form() {
        let service = r#"{"__type":"ServiceNotFoundException","message":"Service not found."}"#;
        check(service, None, Some(("ServiceNotFoundException", "Service not found.")));
        check(r#"{"__type":"com.amazon.coral#AccessDenied","Message":"no"}"#, None, Some(("AccessDenied", "no")));
        check("", Some("ThrottlingException:http://internal/"), Some(("ThrottlingException", "")));
        check("<html>502</html>", None, None);
        check(r#"{"message":"no code"}"#, None, None);
    }

    #[test]
    fn drops_nulls_and_keeps_unknown_members() {
        let mut value = json!({ "a": null, "b": [{ "c": null, "unknown": {} }], "d": 0 });
        drop_nulls(&mut value);
        assert_eq!(value, json!({ "b": [{ "unknown": {} }], "d": 0 }));
    }
}

//! SSM's parameters, one function per call: existence of secrets, and small plain-text records of this tool. Values of
//! secrets are never requested in clear text or kept beyond a call.

use serde_json::{Value, json};

use super::aws::{Api, Aws, Call, CallError};

/// AWS's limit: 10 names per call of `GetParameters`.
const MOST_NAMES: usize = 10;

/// Result of creating a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The parameter was created.
    Created,
    /// A parameter of that name exists.
    Exists,
}

/// Calls `GetParameters` without decryption and returns the names or ARNs that do not exist.
///
/// # Errors
/// Errors of SSM and of the network.
pub fn missing(aws: &Aws, names: &[String]) -> Result<Vec<String>, CallError> {
    let call = Call::new(Api::Ssm, "GetParameters");
    let mut missing = Vec::new();
    for some in names.chunks(MOST_NAMES) {
        let mut answer = aws.call_json(call, &json!({ "Names": some, "WithDecryption": false }))?;
        let invalid = answer.get_mut("InvalidParameters").map(Value::take).unwrap_or_default();
        let invalid = invalid.as_array().into_iter().flatten().filter_map(Value::as_str);
        missing.extend(invalid.map(str::to_owned));
    }
    Ok(missing)
}

/// Calls `PutParameter` to create a plain-text parameter. The value must be unique to the caller: after a lost
/// response, it distinguishes the caller's parameter from another client's.
///
/// # Errors
/// As above.
pub fn put_new(aws: &Aws, name: &str, value: &str) -> Result<Put, CallError> {
    let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": false });
    match aws.call_json(Call::new(Api::Ssm, "PutParameter").idempotent(), &input) {
        Ok(_) => Ok(Put::Created),
        Err(error) if error.is(&["ParameterAlreadyExists"]) => {
            let is_ours = get(aws, name)?.is_some_and(|(found, _)| found == value);
            Ok(if is_ours { Put::Created } else { Put::Exists })
        }
        Err(error) => Err(error),
    }
}

/// Calls `GetParameter` for plain text and returns value and version; `None` where the parameter does not exist.
///
/// # Errors
/// As above.
pub fn get(aws: &Aws, name: &str) -> Result<Option<(String, u64)>, CallError> {
    let call = Call::new(Api::Ssm, "GetParameter");
    match aws.call_json(call, &json!({ "Name": name })) {
        Ok(answer) => {
            let value = answer.pointer("/Parameter/Value").and_then(Value::as_str).map(str::to_owned);
            let version = answer.pointer("/Parameter/Version").and_then(Value::as_u64);
            let found = value.zip(version).ok_or_else(|| aws.unreadable(call, "it has no value".to_owned()))?;
            Ok(Some(found))
        }
        Err(error) if error.is(&["ParameterNotFound"]) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Calls `PutParameter` to create or overwrite plain text and returns the new version. Concurrent calls are not
/// detected.
///
/// # Errors
/// As above.
pub fn overwrite(aws: &Aws, name: &str, value: &str) -> Result<u64, CallError> {
    let call = Call::new(Api::Ssm, "PutParameter").idempotent();
    let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true });
    let mut answer = aws.call_json(call, &input)?;
    aws.member(call, &mut answer, "Version")
}

/// Calls `DeleteParameter`. For a missing parameter this is a no-op.
///
/// # Errors
/// As above.
pub fn delete(aws: &Aws, name: &str) -> Result<(), CallError> {
    match aws.call_json(Call::new(Api::Ssm, "DeleteParameter").idempotent(), &json!({ "Name": name })) {
        Ok(_) => Ok(()),
        Err(error) if error.is(&["ParameterNotFound"]) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Put, delete, get, missing, put_new};
    use crate::effects::aws::scripted::{Scene, Scripted};

    const EXISTS: Scene = Scene::Answer(400, r#"{"__type":"ParameterAlreadyExists","message":"exists"}"#);
    const ABSENT: Scene = Scene::Answer(400, r#"{"__type":"ParameterNotFound"}"#);

    fn check(script: &[Scene], expected: Put) {
        let server = Scripted::new(script);
        assert_eq!(put_new(&server.aws(), "/lock", "mine").unwrap(), expected);
    }

    #[test]
    fn a_parameter_that_is_to_be_new() {
        let mine = Scene::Answer(200, r#"{"Parameter":{"Value":"mine","Version":1}}"#);
        let other = Scene::Answer(200, r#"{"Parameter":{"Value":"other","Version":1}}"#);
        check(&[Scene::Answer(200, r#"{"Version":1}"#)], Put::Created);
        check(&[EXISTS, other], Put::Exists);
        check(&[EXISTS, ABSENT], Put::Exists);
        // The first response was lost, and the existing parameter has the caller's value.
        check(&[Scene::Lose, EXISTS, mine], Put::Created);
    }

    #[test]
    fn parameters_that_are_not_there() {
        let server = Scripted::new(&[ABSENT, ABSENT]);
        let aws = server.aws();
        assert_eq!(get(&aws, "/lock").unwrap(), None);
        delete(&aws, "/lock").unwrap();
    }

    #[test]
    fn existence_is_asked_for_ten_at_a_time_and_never_in_the_clear() {
        let server = Scripted::new(&[
            Scene::Answer(200, r#"{"Parameters":[{"Name":"/1","Value":"hidden"}],"InvalidParameters":["/2"]}"#),
            Scene::Answer(200, r#"{"Parameters":[],"InvalidParameters":["/11"]}"#),
        ]);
        let names: Vec<_> = (1..=11).map(|number| format!("/{number}")).collect();
        assert_eq!(missing(&server.aws(), &names).unwrap(), ["/2", "/11"]);
        let asked = server.asked().json();
        assert_eq!((asked["Names"].as_array().unwrap().len(), &asked["WithDecryption"]), (10, &false.into()));
    }
}

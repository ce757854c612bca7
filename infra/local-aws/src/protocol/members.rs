//! Members of a call, typed. A structure that derives `Deserialize` with `deny_unknown_fields` is all that a service
//! writes down; what does not fit is refused here, in the words and with the code of the service.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::Service;
use crate::error::{Answer, AwsError};

/// The members of a call to `service`. What AWS would ignore in silence (unknown members) is refused here: a member that
/// is not carried out must not look as if it were.
///
/// # Errors
/// `SerializationException` for wrong types, the service's own code for unknown and missing members.
pub fn members<T: DeserializeOwned>(service: Service, input: Value) -> Answer<T> {
    serde_json::from_value(input).map_err(|error| {
        let text = error.to_string();
        let named = |beginning: &str| text.strip_prefix(beginning)?.split('`').next();
        if let Some(name) = named("unknown field `") {
            return AwsError::client(
                invalid(service),
                format!("The member '{name}' is not supported by the local emulator"),
            );
        }
        match named("missing field `") {
            Some(name) => missing(service, name),
            None => AwsError::client("SerializationException", text),
        }
    })
}

/// A member that must be there.
///
/// # Errors
/// The service's own, where it is not.
pub fn required<T>(service: Service, name: &str, value: Option<T>) -> Answer<T> {
    value.ok_or_else(|| missing(service, name))
}

fn missing(service: Service, name: &str) -> AwsError {
    unfit(service, "null", name, "Member must not be null")
}

/// AWS's sentence about a member whose value breaks a rule of the service's model.
pub fn unfit(service: Service, value: &str, name: &str, rule: &str) -> AwsError {
    let value = if value == "null" { value.to_owned() } else { format!("'{value}'") };
    let message =
        format!("1 validation error detected: Value {value} at '{name}' failed to satisfy constraint: {rule}");
    AwsError::client(invalid(service), message)
}

/// The code with which a service refuses a member.
pub fn invalid(service: Service) -> &'static str {
    match service {
        Service::Ecr | Service::Ecs | Service::Logs => "InvalidParameterException",
        Service::Ssm => "ValidationException",
        Service::Elb | Service::Sts => "ValidationError",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Input {
        cluster_name: String,
        max_results: Option<u32>,
    }

    #[test]
    fn what_fits_is_typed_and_what_does_not_is_refused_with_the_services_code() {
        let check =
            |service, input: Value| members::<Input>(service, input).map_err(|error| (error.code, error.message));
        let fits = Input { cluster_name: "c".into(), max_results: None };
        assert_eq!(check(Service::Ecs, json!({ "clusterName": "c", "maxResults": null })), Ok(fits));
        let (code, message) = check(Service::Ecs, json!({ "clusterName": "c", "colour": 1 })).unwrap_err();
        assert_eq!(code, "InvalidParameterException");
        assert!(message.contains("'colour'"), "{message}");
        let (code, message) = check(Service::Ssm, json!({})).unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains("Value null at 'clusterName'"), "{message}");
        for wrong in
            [json!({ "clusterName": 1 }), json!({ "clusterName": "c", "maxResults": "ten" }), json!([]), json!("c")]
        {
            assert_eq!(check(Service::Logs, wrong.clone()).unwrap_err().0, "SerializationException", "{wrong}");
        }
    }
}

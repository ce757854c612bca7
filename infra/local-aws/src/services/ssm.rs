//! SSM's Parameter Store, as far as a deploy needs it: standard parameters, their newest version. Not here: history, labels,
//! advanced parameters, policies, and everything of SSM that is not about parameters.

mod describe;
mod names;
mod read;
mod tags;
mod write;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol;
use crate::settings::Settings;
use crate::store::ssm::{Parameter, ParameterType};

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(emulator: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "PutParameter" => write::put(emulator, members(input)?),
        "DeleteParameter" => write::delete(emulator, &members(input)?),
        "DeleteParameters" => write::delete_several(emulator, members(input)?),
        "GetParameter" => read::get(emulator, &members(input)?),
        "GetParameters" => read::get_several(emulator, &members(input)?),
        "GetParametersByPath" => read::by_path(emulator, &members(input)?),
        "DescribeParameters" => describe::describe(emulator, &members(input)?),
        "AddTagsToResource" => tags::add(emulator, members(input)?),
        "ListTagsForResource" => tags::list(emulator, &members(input)?),
        "RemoveTagsFromResource" => tags::remove(emulator, &members(input)?),
        _ => Err(AwsError::unsupported(action)),
    }
}

fn members<T: DeserializeOwned>(input: Value) -> Answer<T> {
    protocol::members(Service::Ssm, input)
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("ValidationException", message)
}

fn not_found(name: &str) -> AwsError {
    AwsError::client("ParameterNotFound", format!("Parameter {name} not found."))
}

/// A list of names: AWS takes 1 to 10 of them in one call.
fn check_names(names: &[String]) -> Answer<()> {
    let rule = if names.is_empty() {
        "Member must have length greater than or equal to 1"
    } else if names.len() > 10 {
        "Member must have length less than or equal to 10"
    } else {
        return Ok(());
    };
    Err(protocol::unfit(Service::Ssm, &format!("[{}]", names.join(", ")), "names", rule))
}

/// A page: AWS's limits differ by action.
fn page_size(asked: Option<i64>, most: usize) -> Answer<usize> {
    protocol::page::size(asked, most, most).ok_or_else(|| {
        let asked = asked.unwrap_or_default().to_string();
        protocol::unfit(Service::Ssm, &asked, "maxResults", &format!("Member must have value between 1 and {most}"))
    })
}

fn bad_token() -> AwsError {
    AwsError::client("InvalidNextToken", "The specified token is not valid.")
}

fn kind(parameter: &Parameter) -> &'static str {
    match parameter.kind {
        ParameterType::String => "String",
        ParameterType::StringList => "StringList",
        ParameterType::SecureString => "SecureString",
    }
}

/// `arn:…:parameter/name`, whether or not the name begins with a slash.
fn arn(settings: &Settings, name: &str) -> String {
    settings.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
}

/// `Parameter`, as reading it answers.
fn shown(settings: &Settings, name: &str, parameter: &Parameter, with_decryption: bool) -> Value {
    let is_hidden = parameter.kind == ParameterType::SecureString && !with_decryption;
    let value = if is_hidden { concealed(name, parameter.version) } else { parameter.value.clone() };
    json!({
        "Name": name,
        "Type": kind(parameter),
        "Value": value,
        "Version": parameter.version,
        "LastModifiedDate": parameter.last_modified,
        "ARN": arn(settings, name),
        "DataType": "text",
    })
}

/// Where AWS gives the encrypted bytes, something that looks like them and has nothing to do with the value.
fn concealed(name: &str, version: u64) -> String {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let bytes: Vec<u8> = (0..4).flat_map(|part| Sha256::digest(format!("{name}\n{version}\n{part}"))).collect();
    // How the encrypted data of AWS's key management begins.
    format!("AQICAH{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn a_secret_is_shown_to_who_asks_for_it_only() {
        let settings = Settings {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            region: "eu-central-1".into(),
            state: "/state".into(),
            engine: String::new(),
            instance: String::new(),
        };
        let secret = |value: &str| Parameter {
            kind: ParameterType::SecureString,
            value: value.into(),
            version: 1,
            last_modified: Timestamp::default(),
            description: None,
            tags: Vec::new(),
        };
        let hidden = shown(&settings, "/a/b", &secret("hush"), false);
        assert_eq!(hidden["ARN"], "arn:aws:ssm:eu-central-1:123456789012:parameter/a/b");
        assert!(!hidden.to_string().contains("hush"));
        // Nothing can be learnt about the value.
        assert_eq!(hidden["Value"], shown(&settings, "/a/b", &secret("other"), false)["Value"]);
        assert_eq!(shown(&settings, "/a/b", &secret("hush"), true)["Value"], "hush");
        assert_eq!(arn(&settings, "b"), "arn:aws:ssm:eu-central-1:123456789012:parameter/b");
    }
}

//! Reading parameters: one, several, all below a path.

use serde::Deserialize;
use serde_json::{Value, json};

use super::names::{self, Wanted};
use super::{bad_token, check_names, invalid, not_found, page_size, shown};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol::page;
use crate::store::State;
use crate::store::ssm::Parameter;

/// AWS's limit of `GetParametersByPath`.
const PAGE: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetParameter {
    name: String,
    with_decryption: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetParameters {
    names: Vec<String>,
    with_decryption: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetParametersByPath {
    path: String,
    recursive: Option<bool>,
    with_decryption: Option<bool>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(super) fn get(emulator: &Emulator, input: &GetParameter) -> Answer<Value> {
    let with_decryption = input.with_decryption.unwrap_or(false);
    emulator.store.read(|state| Ok(json!({ "Parameter": find(emulator, state, &input.name, with_decryption)? })))
}

pub(super) fn get_several(emulator: &Emulator, input: &GetParameters) -> Answer<Value> {
    check_names(&input.names)?;
    let with_decryption = input.with_decryption.unwrap_or(false);
    emulator.store.read(|state| {
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in &input.names {
            match find(emulator, state, name, with_decryption) {
                Ok(parameter) => found.push(parameter),
                Err(_) => missing.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": missing }))
    })
}

/// The parameter that `reference` means, as it is shown.
fn find(emulator: &Emulator, state: &State, reference: &str, with_decryption: bool) -> Answer<Value> {
    let wanted = names::parse(&emulator.settings, reference).ok_or_else(|| not_found(reference))?;
    let (name, parameter) = existing(state, wanted).ok_or_else(|| not_found(reference))?;
    let mut value = shown(&emulator.settings, name, parameter, with_decryption);
    if let Some(selector) = wanted.selector {
        // Only the newest version is kept.
        if selector.parse() != Ok(parameter.version) {
            let message = format!(
                "Systems Manager could not find version {selector} of {name}. Verify the version and try again."
            );
            return Err(AwsError::client("ParameterVersionNotFound", message));
        }
        value["Selector"] = json!(format!(":{selector}"));
    }
    Ok(value)
}

fn existing<'s>(state: &'s State, wanted: Wanted<'_>) -> Option<(&'s String, &'s Parameter)> {
    let all = &state.ssm.parameters;
    let with_slash = || all.get_key_value(&format!("/{}", wanted.name));
    if wanted.in_arn { with_slash().or_else(|| all.get_key_value(wanted.name)) } else { all.get_key_value(wanted.name) }
}

pub(super) fn by_path(emulator: &Emulator, input: &GetParametersByPath) -> Answer<Value> {
    let GetParametersByPath { path, recursive, with_decryption, max_results, next_token } = input;
    if !path.starts_with('/') {
        return Err(invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward \
             slash \"/\".",
        ));
    }
    let size = page_size(*max_results, PAGE)?;
    let recursive = recursive.unwrap_or(false);
    let folder = if path.ends_with('/') { path.clone() } else { format!("{path}/") };
    let scope = format!("GetParametersByPath {folder} {recursive}");
    emulator.store.read(|state| {
        let below = state.ssm.parameters.iter().filter(|(name, _)| is_below(name, &folder, recursive));
        let shown = below.map(|(name, parameter)| {
            (name.clone(), shown(&emulator.settings, name, parameter, with_decryption.unwrap_or(false)))
        });
        let (parameters, next) = page::cut(&scope, size, next_token.as_deref(), shown).ok_or_else(bad_token)?;
        let mut answer = json!({ "Parameters": parameters });
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    })
}

/// Names without a slash in front lie below the root.
fn is_below(name: &str, folder: &str, recursive: bool) -> bool {
    let rest = if name.starts_with('/') { name.strip_prefix(folder) } else { (folder == "/").then_some(name) };
    rest.is_some_and(|rest| !rest.is_empty() && (recursive || !rest.contains('/')))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn what_lies_below_a_path() {
        assert!(is_below("/a/b", "/a/", false));
        assert!(!is_below("/a/b/c", "/a/", false));
        assert!(is_below("/a/b/c", "/a/", true));
        assert!(!is_below("/ab/c", "/a/", true));
        assert!(!is_below("/a", "/a/", true));
        assert!(is_below("plain", "/", false));
        assert!(!is_below("plain", "/a/", true));
    }
}

//! `DescribeParameters`: what there is, without values. Filters by name and type; others are refused.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{arn, bad_token, kind, page_size};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol::page;
use crate::settings::{ACCOUNT, Settings};
use crate::store::ssm::{Parameter, ParameterType};

/// AWS's limit of `DescribeParameters`.
const PAGE: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeParameters {
    #[serde(default)]
    parameter_filters: Option<Vec<Filter>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

pub(super) fn describe(emulator: &Emulator, input: &DescribeParameters) -> Answer<Value> {
    let size = page_size(input.max_results, PAGE)?;
    let filters = input.parameter_filters.as_deref().unwrap_or_default();
    filters.iter().try_for_each(check)?;
    let scope = format!("DescribeParameters {filters:?}");
    emulator.store.read(|state| {
        let fits = |name: &str, parameter: &Parameter| filters.iter().all(|filter| filter.fits(name, parameter));
        let found = state.ssm.parameters.iter().filter(|(name, parameter)| fits(name, parameter));
        let shown = found.map(|(name, parameter)| (name.clone(), metadata(&emulator.settings, name, parameter)));
        let (parameters, next) = page::cut(&scope, size, input.next_token.as_deref(), shown).ok_or_else(bad_token)?;
        let mut answer = json!({ "Parameters": parameters });
        if let Some(next) = next {
            answer["NextToken"] = json!(next);
        }
        Ok(answer)
    })
}

fn check(filter: &Filter) -> Answer<()> {
    let options: &[&str] = match filter.key.as_str() {
        "Name" => &["Equals", "BeginsWith", "Contains"],
        "Type" => &["Equals"],
        "Path" => &["Recursive", "OneLevel"],
        other => {
            let message = format!("The filter key '{other}' is not supported by the local emulator.");
            return Err(AwsError::client("InvalidFilterKey", message));
        }
    };
    if let Some(option) = filter.option.as_deref().filter(|option| !options.contains(option)) {
        let message = format!("The filter option '{option}' is not valid for the key '{}'.", filter.key);
        return Err(AwsError::client("InvalidFilterOption", message));
    }
    if filter.values.is_empty() || filter.values.iter().any(String::is_empty) {
        return Err(AwsError::client("InvalidFilterValue", format!("The filter '{}' needs a value.", filter.key)));
    }
    Ok(())
}

impl Filter {
    fn fits(&self, name: &str, parameter: &Parameter) -> bool {
        let option = self.option.as_deref();
        self.values.iter().any(|value| match (self.key.as_str(), option) {
            ("Type", _) => kind(parameter) == value,
            ("Path", option) => {
                let folder = format!("{}/", value.trim_end_matches('/'));
                name.strip_prefix(&folder).is_some_and(|rest| option == Some("Recursive") || !rest.contains('/'))
            }
            (_, Some("BeginsWith")) => name.starts_with(value.as_str()),
            (_, Some("Contains")) => name.contains(value.as_str()),
            _ => name == value,
        })
    }
}

fn metadata(settings: &Settings, name: &str, parameter: &Parameter) -> Value {
    let mut shown = json!({
        "Name": name,
        "ARN": arn(settings, name),
        "Type": kind(parameter),
        "LastModifiedDate": parameter.last_modified,
        "LastModifiedUser": format!("arn:aws:iam::{ACCOUNT}:user/local"),
        "Version": parameter.version,
        "Tier": "Standard",
        "Policies": [],
        "DataType": "text",
    });
    if let Some(description) = &parameter.description {
        shown["Description"] = json!(description);
    }
    if parameter.kind == ParameterType::SecureString {
        shown["KeyId"] = json!("alias/aws/ssm");
    }
    shown
}

//! What is the account's: tokens for the registry, and the one setting that changes what a push does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{invalid, required};
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::registry::auth;
use crate::settings::ACCOUNT;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetToken {
    registry_ids: Option<Vec<String>>,
}

/// `GetAuthorizationToken`.
pub(super) fn authorization_token(emulator: &Emulator, input: &GetToken) -> Answer<Value> {
    if let Some(other) = input.registry_ids.iter().flatten().find(|id| *id != ACCOUNT) {
        return Err(invalid("registryIds", format!("'{other}' is not the account of the local emulator")));
    }
    let auth::Credentials { username, password, expires_at } = auth::credentials(emulator);
    Ok(json!({
        "authorizationData": [{
            "authorizationToken": STANDARD.encode(format!("{username}:{password}")),
            "expiresAt": expires_at,
            "proxyEndpoint": format!("http://{}", emulator.settings.registry()),
        }],
    }))
}

/// ECR's name for what lets a push take blobs from another repository.
const BLOB_MOUNTING: &str = "BLOB_MOUNTING";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetSetting {
    name: Option<String>,
}

/// `GetAccountSetting`.
pub(super) fn get_setting(emulator: &Emulator, input: &GetSetting) -> Answer<Value> {
    check_setting(required("name", input.name.as_deref())?)?;
    let value = if emulator.store.read(|state| state.ecr.blob_mounting) { "ENABLED" } else { "DISABLED" };
    Ok(json!({ "name": BLOB_MOUNTING, "value": value }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutSetting {
    name: Option<String>,
    value: Option<String>,
}

/// `PutAccountSetting`.
pub(super) fn put_setting(emulator: &Emulator, input: &PutSetting) -> Answer<Value> {
    check_setting(required("name", input.name.as_deref())?)?;
    let value = required("value", input.value.as_deref())?;
    let enabled = match value {
        "ENABLED" => true,
        "DISABLED" => false,
        _ => return Err(invalid("value", "Member must satisfy enum value set: [ENABLED, DISABLED]")),
    };
    emulator.store.write(|state| state.ecr.blob_mounting = enabled);
    Ok(json!({ "name": BLOB_MOUNTING, "value": value }))
}

fn check_setting(name: &str) -> Answer<()> {
    match name {
        BLOB_MOUNTING => Ok(()),
        "BASIC_SCAN_TYPE_VERSION" | "REGISTRY_POLICY_SCOPE" => {
            Err(AwsError::unsupported(format!("The account setting {name}")))
        }
        _ => Err(invalid(
            "name",
            "Member must satisfy enum value set: [BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE, BLOB_MOUNTING]",
        )),
    }
}

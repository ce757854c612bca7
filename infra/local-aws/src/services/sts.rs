//! STS, as far as a deploy needs it: who is asking.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::protocol;
use crate::settings::ACCOUNT;

/// No key is looked at, so everybody is the same user. An id of the form that AWS gives users.
const USER_ID: &str = "AIDALOCALAWS00000000";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Carries out one action.
///
/// # Errors
/// The service's own.
pub async fn call(_world: &Emulator, action: &str, input: Value) -> Answer<Value> {
    match action {
        "GetCallerIdentity" => {
            let Nothing {} = protocol::members(Service::Sts, input)?;
            let arn = format!("arn:aws:iam::{ACCOUNT}:user/local");
            Ok(json!({ "UserId": USER_ID, "Account": ACCOUNT, "Arn": arn }))
        }
        _ => Err(AwsError::unsupported(action)),
    }
}

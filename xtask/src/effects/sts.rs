//! STS: who the caller is. It takes no permission to ask.

use super::aws::{Api, Aws, Call, CallError, text};

/// Who the caller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The twelve-digit account.
    pub account: String,
    /// ARN of the user, or of the role and session.
    pub arn: String,
}

/// `GetCallerIdentity`.
///
/// # Errors
/// No credentials, none that are taken, no network; interrupted (130).
pub fn caller(aws: &Aws) -> Result<Identity, CallError> {
    aws.call_query(Call::new(Api::Sts, "GetCallerIdentity"), &[], |result| {
        Some(Identity { account: text(result, "Account")?, arn: text(result, "Arn")? })
    })
}

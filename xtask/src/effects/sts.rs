//! STS: the identity of the caller. The call needs no permission.

use super::aws::{Api, Aws, Call, CallError, operation};

/// The identity of the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The twelve-digit account.
    pub account: String,
    /// ARN of the user, or of the role and session.
    pub arn: String,
}

/// Calls `GetCallerIdentity`.
///
/// # Errors
/// No credentials, rejected credentials, no network; interrupted (130).
pub fn caller(aws: &Aws) -> Result<Identity, CallError> {
    let call = Call::new(Api::Sts, "GetCallerIdentity");
    let output = aws.output(call, |exchange| operation!(aws_sdk_sts, aws.sts(), get_caller_identity, exchange))?;
    let identity = output.account.zip(output.arn).map(|(account, arn)| Identity { account, arn });
    identity.ok_or_else(|| aws.unreadable(call, "it has no account or ARN".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{Identity, caller};
    use crate::effects::aws::scripted::{Scene, Scripted};

    #[test]
    fn returns_account_and_arn() {
        let body = r#"<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
            <Arn>arn:aws:sts::123456789012:assumed-role/deploy/ci</Arn><UserId>A:ci</UserId><Account>123456789012</Account>
            </GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"#;
        let server = Scripted::new(&[Scene::Answer(200, body)]);
        let identity = caller(&server.aws()).unwrap();
        let arn = "arn:aws:sts::123456789012:assumed-role/deploy/ci".to_owned();
        assert_eq!(identity, Identity { account: "123456789012".into(), arn });
        assert!(server.asked().head.contains("/eu-central-1/sts/aws4_request"));
    }
}

//! Failed calls: the reason, for code that branches on it, and message and hint for people.

use std::fmt;

use super::Api;
use crate::error::Failure;

/// A failed call. `?` makes it a `Failure` with message and hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The service.
    pub api: Api,
    /// The action.
    pub action: &'static str,
    /// The endpoint that replaces AWS's own, if one is set.
    pub endpoint: Option<String>,
    /// AWS's id of the last request, for its support.
    pub request_id: Option<Box<str>>,
    /// The reason.
    pub why: Why,
}

/// The reason of a failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The service refused the call.
    Refused {
        /// `AccessDeniedException`, `ClientException`, …
        code: String,
        /// The service's message.
        message: String,
        /// HTTP's status.
        status: u16,
    },
    /// No connection, or no answer to a read.
    Unreachable(String),
    /// Response lost: a mutation was sent and its outcome is unknown.
    Lost(String),
    /// The answer does not have the documented form.
    Unreadable(String),
    /// No credentials were found.
    NoCredentials(String),
    /// The request could not be built or sent.
    Unwritten(String),
    /// The user interrupted.
    Interrupted {
        /// Whether a mutation may have been carried out.
        may_be_done: bool,
    },
}

impl CallError {
    /// Returns the service's code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match &self.why {
            Why::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Returns the service's message of a refusal.
    pub fn message(&self) -> Option<&str> {
        match &self.why {
            Why::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Whether the service refused the call with one of these codes.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    /// Whether the call may have been carried out.
    pub fn may_be_done(&self) -> bool {
        match &self.why {
            Why::Lost(_) | Why::Unreadable(_) => true,
            Why::Interrupted { may_be_done } => *may_be_done,
            Why::Refused { status, .. } => *status >= 500,
            Why::Unreachable(_) | Why::NoCredentials(_) | Why::Unwritten(_) => false,
        }
    }

    /// Converts into a failure with message and hint.
    pub fn failure(&self) -> Failure {
        let failure = match self.why {
            Why::Interrupted { .. } => Failure::interrupted(self.to_string()),
            _ => Failure::failed(self.to_string()),
        };
        match self.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    fn hint(&self) -> Option<String> {
        let CallError { api, action, .. } = self;
        match &self.why {
            Why::Refused { code, message, .. } => match code.as_str() {
                "AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" => {
                    // It may be another service's: `RunTask` needs `iam:PassRole`.
                    let asked = format!("{}:{action}", api.prefix());
                    let named = message.split("not authorized to perform: ").nth(1);
                    let named = named.and_then(|rest| rest.split_whitespace().next()).filter(|word| word.contains(':'));
                    Some(format!("the caller needs the permission `{}`", named.unwrap_or(&asked)))
                }
                code if is_about_time(code, message) => {
                    Some("set the clock of this machine: AWS allows five minutes".to_owned())
                }
                _ if is_about_credentials(code) => {
                    Some("log in to AWS again; `aws sts get-caller-identity` shows who you are".to_owned())
                }
                _ => None,
            },
            // The providers' message where the network blocks them.
            Why::NoCredentials(why) if why.contains("dispatch failure") => {
                Some("check that this machine can reach the source of the credentials".to_owned())
            }
            Why::NoCredentials(why) if why.to_ascii_lowercase().contains("sso") => {
                Some("log in first: aws sso login".to_owned())
            }
            Why::NoCredentials(_) => Some("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()),
            Why::Unreachable(_) if self.endpoint.is_some() => {
                Some("check that it is running and that this machine can reach it".to_owned())
            }
            Why::Unreachable(_) => Some("check that this machine can reach AWS: proxy, firewall, region".to_owned()),
            Why::Lost(_) | Why::Interrupted { may_be_done: true } => {
                Some("check the state before you retry: it may have been carried out".to_owned())
            }
            Why::Unreadable(_) | Why::Unwritten(_) | Why::Interrupted { .. } => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallError { api, action, endpoint, why, .. } = self;
        let place = endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        match why {
            Why::Refused { code, message, .. } if message.is_empty() => {
                write!(f, "{api}{place} refused {action}: {code}")
            }
            Why::Refused { code, message, .. } => write!(f, "{api}{place} refused {action}: {code}: {message}"),
            Why::Unreachable(why) => write!(f, "failed to reach {api}{place} for {action}: {why}"),
            Why::Lost(why) => write!(f, "the response of {api}{place} to {action} is lost: {why}"),
            Why::Unreadable(why) => write!(f, "failed to read the answer of {api}{place} to {action}: {why}"),
            Why::NoCredentials(why) => write!(f, "no credentials for {action} of {api}{place}: {why}"),
            Why::Unwritten(why) => write!(f, "failed to send {action} to {api}{place}: {why}"),
            Why::Interrupted { .. } => write!(f, "interrupted during {action} of {api}{place}"),
        }?;
        self.request_id.as_ref().map_or(Ok(()), |id| write!(f, " (request id {id})"))
    }
}

// Not `std::error::Error`: anyhow's own conversion would take the error as it is, without exit code and hints.
impl From<CallError> for anyhow::Error {
    fn from(error: CallError) -> anyhow::Error {
        error.failure().into()
    }
}

/// Whether the service rejected the credentials, so that others may help.
pub(super) fn is_about_credentials(code: &str) -> bool {
    // The common errors of AWS's APIs, and what STS calls them.
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
    )
}

/// Whether the service rejected the time of the signature.
pub(super) fn is_about_time(code: &str, message: &str) -> bool {
    matches!(code, "RequestTimeTooSkewed" | "RequestInTheFuture")
        || message.contains("Signature expired")
        || message.contains("Signature not yet current")
}

#[cfg(test)]
mod tests {
    use super::{Api, CallError, Why};
    use crate::error::{Exit, exit_of, hints_of};

    fn refused(code: &str, message: &str) -> Why {
        Why::Refused { code: code.to_owned(), message: message.to_owned(), status: 400 }
    }

    fn check(why: Why, words: &str, hint: &str) {
        let error = CallError { api: Api::Ecs, action: "UpdateService", endpoint: None, request_id: None, why };
        let error = anyhow::Error::from(error);
        assert!(error.to_string().contains(words), "{error}");
        match hint {
            "" => assert!(hints_of(&error).is_empty(), "{:?}", hints_of(&error)),
            hint => assert!(hints_of(&error)[0].contains(hint), "{:?}", hints_of(&error)),
        }
    }

    #[test]
    fn has_message_and_hint() {
        check(refused("ClientException", "no"), "ECS refused UpdateService: ClientException: no", "");
        check(refused("AccessDeniedException", ""), "AccessDeniedException", "permission `ecs:UpdateService`");
        let pass = "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: r";
        check(refused("AccessDeniedException", pass), "iam:PassRole", "permission `iam:PassRole`");
        check(refused("ExpiredTokenException", "old"), "old", "log in to AWS again");
        check(refused("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), "1", "clock");
        check(Why::NoCredentials("none".into()), "no credentials for UpdateService of ECS", "AWS_PROFILE");
        check(Why::NoCredentials("dispatch failure: timeout".into()), "no credentials", "source of the credentials");
        check(Why::NoCredentials("the SSO session has expired".into()), "SSO", "aws sso login");
        check(Why::Unreachable("refused".into()), "failed to reach ECS for UpdateService: refused", "can reach AWS");
        let refusal = refused("ClientException", "no");
        let request_id = Some("a1-b2".into());
        let error = CallError { api: Api::Ecs, action: "RunTask", endpoint: None, request_id, why: refusal };
        assert_eq!(error.to_string(), "ECS refused RunTask: ClientException: no (request id a1-b2)");
        check(Why::Lost("reset".into()), "is lost: reset", "may have been carried out");
    }

    #[test]
    fn interrupt_has_its_own_exit_code() {
        let why = Why::Interrupted { may_be_done: false };
        let error = CallError { api: Api::Elb, action: "DescribeTargetHealth", endpoint: None, request_id: None, why };
        assert!(!error.may_be_done());
        assert_eq!(exit_of(&error.into()), Exit::Interrupted);
    }
}

//! Why a call came to nothing, for code that branches on it; and the words and hints for people when nobody does.

use std::fmt;

use super::Api;
use crate::error::Failure;

/// A call that came to nothing. `?` makes it a `Failure` with words and hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// Who was asked.
    pub api: Api,
    /// For what.
    pub action: &'static str,
    /// The endpoint that stands in for AWS's own, if one does.
    pub endpoint: Option<String>,
    /// Why nothing came of it.
    pub why: Why,
}

/// Why nothing came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The service said no.
    Refused {
        /// `AccessDeniedException`, `ClientException`, …
        code: String,
        /// The service's words.
        message: String,
        /// HTTP's.
        status: u16,
    },
    /// There was no connection, or no answer to a call that only looks.
    Unreachable(String),
    /// A call that changes something was sent, and there is no answer: whether it was carried out is not known.
    Lost(String),
    /// The answer is not what AWS's documentation says.
    Unreadable(String),
    /// Nothing to sign with.
    NoCredentials(String),
    /// The request could not even be written.
    Unwritten(String),
    /// The user asked to stop.
    Interrupted {
        /// Whether a call that changes something was under way, so that it may have been carried out.
        may_be_done: bool,
    },
}

impl CallError {
    /// The service's code, where it said no.
    pub fn code(&self) -> Option<&str> {
        match &self.why {
            Why::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The service's words, where it said no.
    pub fn message(&self) -> Option<&str> {
        match &self.why {
            Why::Refused { message, .. } => Some(message),
            _ => None,
        }
    }

    /// Whether the service said no with one of these codes.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code().is_some_and(|code| codes.contains(&code))
    }

    /// Whether the call may have been carried out all the same.
    pub fn may_be_done(&self) -> bool {
        match &self.why {
            Why::Lost(_) | Why::Unreadable(_) => true,
            Why::Interrupted { may_be_done } => *may_be_done,
            Why::Refused { status, .. } => *status >= 500,
            Why::Unreachable(_) | Why::NoCredentials(_) | Why::Unwritten(_) => false,
        }
    }

    /// With words and hints for people.
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
                    // It may be another service's: whoever starts tasks needs `iam:PassRole`.
                    let asked = format!("{}:{action}", api.prefix());
                    let named = message.split("not authorized to perform: ").nth(1);
                    let named = named.and_then(|rest| rest.split_whitespace().next()).filter(|word| word.contains(':'));
                    Some(format!("the caller needs the permission `{}`", named.unwrap_or(&asked)))
                }
                _ if message.contains("Signature expired") || message.contains("Signature not yet current") => {
                    Some("set the clock of this machine: AWS allows five minutes".to_owned())
                }
                _ if is_about_credentials(code) => {
                    Some("log in to AWS again; `aws sts get-caller-identity` shows who you are".to_owned())
                }
                _ => None,
            },
            Why::NoCredentials(why) if why.to_ascii_lowercase().contains("sso") => {
                Some("log in first: aws sso login".to_owned())
            }
            Why::NoCredentials(_) => Some("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()),
            Why::Unreachable(_) if self.endpoint.is_some() => {
                Some("see whether it runs, and whether this machine may reach it".to_owned())
            }
            Why::Unreachable(_) => {
                Some("see whether this machine may reach AWS: a proxy, a firewall, the region".to_owned())
            }
            Why::Lost(_) | Why::Interrupted { may_be_done: true } => {
                Some("look before it is repeated: it may have been carried out".to_owned())
            }
            Why::Unreadable(_) | Why::Unwritten(_) | Why::Interrupted { .. } => None,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallError { api, action, endpoint, why } = self;
        let place = endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        match why {
            Why::Refused { code, message, .. } if message.is_empty() => {
                write!(f, "{api}{place} refused {action}: {code}")
            }
            Why::Refused { code, message, .. } => write!(f, "{api}{place} refused {action}: {code}: {message}"),
            Why::Unreachable(why) => write!(f, "failed to reach {api}{place} for {action}: {why}"),
            Why::Lost(why) => write!(f, "the answer of {api}{place} to {action} is lost: {why}"),
            Why::Unreadable(why) => write!(f, "failed to read the answer of {api}{place} to {action}: {why}"),
            Why::NoCredentials(why) => write!(f, "no credentials for {api}{place} to ask for {action}: {why}"),
            Why::Unwritten(why) => write!(f, "failed to ask {api}{place} for {action}: {why}"),
            Why::Interrupted { .. } => write!(f, "interrupted while {api}{place} was asked for {action}"),
        }
    }
}

// Not `std::error::Error`: anyhow's own conversion would take the error as it is, without exit code and hints.
impl From<CallError> for anyhow::Error {
    fn from(error: CallError) -> anyhow::Error {
        error.failure().into()
    }
}

/// Whether the service does not take what signed the call. Other credentials may do.
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

#[cfg(test)]
mod tests {
    use super::{Api, CallError, Why};
    use crate::error::{Exit, exit_of, hints_of};

    fn refused(code: &str, message: &str) -> Why {
        Why::Refused { code: code.to_owned(), message: message.to_owned(), status: 400 }
    }

    fn check(why: Why, words: &str, hint: &str) {
        let error = CallError { api: Api::Ecs, action: "UpdateService", endpoint: None, why };
        let error = anyhow::Error::from(error);
        assert!(error.to_string().contains(words), "{error}");
        match hint {
            "" => assert!(hints_of(&error).is_empty(), "{:?}", hints_of(&error)),
            hint => assert!(hints_of(&error)[0].contains(hint), "{:?}", hints_of(&error)),
        }
    }

    #[test]
    fn words_and_hints() {
        check(refused("ClientException", "no"), "ECS refused UpdateService: ClientException: no", "");
        check(refused("AccessDeniedException", ""), "AccessDeniedException", "permission `ecs:UpdateService`");
        let pass = "User: arn:aws:iam::1:user/u is not authorized to perform: iam:PassRole on resource: r";
        check(refused("AccessDeniedException", pass), "iam:PassRole", "permission `iam:PassRole`");
        check(refused("ExpiredTokenException", "old"), "old", "log in to AWS again");
        check(refused("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), "1", "clock");
        check(Why::NoCredentials("none".into()), "no credentials for ECS", "AWS_PROFILE");
        check(Why::NoCredentials("the SSO session has expired".into()), "SSO", "aws sso login");
        check(Why::Unreachable("refused".into()), "failed to reach ECS for UpdateService: refused", "may reach AWS");
        check(Why::Lost("reset".into()), "is lost: reset", "may have been carried out");
    }

    #[test]
    fn an_interrupt_ends_with_its_own_exit_code() {
        let why = Why::Interrupted { may_be_done: false };
        let error = CallError { api: Api::Elb, action: "DescribeTargetHealth", endpoint: None, why };
        assert!(!error.may_be_done());
        assert_eq!(exit_of(&error.into()), Exit::Interrupted);
    }
}

//! The one error that crosses the wire: AWS's code, AWS's status, a sentence. Rendering it is `protocol`'s.

use std::fmt;

/// An error response of an AWS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// AWS's code, such as `ClientException`, as the service's model names it.
    pub code: &'static str,
    /// The HTTP status that the service sends with this code.
    pub status: u16,
    /// What failed, on what, why.
    pub message: String,
}

impl AwsError {
    /// The caller's mistake: status 400.
    pub fn client(code: &'static str, message: impl Into<String>) -> AwsError {
        AwsError { code, status: 400, message: message.into() }
    }

    /// Our mistake, or the machine's: status 500.
    pub fn server(message: impl Into<String>) -> AwsError {
        AwsError { code: "ServerException", status: 500, message: message.into() }
    }

    /// AWS has this, the emulator does not: never a fake success.
    pub fn unsupported(what: impl fmt::Display) -> AwsError {
        AwsError::client("UnsupportedFeatureException", format!("{what} is not supported by the local emulator"))
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

/// What a call gives.
pub type Answer<T> = Result<T, AwsError>;

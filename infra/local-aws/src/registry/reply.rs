//! Error responses of the registry: the error document of the distribution specification,
//! with ECR's statuses and ECR's words where those are known.

use std::borrow::Cow;
use std::fmt;
use std::io;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::auth::Refusal;
use super::publish::Refused;
use crate::settings::ACCOUNT;
use crate::store::NotDurable;

/// One error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegistryError {
    status: StatusCode,
    code: Cow<'static, str>,
    message: String,
}

impl RegistryError {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> RegistryError {
        RegistryError { status, code: code.into(), message: message.into() }
    }

    /// There is no such repository, and a push does not make one.
    pub(crate) fn no_repository(name: &str) -> RegistryError {
        RegistryError::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", no_repository(name))
    }

    pub(crate) fn no_manifest() -> RegistryError {
        RegistryError::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "Requested image not found")
    }

    pub(crate) fn no_blob() -> RegistryError {
        RegistryError::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry")
    }

    pub(crate) fn no_upload() -> RegistryError {
        RegistryError::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
    }

    pub(crate) fn bad_digest(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", message)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> RegistryError {
        RegistryError::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", message)
    }

    /// The machine's mistake: the disk is full, a file is gone.
    pub(crate) fn disk(error: &io::Error) -> RegistryError {
        let message = format!("failed to write to the disk of the local emulator: {error}");
        RegistryError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message)
    }

    /// The same, of what the registry knows rather than what it holds.
    pub(crate) fn not_durable(error: &NotDurable) -> RegistryError {
        RegistryError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", error.to_string())
    }
}

/// ECR's sentence, which its API and its registry share.
pub(crate) fn no_repository(name: &str) -> String {
    format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'")
}

/// Likewise. `what` is `Layers` or `Images`.
pub(crate) fn missing(what: &str, digests: &[String], repository: &str) -> String {
    format!(
        "{what} with digests '[{}]' required for pushing image into repository with name '{repository}' in the registry \
         with id '{ACCOUNT}' do not exist",
        digests.join(", ")
    )
}

/// Likewise.
pub(crate) fn tag_is_immutable(tag: &str, repository: &str) -> String {
    format!(
        "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag \
         is immutable."
    )
}

/// Names that ECR's registry has for why a manifest is not taken.
pub(crate) fn refused(repository: &str, why: &Refused) -> RegistryError {
    match why {
        Refused::NoRepository => RegistryError::no_repository(repository),
        Refused::Invalid(message) => RegistryError::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message),
        Refused::TooLarge => RegistryError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "SIZE_INVALID",
            "The manifest is larger than 4194304 bytes",
        ),
        Refused::DigestMismatch(claimed) => RegistryError::new(
            StatusCode::BAD_REQUEST,
            "MANIFEST_INVALID",
            format!(
                "The image with digest '{claimed}' in repository '{repository}' and registry ID '{ACCOUNT}' does not \
                 match the image digest that Amazon ECR has calculated."
            ),
        ),
        Refused::TagIsImmutable(tag) => {
            RegistryError::new(StatusCode::BAD_REQUEST, "TAG_INVALID", tag_is_immutable(tag, repository))
        }
        // Only the API refuses what is there already.
        Refused::AlreadyThere(digest) => {
            RegistryError::new(StatusCode::BAD_REQUEST, "TAG_INVALID", format!("{digest} is there already"))
        }
        Refused::MissingLayers(digests) => {
            RegistryError::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", missing("Layers", digests, repository))
        }
        Refused::MissingImages(digests) => {
            RegistryError::new(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", missing("Images", digests, repository))
        }
        Refused::Disk(message) => RegistryError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", message),
    }
}

/// The response to a request without a valid token. ECR refuses an old token with 403, everything else with 401.
pub(crate) fn not_let_in(refusal: Refusal, registry: &str) -> Response {
    match refusal {
        Refusal::Unauthorized => {
            let error = RegistryError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Not Authorized");
            let realm = format!("Basic realm=\"http://{registry}/\",service=\"ecr.amazonaws.com\"");
            ([(header::WWW_AUTHENTICATE, realm)], error).into_response()
        }
        Refusal::Expired => RegistryError::new(
            StatusCode::FORBIDDEN,
            "DENIED",
            "Your authorization token has expired. Reauthenticate and try again.",
        )
        .into_response(),
    }
}

/// In every answer of a registry.
pub(crate) const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("docker-distribution-api-version"), HeaderValue::from_static("registry/2.0"));

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl IntoResponse for RegistryError {
    fn into_response(self) -> Response {
        let document = json!({ "errors": [{ "code": self.code, "message": self.message }] });
        (self.status, [(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
    }
}

//! The wire formats: JSON 1.1 (ECR, ECS, SSM, Logs), Query (STS, ELB) and REST-JSON (EventBridge Scheduler). Services get and return JSON values.

pub(crate) mod json;
mod members;
pub mod page;
pub(crate) mod query;
pub(crate) mod rest;
pub(crate) mod signature;
mod xml;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

pub use self::members::{invalid, members, members_and_unknown, required, unfit};
use crate::api::Service;
use crate::error::AwsError;

/// One call, independent of its protocol.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service.
    pub service: Service,
    /// `UpdateService`.
    pub action: String,
    /// Members by their wire names. From a Query form all leaves are texts.
    pub input: Value,
}

/// An error as it goes out. An injected fault may have any code.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// AWS's error code.
    pub(crate) code: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// AWS's sentence.
    pub(crate) message: String,
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Refusal {
        Refusal { code: error.code.to_owned(), status: error.status, message: error.message }
    }
}

/// Returns whether a service speaks Query.
pub(crate) fn is_query(service: Service) -> bool {
    matches!(service, Service::Elb | Service::Sts)
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
}

//! The wire: JSON 1.1 (ECR, ECS, SSM, Logs) and Query (STS, ELB), requests in and answers out. Services see values.

mod members;
pub mod page;

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

pub use self::members::{invalid, members, required, unfit};
use crate::daemon::World;
use crate::error::AwsError;
use crate::services;

/// One call, whatever protocol it came by.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which service.
    pub service: services::Service,
    /// `UpdateService`.
    pub action: String,
    /// Members by their wire names. From a Query form all leaves are texts.
    pub input: Value,
}

/// Answers `POST /`.
pub async fn answer(world: &World, headers: &HeaderMap, body: Bytes) -> Response {
    match json_call(headers, &body) {
        Ok(call) => match services::call(world, call).await {
            Ok(output) => {
                world.store.durable().await;
                json_response(StatusCode::OK, &output)
            }
            Err(error) => json_error(&error),
        },
        Err(error) => json_error(&error),
    }
}

fn json_call(headers: &HeaderMap, body: &[u8]) -> Result<Call, AwsError> {
    let unknown = || AwsError::client("UnknownOperationException", "");
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).ok_or_else(unknown)?;
    let (prefix, action) = target.split_once('.').ok_or_else(unknown)?;
    let service = services::Service::from_target(prefix).ok_or_else(unknown)?;
    let input =
        serde_json::from_slice(body).map_err(|error| AwsError::client("SerializationException", error.to_string()))?;
    Ok(Call { service, action: action.to_owned(), input })
}

fn json_response(status: StatusCode, output: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], output.to_string()).into_response()
}

fn json_error(error: &AwsError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_response(status, &json!({ "__type": error.code, "message": error.message }))
}

//! The API endpoint: reads a request, injects the faults that tests ask for, calls the service, writes the answer. Not
//! here: the wire formats (`protocol`), what a call does (`services`).

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use serde_json::Value;

use crate::api::Service;
use crate::emulator::Emulator;
use crate::error::{Answer, AwsError};
use crate::faults::{self, Fault, Point};
use crate::protocol::{Call, Refusal, is_query, json, query, rest, signature};
use crate::services;

/// Bytes of the largest call. An image manifest has at most 4 MiB (Amazon ECR, service quotas), and every character of
/// it may be two within JSON; a batch of `PutLogEvents` has at most 1 MiB, a task definition 64 KiB.
pub const MAX_BODY: usize = 10 << 20;

/// In every answer, whatever the protocol.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// How a request is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Json,
    /// `None` where the request does not say which service it is for.
    Query(Option<Service>),
    Rest,
}

/// Answers requests to `/` and to the paths of services that speak REST-JSON.
pub async fn answer(emulator: &Emulator, request: Request) -> Response {
    let id = uuid::Uuid::new_v4().to_string();
    let (parts, body) = request.into_parts();
    let mut shape = shape(&parts);
    let mut response = match carry_out(emulator, &mut shape, &parts, body).await {
        Ok(Outcome::Answered(action, output)) => match shape {
            Shape::Json => json::answer(&output),
            Shape::Query(service) => query::answer(service, &action, &output, &id),
            Shape::Rest => rest::answer(&output),
        },
        Ok(Outcome::Dropped) => return faults::dropped(),
        Err(refusal) => match shape {
            Shape::Json => json::refusal(&refusal),
            Shape::Query(service) => query::refusal(service, &refusal, &id),
            Shape::Rest => rest::refusal(&refusal),
        },
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Answers what is sent to any other path.
pub async fn nothing_here() -> Response {
    let refusal =
        Refusal { code: "UnknownOperationException".into(), status: 404, message: "There is nothing here".into() };
    json::refusal(&refusal)
}

enum Outcome {
    Answered(String, Value),
    Dropped,
}

/// A path means REST-JSON, a form is a Query, everything else JSON. A signature names the service before the body is read.
fn shape(parts: &Parts) -> Shape {
    if parts.uri.path() != "/" {
        return Shape::Rest;
    }
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = content_type.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded");
    if is_form && !parts.headers.contains_key("x-amz-target") {
        return Shape::Query(signature::scope_of(&parts.headers).and_then(Service::from_signing_name));
    }
    Shape::Json
}

async fn carry_out(emulator: &Emulator, shape: &mut Shape, parts: &Parts, body: Body) -> Result<Outcome, Refusal> {
    if *shape != Shape::Rest && parts.method != Method::POST {
        return Err(
            AwsError { status: 405, ..AwsError::client("UnknownOperationException", "Only POST is served") }.into()
        );
    }
    let body = read(parts, body).await?;
    let Call { service, action, input } = match shape {
        Shape::Json => {
            let (service, action) = json::target(&parts.headers)?;
            signature::check(&parts.headers, service, false)?;
            Call { service, action, input: json::input(&body)? }
        }
        Shape::Query(named) => {
            let call = query::call(*named, &body)?;
            *named = Some(call.service);
            signature::check(&parts.headers, call.service, true)?;
            call
        }
        Shape::Rest => {
            let call = rest::call(&parts.method, &parts.uri, &body)?;
            signature::check(&parts.headers, call.service, false)?;
            call
        }
    };
    let mut is_lost = false;
    for fault in emulator.faults.take(Point::Api { service, action: &action }) {
        match fault {
            Fault::Throttle => return Err(throttled(service).into()),
            Fault::Fail { code, status, message } => return Err(Refusal { code, status, message }),
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Drop { .. } => return Ok(Outcome::Dropped),
            Fault::LoseAnswer => is_lost = true,
        }
    }
    let outcome = perform(emulator, Call { service, action: action.clone(), input }).await;
    if is_lost {
        return Ok(Outcome::Dropped);
    }
    match outcome {
        Ok(output) => Ok(Outcome::Answered(action, output)),
        Err(error) => Err(as_named_by(service, error).into()),
    }
}

/// A call, and the wait until what it has changed cannot be lost any more.
async fn perform(emulator: &Emulator, call: Call) -> Answer<Value> {
    let is_change = !is_reading(&call.action);
    let output = services::call(emulator, call).await?;
    if is_change {
        emulator.store.durable().await.map_err(|error| AwsError::server(error.to_string()))?;
    }
    Ok(output)
}

/// AWS names what only looks in one of these ways.
fn is_reading(action: &str) -> bool {
    ["Describe", "List", "Get", "BatchGet", "BatchCheck", "Filter"].iter().any(|verb| action.starts_with(verb))
}

async fn read(parts: &Parts, body: Body) -> Result<Bytes, AwsError> {
    let too_large = || AwsError {
        status: 413,
        ..AwsError::client("RequestEntityTooLargeException", format!("The request is larger than {MAX_BODY} bytes"))
    };
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| too_large())
}

fn throttled(service: Service) -> AwsError {
    let code = if is_query(service) { "Throttling" } else { "ThrottlingException" };
    let status = if service == Service::Scheduler { 429 } else { 400 };
    AwsError { status, ..AwsError::client(code, "Rate exceeded") }
}

/// Services have names of their own for an error that is not the caller's.
fn as_named_by(service: Service, error: AwsError) -> AwsError {
    let code = match (error.code, service) {
        ("ServerException", Service::Scheduler) => "InternalServerException",
        ("ServerException", Service::Ssm) => "InternalServerError",
        ("ServerException", Service::Logs) => "ServiceUnavailableException",
        ("ServerException", Service::Elb | Service::Sts) => "InternalFailure",
        (code, _) => code,
    };
    AwsError { code, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_does_not_wait_for_the_disk() {
        for action in ["DescribeServices", "ListTasks", "GetParameter", "BatchGetImage", "FilterLogEvents"] {
            assert!(is_reading(action), "{action}");
        }
        for action in ["CreateService", "PutParameter", "BatchDeleteImage", "RunTask", "AddTags", "RegisterTargets"] {
            assert!(!is_reading(action), "{action}");
        }
    }

    #[test]
    fn our_own_mistakes_have_the_name_that_the_service_gives_them() {
        let code = |service| as_named_by(service, AwsError::server("x")).code;
        assert_eq!(code(Service::Ecs), "ServerException");
        assert_eq!(code(Service::Ssm), "InternalServerError");
        assert_eq!(code(Service::Elb), "InternalFailure");
        assert_eq!(as_named_by(Service::Ssm, AwsError::client("X", "")).code, "X");
    }
}

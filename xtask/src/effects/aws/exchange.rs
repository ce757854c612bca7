//! What one call sends and receives, whichever client makes it. An interceptor sends our document in place of the serialized
//! input and keeps the raw answer, so members that the SDK's version does not know are kept in both directions. It also counts
//! attempts, classifies failures for the retry strategy, and emits a trace event for each attempt.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef, Error, FinalizerInterceptorContextRef,
    InterceptorContext,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper::StatusCode;
use hyper::body::Bytes;

use super::api::{Api, Call};
use super::call_error::is_about_time;
use super::credentials::words;
use super::json::refusal;
use super::retry::{ATTEMPT_LIMIT, GRACE, is_retryable, is_throttling};
use super::{Aws, Shared, Why};
use crate::effects::http::{Silence, last, unsent};

/// The attempts of one call. Clones share their state.
#[derive(Clone)]
pub(in crate::effects) struct Exchange(Arc<Inner>);

struct Inner {
    call: Call,
    /// Sent in place of the serialized input.
    body: Option<Bytes>,
    shared: Arc<Shared>,
    is_interrupted: fn() -> bool,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attempts: u32,
    attempt_begun: Option<Instant>,
    /// Whether the current attempt was sent and has no answer.
    is_in_flight: bool,
    /// Whether an earlier attempt may have been carried out.
    is_uncertain: bool,
    /// The body of a successful answer.
    answer: Option<Bytes>,
    request_id: Option<String>,
    /// Why the last attempt failed.
    why: Option<Why>,
    has_corrected_clock: bool,
    may_retry_for_clock: bool,
}

/// A failed call: why, and the request id of AWS if there was an answer.
pub(super) type Failed = (Why, Option<String>);

impl Exchange {
    pub(super) fn new(aws: &Aws, call: Call, body: Option<Bytes>) -> Exchange {
        Exchange(Arc::new(Inner {
            call,
            body,
            shared: Arc::clone(&aws.shared),
            is_interrupted: aws.is_interrupted,
            begun: Instant::now(),
            state: Mutex::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long an interrupt waits for the attempt in flight.
    pub(super) fn grace(&self) -> Duration {
        if self.0.call.is_mutating() && self.state().is_in_flight { GRACE } else { Duration::ZERO }
    }

    /// Whether the call may have been carried out although it has no answer.
    pub(super) fn may_be_done(&self) -> bool {
        let state = self.state();
        self.0.call.is_mutating() && (state.is_in_flight || state.is_uncertain)
    }

    /// The output and body of the last answer.
    pub(super) fn finish<T, E>(
        &self,
        sent: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<(Result<T, String>, Bytes), Failed>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut state = self.state();
        match (state.why.take(), state.answer.take(), sent) {
            (Some(Why::Refused { status, .. }), _, Err(error)) if error.code().is_some() && self.is_xml() => {
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let why = Why::Refused { code: text(error.code()), message: text(error.message()), status };
                Err((why, state.request_id.take()))
            }
            (Some(why), _, _) => Err((why, state.request_id.take())),
            (None, Some(body), sent) => Ok((sent.map_err(|error| words(&error)), body)),
            (None, None, Err(error)) => Err((Why::Unwritten(words(&error)), None)),
            (None, None, Ok(_)) => Err((Why::Unreadable("it has no body".to_owned()), state.request_id.take())),
        }
    }

    /// Whether the generated client, not this module, reads refusals.
    fn is_xml(&self) -> bool {
        matches!(self.0.call.api, Api::Elb | Api::Sts)
    }

    /// Why an attempt failed; `None` where it succeeded.
    fn why(&self, response: Option<&HttpResponse>, error: Option<&OrchestratorError<Error>>) -> Option<Why> {
        let broken = |why: String| match self.0.call.is_mutating() {
            true => Why::Lost(why),
            false => Why::Unreachable(why),
        };
        if let Some(response) = response {
            let status = response.status().as_u16();
            let Some(body) = response.body().bytes() else {
                return Some(broken(format!(
                    "the connection broke: {}",
                    error.map(|error| last(error)).unwrap_or_default()
                )));
            };
            if response.status().is_success() {
                return None;
            }
            let (code, message) = refusal(response.headers(), body).unwrap_or_else(|| {
                // A proxy or load balancer in between answers in a form of its own.
                let status =
                    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string());
                (status, String::new())
            });
            return Some(Why::Refused { code, message, status });
        }
        let error = error?;
        if let Some(error) = error.as_connector_error() {
            return Some(match unsent(error) {
                Some(Silence::Unwritten(why)) => Why::Unwritten(why),
                Some(Silence::Unreachable(why)) => Why::Unreachable(why),
                _ => broken(format!("the connection broke: {}", last(error))),
            });
        }
        if error.is_timeout_error() {
            return Some(broken(format!("no answer within {} s", ATTEMPT_LIMIT.as_secs())));
        }
        Some(Why::Unwritten(words(error)))
    }

    /// Takes over the server's time where it rejected ours.
    fn correct_clock(&self, why: Option<&Why>, response: Option<&HttpResponse>) -> bool {
        let is_about_time = matches!(why, Some(Why::Refused { code, message, .. }) if is_about_time(code, message));
        let date = response.and_then(|response| response.headers().get("date")).filter(|_| is_about_time);
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        date.is_some_and(|date| self.0.shared.clock.correct(date.secs()))
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(body) = &self.0.body {
            let request = context.request_mut();
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body.clone());
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // No attempt starts after an interrupt.
        if (self.0.is_interrupted)() {
            let may_be_done = self.may_be_done();
            self.state().why = Some(Why::Interrupted { may_be_done });
            return Err("interrupted".into());
        }
        let mut state = self.state();
        state.why = None;
        state.answer = None;
        state.request_id = None;
        state.attempt_begun = Some(Instant::now());
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.shared.calls.lock().unwrap_or_else(PoisonError::into_inner).count(self.0.call);
        let mut state = self.state();
        state.attempts += 1;
        state.is_in_flight = true;
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if matches!(self.state().why, Some(Why::Interrupted { .. })) {
            return Ok(());
        }
        let response = context.response();
        let why = self.why(response, context.output_or_error().and_then(Result::err));
        let may_retry_for_clock = self.correct_clock(why.as_ref(), response);
        let header = |name| response.and_then(|response| response.headers().get(name));
        let mut state = self.state();
        state.is_in_flight = false;
        state.is_uncertain |= match &why {
            Some(Why::Lost(_)) => true,
            Some(Why::Refused { status, .. }) => *status >= 500,
            _ => false,
        };
        state.request_id = header("x-amzn-requestid").or_else(|| header("x-amz-request-id")).map(str::to_owned);
        state.may_retry_for_clock = may_retry_for_clock && !state.has_corrected_clock;
        state.has_corrected_clock |= may_retry_for_clock;
        if why.is_none() {
            state.answer = response.and_then(|response| response.body().bytes()).map(Bytes::copy_from_slice);
        }
        tracing::debug!(
            service = self.0.call.api.prefix(),
            action = self.0.call.action,
            attempt = state.attempts,
            status = response.map(|response| response.status().as_u16()),
            request_id = state.request_id.as_deref(),
            milliseconds = state.attempt_begun.map(|begun| begun.elapsed().as_secs_f64() * 1000.0),
            "AWS call"
        );
        state.why = why;
        Ok(())
    }
}

impl ClassifyRetry for Exchange {
    fn classify_retry(&self, _: &InterceptorContext) -> RetryAction {
        let state = self.state();
        match &state.why {
            Some(_) if state.may_retry_for_clock => RetryAction::transient_error(),
            // The code is in XML, which the SDK's own classifiers read. All calls of these services are reads.
            Some(Why::Refused { .. }) if self.is_xml() && self.0.begun.elapsed() < super::retry::TOTAL_LIMIT => {
                RetryAction::NoActionIndicated
            }
            Some(why) if is_retryable(self.0.call, why, state.attempts, self.0.begun.elapsed()) => {
                if is_throttling(why) { RetryAction::throttling_error() } else { RetryAction::transient_error() }
            }
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "Exchange"
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exchange").field(&self.0.call).finish()
    }
}

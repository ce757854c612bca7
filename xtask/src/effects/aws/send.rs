//! Carries out calls of the generated clients and of raw operations: credentials first, interrupts heeded, failures named.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use hyper::body::Bytes;
use serde_json::Value;

use super::api::Call;
use super::call_error::is_about_credentials;
use super::exchange::Exchange;
use super::{Aws, CallError, Why, json};

/// How often a wait checks for an interrupt.
const TICK: Duration = Duration::from_millis(50);

/// One call of a generated client, given its crate, client, operation and exchange.
macro_rules! operation {
    ($sdk:ident, $client:expr, $operation:ident, $exchange:expr) => {{
        let exchange: crate::effects::aws::Exchange = $exchange;
        let settings = $sdk::config::Builder::default().interceptor(exchange.clone()).retry_classifier(exchange);
        $client.$operation().customize().config_override(settings).send()
    }};
}
pub(in crate::effects) use operation;

impl Aws {
    /// Sends a JSON document and returns the JSON answer, both whole.
    pub(in crate::effects) fn document<T, E, F>(
        &self,
        call: Call,
        input: &Value,
        send: impl Fn(Exchange) -> F,
    ) -> Result<Value, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.shared.runtime.block_on(self.document_async(call, input, send))
    }

    /// The same within the runtime.
    pub(in crate::effects) async fn document_async<T, E, F>(
        &self,
        call: Call,
        input: &Value,
        send: impl Fn(Exchange) -> F,
    ) -> Result<Value, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (_, body) = self.exchange(call, Some(Bytes::from(input.to_string())), send).await?;
        json::read(&body).map_err(|why| self.unreadable(call, why))
    }

    /// Sends a request of a generated client and returns its output.
    pub(in crate::effects) fn output<T, E, F>(&self, call: Call, send: impl Fn(Exchange) -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (output, _) = self.shared.runtime.block_on(self.exchange(call, None, send))?;
        output.map_err(|why| self.unreadable(call, why))
    }

    pub(super) async fn exchange<T, E, F>(
        &self,
        call: Call,
        body: Option<Bytes>,
        send: impl Fn(Exchange) -> F,
    ) -> Result<(Result<T, String>, Bytes), CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut has_refreshed = false;
        let credentials = &self.shared.credentials;
        let interrupted = |may_be_done| self.error(call, Why::Interrupted { may_be_done });
        loop {
            let used = self.unless_interrupted(credentials.get(), || Duration::ZERO).await;
            let used = used.ok_or_else(|| interrupted(false))?;
            let used = used.map_err(|why| self.error(call, Why::NoCredentials(why)))?;
            let exchange = Exchange::new(self, call, body.clone());
            let sent = self.unless_interrupted(send(exchange.clone()), || exchange.grace()).await;
            let sent = sent.ok_or_else(|| interrupted(exchange.may_be_done()))?;
            let (why, request_id) = match exchange.finish(sent) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            if !has_refreshed && matches!(&why, Why::Refused { code, .. } if is_about_credentials(code)) {
                has_refreshed = true;
                if self.unless_interrupted(credentials.refresh(&used), || Duration::ZERO).await == Some(true) {
                    continue;
                }
            }
            return Err(CallError { request_id: request_id.map(String::into_boxed_str), ..self.error(call, why) });
        }
    }

    /// The result of some work; `None` where the user interrupted and the work did not finish within `grace` of that.
    async fn unless_interrupted<T>(&self, work: impl Future<Output = T>, grace: impl Fn() -> Duration) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let mut since = None;
        loop {
            if (self.is_interrupted)() && since.get_or_insert_with(Instant::now).elapsed() >= grace() {
                return None;
            }
            if let Ok(result) = tokio::time::timeout(TICK, &mut work).await {
                return Some(result);
            }
        }
    }

    pub(in crate::effects) fn unreadable(&self, call: Call, why: String) -> CallError {
        self.error(call, Why::Unreadable(why))
    }

    pub(super) fn error(&self, call: Call, why: Why) -> CallError {
        let endpoint = self.shared.endpoints.get(&call.api).cloned();
        CallError { api: call.api, action: call.action, endpoint, request_id: None, why }
    }
}

//! Calls of services whose generated client costs too much to compile: JSON 1.1 and REST-JSON operations on the SDK's own
//! orchestrator, with the same credentials, signer, HTTP client, retries and clock as the generated clients.

use std::fmt;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde_json::Value;

use super::api::Call;
use super::exchange::Exchange;
use super::{Aws, CallError, Shared, Why, json};

/// A request before it is signed.
#[derive(Clone, Debug)]
struct RawRequest {
    method: Method,
    /// With query, below the endpoint.
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

/// A status that is not a success. `Exchange` reads the answer.
#[derive(Debug)]
struct Unsuccessful(ErrorMetadata);

impl fmt::Display for Unsuccessful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the service refused the call")
    }
}

impl std::error::Error for Unsuccessful {}

impl ProvideErrorMetadata for Unsuccessful {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl Aws {
    /// Calls a JSON 1.1 service.
    pub(in crate::effects) fn call_json(&self, call: Call, input: &Value) -> Result<Value, CallError> {
        let Some(prefix) = call.api.target_prefix() else {
            return Err(self.error(call, Why::Unwritten("the service has no JSON 1.1 protocol here".to_owned())));
        };
        let request = RawRequest {
            method: Method::POST,
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("{prefix}.{}", call.action)),
            ],
            body: Bytes::from(input.to_string()),
        };
        self.send_raw(call, &request)
    }

    /// Calls a REST-JSON service. The path is percent-encoded already and begins with a slash; a body is sent for `Some`.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "its caller, EventBridge Scheduler, is not part of a deployment yet")
    )]
    pub(in crate::effects) fn call_rest(
        &self,
        call: Call,
        method: Method,
        path: &str,
        input: Option<&Value>,
    ) -> Result<Value, CallError> {
        let headers = input.map(|_| ("content-type", "application/json".to_owned())).into_iter().collect();
        let body = input.map(|input| Bytes::from(input.to_string())).unwrap_or_default();
        self.send_raw(call, &RawRequest { method, path: path.to_owned(), headers, body })
    }

    fn send_raw(&self, call: Call, request: &RawRequest) -> Result<Value, CallError> {
        let send = |exchange| {
            let operation = operation(&self.shared, call, exchange, request.clone());
            async move { operation.invoke(()).await }
        };
        let (_, body) = self.shared.runtime.block_on(self.exchange(call, None, send))?;
        json::read(&body).map_err(|why| self.unreadable(call, why))
    }
}

fn operation(shared: &Shared, call: Call, exchange: Exchange, request: RawRequest) -> Operation<(), (), Unsuccessful> {
    let sdk = &shared.sdk;
    let endpoint = shared.endpoints.get(&call.api).cloned().unwrap_or_else(|| {
        let is = |setting: Option<bool>| setting.unwrap_or_default();
        call.api.endpoint(&shared.region, is(sdk.use_fips()), is(sdk.use_dual_stack()))
    });
    let mut builder = Operation::builder()
        .service_name(call.api.prefix())
        .operation_name(call.action)
        .endpoint_url(&endpoint)
        .http_client(shared.http.clone())
        .sleep_impl(TokioSleep::new())
        .time_source(shared.clock.clone())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .interceptor(UserAgentInterceptor::new())
        .interceptor(InvocationIdInterceptor::new())
        .interceptor(RequestInfoInterceptor::new())
        .interceptor(RecursionDetectionInterceptor::new())
        .interceptor(exchange.clone())
        .retry_classifier(exchange)
        .runtime_plugin(signing(shared, call));
    if let Some(retry) = sdk.retry_config() {
        builder = builder.standard_retry(retry);
    }
    if let Some(timeouts) = sdk.timeout_config() {
        builder = builder.timeout_config(timeouts.clone());
    }
    builder.serializer(move |()| write(&request)).deserializer(read).build()
}

/// SigV4 for one service, with the credentials of all.
fn signing(shared: &Shared, call: Call) -> StaticRuntimePlugin {
    let mut layer = Layer::new("signing");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(aws_config::Region::new(shared.region.clone()))),
        name: Some(SigningName::from_static(call.api.prefix())),
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(ApiMetadata::new(call.api.prefix(), env!("CARGO_PKG_VERSION")));
    if let Some(name) = shared.sdk.app_name() {
        layer.store_put(name.clone());
    }
    let options = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let components = RuntimeComponentsBuilder::new("signing")
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(options)))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_cache(Some(IdentityCache::no_cache()))
        .with_identity_resolver(
            SCHEME_ID,
            SharedIdentityResolver::new(SharedCredentialsProvider::new(shared.credentials.clone())),
        );
    StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
}

fn write(request: &RawRequest) -> Result<HttpRequest, BoxError> {
    let mut written = Request::builder().method(request.method.clone()).uri(&request.path);
    for (name, value) in &request.headers {
        written = written.header(*name, value);
    }
    Ok(HttpRequest::try_from(written.body(SdkBody::from(request.body.clone()))?)?)
}

fn read(response: &HttpResponse) -> Result<(), OrchestratorError<Unsuccessful>> {
    let error = || OrchestratorError::operation(Unsuccessful(ErrorMetadata::builder().build()));
    if response.status().is_success() { Ok(()) } else { Err(error()) }
}

//! Calls against a server with faults: retries, counts and errors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use hyper::Method;
use serde_json::{Value, json};

use super::credentials::CredentialCache;
use super::retry::ATTEMPT_LIMIT;
use super::scripted::{Scene, Scripted};
use super::{Api, Aws, Call, CallError, CredentialSource, Why, operation};
use crate::error::{Exit, exit_of};

const THROTTLED: Scene = Scene::Answer(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
const BROKEN: Scene = Scene::Answer(500, r#"{"__type":"ServerException","message":"sorry"}"#);
const DONE: Scene = Scene::Answer(200, r#"{"done":true}"#);

fn read() -> Call {
    Call::new(Api::Ecs, "DescribeServices")
}

fn change() -> Call {
    Call::new(Api::Ecs, "UpdateService")
}

/// One of the two calls, by the generated client.
fn call(aws: &Aws, call: Call, input: &Value) -> Result<Value, CallError> {
    match call.is_mutating() {
        true => aws.document(call, input, |exchange| operation!(aws_sdk_ecs, aws.ecs(), update_service, exchange)),
        false => aws.document(call, input, |exchange| operation!(aws_sdk_ecs, aws.ecs(), describe_services, exchange)),
    }
}

/// Plays a script for one call and checks the number of requests; returns the outcome.
fn check(action: Call, script: &[Scene], requests: u64) -> Result<(), CallError> {
    let server = Scripted::new(script);
    let aws = server.aws();
    let result = call(&aws, action, &json!({ "a": 1 }));
    assert_eq!(aws.calls().total, requests, "{result:?}");
    result.map(|answer| assert_eq!(answer, json!({ "done": true })))
}

#[test]
fn retries_throttled_calls() {
    check(read(), &[THROTTLED, THROTTLED, DONE], 3).unwrap();
    check(change(), &[THROTTLED, DONE], 2).unwrap();
}

#[test]
fn gives_up_after_five_throttled_attempts() {
    let error = check(change(), &[THROTTLED, THROTTLED, THROTTLED, THROTTLED, THROTTLED], 5).unwrap_err();
    assert!(error.is(&["ThrottlingException"]) && !error.may_be_done());
}

#[test]
fn retries_lost_responses_of_idempotent_calls_only() {
    let error = check(change(), &[Scene::Lose], 1).unwrap_err();
    assert!(matches!(error.why, Why::Lost(_)) && error.may_be_done(), "{error}");
    check(change().idempotent(), &[Scene::Lose, DONE], 2).unwrap();
    check(read(), &[Scene::Lose, DONE], 2).unwrap();
}

#[test]
fn retries_server_errors_of_idempotent_calls_only() {
    let error = check(change(), &[BROKEN], 1).unwrap_err();
    assert!(error.is(&["ServerException"]) && error.may_be_done(), "{error}");
    check(change().idempotent(), &[BROKEN, DONE], 2).unwrap();
    check(read(), &[BROKEN, DONE], 2).unwrap();
}

#[test]
fn does_not_retry_refusals() {
    let no = Scene::Answer(400, r#"{"__type":"ServiceNotFoundException","message":"Service not found."}"#);
    let error = check(read(), &[no], 1).unwrap_err();
    assert_eq!((error.code(), error.message()), (Some("ServiceNotFoundException"), Some("Service not found.")));
    let error = check(read(), &[Scene::Answer(404, "<html>not here</html>")], 1).unwrap_err();
    assert_eq!(error.code(), Some("404 Not Found"));
    let error = check(read(), &[Scene::Answer(200, "not JSON")], 1).unwrap_err();
    assert!(matches!(&error.why, Why::Unreadable(why) if !why.contains("not JSON")), "{error}");
}

#[test]
fn reads_refusals_in_xml() {
    let no = "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>none</Message></Error></ErrorResponse>";
    let throttled =
        "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let server = Scripted::new(&[Scene::Answer(400, throttled), Scene::Answer(400, no), Scene::Answer(200, "<half")]);
    let aws = server.aws();
    let ask = || crate::effects::elb::target_health(&aws, "a b&c");
    let error = ask().unwrap_err();
    assert!(error.is(&["TargetGroupNotFound"]) && error.message() == Some("none"), "{error}");
    assert!(matches!(ask().unwrap_err().why, Why::Unreadable(_)));
    assert_eq!(server.asked().body, "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=a%20b%26c");
    assert_eq!(aws.calls().total, 3);
}

#[test]
fn error_has_the_request_id() {
    let headers = "x-amzn-RequestId: 7a-1\r\n";
    let no = Scene::With(400, headers, r#"{"__type":"ClientException","message":"no"}"#);
    let error = check(read(), &[no], 1).unwrap_err();
    assert_eq!(error.request_id.as_deref(), Some("7a-1"));
    assert!(error.to_string().ends_with("ClientException: no (request id 7a-1)"), "{error}");
}

#[test]
fn corrects_the_clock_once() {
    let headers = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let skewed =
        Scene::With(400, headers, r#"{"__type":"InvalidSignatureException","message":"Signature expired: 1"}"#);
    let server = Scripted::new(&[skewed.clone(), DONE, skewed]);
    let aws = server.aws();
    call(&aws, change(), &json!({})).unwrap();
    assert!(call(&aws, change(), &json!({})).is_err());
    server.asked();
    assert!(server.asked().head.contains("x-amz-date: 19941106t08"));
}

#[test]
fn rest_calls_are_signed_and_retried() {
    let server =
        Scripted::new(&[Scene::Lose, Scene::Answer(200, r#"{"Name":"nightly","New":1}"#), Scene::Answer(204, "")]);
    let aws = server.aws();
    let get = Call::new(Api::Scheduler, "GetSchedule");
    let found = aws.call_rest(get, Method::GET, "/schedules/a%20b?groupName=x", None).unwrap();
    assert_eq!(found, json!({ "Name": "nightly", "New": 1 }));
    let put = Call::new(Api::Scheduler, "UpdateSchedule");
    assert_eq!(
        aws.call_rest(put, Method::PUT, "/schedules/nightly", Some(&json!({ "State": "ENABLED" }))).unwrap(),
        json!({})
    );
    server.asked();
    let head = server.asked().head;
    assert!(head.starts_with("get /schedules/a%20b?groupname=x http/1.1\r\n"), "{head}");
    assert!(head.contains("/eu-central-1/scheduler/aws4_request"), "{head}");
    let put = server.asked();
    assert!(
        put.head.starts_with("put /schedules/nightly") && put.head.contains("content-type: application/json"),
        "{}",
        put.head
    );
    assert_eq!(put.json(), json!({ "State": "ENABLED" }));
    assert_eq!(aws.calls().mutating, 1);
}

#[test]
fn json_calls_are_signed_and_refusals_read() {
    let no = Scene::Answer(400, r#"{"__type":"ParameterNotFound"}"#);
    let server = Scripted::new(&[THROTTLED, no]);
    let aws = server.aws();
    let error = aws.call_json(Call::new(Api::Ssm, "GetParameter"), &json!({ "Name": "x" })).unwrap_err();
    assert!(error.is(&["ParameterNotFound"]), "{error}");
    let head = server.asked().head;
    assert!(head.contains("x-amz-target: amazonssm.getparameter"), "{head}");
    assert!(head.contains("/eu-central-1/ssm/aws4_request") && head.contains("app/slipway-"), "{head}");
}

#[test]
fn reports_unreachable_endpoint() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let aws = Aws::connect("eu-central-1", Some(&format!("http://{free}/")), CredentialSource::Anonymous).unwrap();
    let error = call(&aws, change(), &json!({})).unwrap_err();
    assert!(matches!(error.why, Why::Unreachable(_)) && !error.may_be_done(), "{error}");
    assert!(error.to_string().starts_with(&format!("failed to reach ECS at http://{free} for UpdateService: ")));
}

#[test]
fn rejects_endpoints_without_address_or_tls() {
    for endpoint in ["127.0.0.1:4510", "ftp://host", "https://", "nowhere", "http://example.com"] {
        let error = Aws::connect("eu-central-1", Some(endpoint), CredentialSource::Anonymous).unwrap_err();
        assert_eq!(exit_of(&error), Exit::Usage, "{endpoint}");
    }
}

/// The other side closes idle connections. A mutation must not count as lost for it.
#[test]
fn does_not_reuse_a_closed_connection() {
    let done = Scene::LastAnswer(200, r#"{"done":true}"#);
    let server = Scripted::new(&vec![done; 20]);
    let aws = server.aws();
    for _ in 0..20 {
        call(&aws, change(), &json!({})).unwrap();
        // The connection is back in the pool, and its end is not noticed before the next call.
        aws.runtime().block_on(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        server.end();
    }
    assert_eq!(aws.calls().total, 20);
}

#[test]
fn counts_calls_by_action() {
    let server = Scripted::new(&[DONE, DONE, THROTTLED, DONE]);
    let aws = server.aws();
    call(&aws, read(), &json!({})).unwrap();
    call(&aws.clone(), change(), &json!({})).unwrap();
    call(&aws.in_spite_of_interrupts(), change(), &json!({})).unwrap();
    let calls = aws.calls();
    assert_eq!((calls.total, calls.mutating), (4, 3));
    let by_action: Vec<_> = calls.by_action.iter().map(|(action, count)| (action.as_str(), *count)).collect();
    assert_eq!(by_action, [("ecs:DescribeServices", 1), ("ecs:UpdateService", 3)]);
}

#[test]
fn signs_and_sends_the_document() {
    let server = Scripted::new(&[DONE]);
    call(&server.aws(), change(), &json!({ "service": "web" })).unwrap();
    let asked = server.asked();
    assert!(asked.head.starts_with("post / http/1.1\r\n"), "{}", asked.head);
    let has = |line: &str| asked.head.lines().any(|one| one.starts_with(line));
    assert!(has("x-amz-target: amazonec2containerservicev20141113.updateservice"), "{}", asked.head);
    assert!(has("content-type: application/x-amz-json-1.1"), "{}", asked.head);
    assert!(has("authorization: aws4-hmac-sha256 credential=local/"), "{}", asked.head);
    assert!(asked.head.contains("/eu-central-1/ecs/aws4_request, signedheaders="), "{}", asked.head);
    assert!(asked.head.contains("content-type;host;") && asked.head.contains(";x-amz-target"), "{}", asked.head);
    assert!(has("x-amz-user-agent: ") && asked.head.contains("app/slipway-"), "{}", asked.head);
    assert!(has("content-length: 17"), "{}", asked.head);
    assert_eq!(asked.json(), json!({ "service": "web" }));
}

/// Provides one set of credentials after the other.
#[derive(Debug)]
struct Renewing(Mutex<Vec<&'static str>>);

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let id = self.0.lock().unwrap().pop().unwrap();
        let end = SystemTime::now() + Duration::from_secs(3600);
        future::ProvideCredentials::ready(Ok(Credentials::new(id, "secret", None, Some(end), "test")))
    }
}

fn with_credentials(server: &Scripted, ids: &[&'static str]) -> Aws {
    let provider = Renewing(Mutex::new(ids.iter().rev().copied().collect()));
    let http = crate::effects::http::sdk_client();
    let cache = CredentialCache::of(SharedCredentialsProvider::new(provider), http.clone());
    Aws::with("eu-central-1", Some(&server.endpoint()), CredentialSource::Anonymous, http, cache).unwrap()
}

#[test]
fn refreshes_expired_credentials_once() {
    let expired = Scene::Answer(400, r#"{"__type":"ExpiredTokenException","message":"expired"}"#);
    let server = Scripted::new(&[DONE, expired.clone(), DONE, expired.clone(), expired]);
    let aws = with_credentials(&server, &["one", "two", "three"]);
    call(&aws, change(), &json!({})).unwrap();
    call(&aws, change(), &json!({})).unwrap();
    let error = call(&aws, change(), &json!({})).unwrap_err();
    assert!(error.is(&["ExpiredTokenException"]), "{error}");
    let keys: Vec<_> = (0..5).map(|_| server.asked().head).collect();
    for (head, key) in keys.iter().zip(["one", "one", "two", "two", "three"]) {
        assert!(head.contains(&format!("credential={key}/")), "{key}: {head}");
    }
}

#[test]
fn does_not_retry_with_the_same_credentials() {
    let server = Scripted::new(&[Scene::Answer(403, r#"{"__type":"UnrecognizedClientException","message":"no"}"#)]);
    let aws = with_credentials(&server, &["one", "one"]);
    assert!(call(&aws, read(), &json!({})).is_err());
    assert_eq!(aws.calls().total, 1);
}

/// A call during which the user interrupts.
fn interrupted(action: Call, scene: Scene) -> Result<serde_json::Value, CallError> {
    static HAS_ENOUGH: AtomicBool = AtomicBool::new(false);
    // One at a time: there is one flag for both.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    HAS_ENOUGH.store(false, Ordering::Relaxed);
    let server = Scripted::new(&[scene]);
    let aws = Aws { is_interrupted: || HAS_ENOUGH.load(Ordering::Relaxed), ..server.aws() };
    let result = std::thread::scope(|scope| {
        let work = scope.spawn(|| call(&aws, action, &json!({})));
        server.asked();
        HAS_ENOUGH.store(true, Ordering::Relaxed);
        server.release();
        work.join().unwrap()
    });
    // Nothing is begun after an interrupt.
    let error = call(&aws, action, &json!({})).unwrap_err();
    assert_eq!((error.why, aws.calls().total), (Why::Interrupted { may_be_done: false }, 1));
    result
}

#[test]
fn interrupt_stops_a_read_at_once() {
    let begun = Instant::now();
    let error = interrupted(read(), Scene::Silence).unwrap_err();
    assert_eq!(error.why, Why::Interrupted { may_be_done: false });
    assert!(begun.elapsed() < ATTEMPT_LIMIT);
}

#[test]
fn interrupt_waits_for_a_mutation_in_flight() {
    interrupted(change(), Scene::Held(200, "{}")).unwrap();
    let error = interrupted(change(), Scene::Silence).unwrap_err();
    assert!(error.may_be_done());
    assert_eq!(exit_of(&error.into()), Exit::Interrupted);
}

//! Calls against a server that has mishaps: what is repeated, what is not, what is counted, and what is said in the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use serde_json::json;

use super::credentials::Keys;
use super::patience::ATTEMPT_LIMIT;
use super::scripted::{Scene, Scripted};
use super::{Api, Aws, Call, CallError, Caller, Http, Shared, Why, text};
use crate::error::{Exit, exit_of};

const THROTTLED: Scene = Scene::Answer(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
const BROKEN: Scene = Scene::Answer(500, r#"{"__type":"ServerException","message":"sorry"}"#);
const DONE: Scene = Scene::Answer(200, r#"{"done":true}"#);

fn look() -> Call {
    Call::new(Api::Ecs, "DescribeServices")
}

fn change() -> Call {
    Call::new(Api::Ecs, "UpdateService")
}

/// Plays a script for one call; what came of it, and after how many requests.
fn check(call: Call, script: &[Scene], requests: u64) -> Result<(), CallError> {
    let server = Scripted::new(script);
    let aws = server.aws();
    let result = aws.call_json(call, &json!({ "a": 1 }));
    assert_eq!(aws.calls().total, requests, "{result:?}");
    result.map(|answer| assert_eq!(answer, json!({ "done": true })))
}

#[test]
fn a_throttled_call_is_repeated_whatever_it_does() {
    check(look(), &[THROTTLED, THROTTLED, DONE], 3).unwrap();
    check(change(), &[THROTTLED, DONE], 2).unwrap();
}

#[test]
fn a_service_that_stays_throttled_is_given_up() {
    let error = check(change(), &[THROTTLED, THROTTLED, THROTTLED, THROTTLED, THROTTLED], 5).unwrap_err();
    assert!(error.is(&["ThrottlingException"]) && !error.may_be_done());
}

#[test]
fn a_change_whose_answer_is_lost_is_repeated_only_if_two_of_it_do_what_one_does() {
    let error = check(change(), &[Scene::Lose], 1).unwrap_err();
    assert!(matches!(error.why, Why::Lost(_)) && error.may_be_done(), "{error}");
    check(change().repeatable(), &[Scene::Lose, DONE], 2).unwrap();
    check(look(), &[Scene::Lose, DONE], 2).unwrap();
}

#[test]
fn a_change_that_a_service_broke_over_is_repeated_only_if_two_of_it_do_what_one_does() {
    let error = check(change(), &[BROKEN], 1).unwrap_err();
    assert!(error.is(&["ServerException"]) && error.may_be_done(), "{error}");
    check(change().repeatable(), &[BROKEN, DONE], 2).unwrap();
    check(look(), &[BROKEN, DONE], 2).unwrap();
}

#[test]
fn a_refusal_is_final() {
    let no = Scene::Answer(400, r#"{"__type":"ServiceNotFoundException","message":"Service not found."}"#);
    let error = check(look(), &[no], 1).unwrap_err();
    assert_eq!((error.code(), error.message()), (Some("ServiceNotFoundException"), Some("Service not found.")));
    let error = check(look(), &[Scene::Answer(404, "<html>not here</html>")], 1).unwrap_err();
    assert_eq!(error.code(), Some("404 Not Found"));
    let error = check(look(), &[Scene::Answer(200, "not JSON")], 1).unwrap_err();
    assert!(matches!(&error.why, Why::Unreadable(why) if !why.contains("not JSON")), "{error}");
}

#[test]
fn refusals_in_xml() {
    let no = "<ErrorResponse><Error><Code>TargetGroupNotFound</Code><Message>none</Message></Error></ErrorResponse>";
    let server = Scripted::new(&[Scene::Answer(400, no), Scene::Answer(200, "<half")]);
    let aws = server.aws();
    let call = Call::new(Api::Elb, "DescribeTargetHealth");
    let ask = || aws.call_query(call, &[("TargetGroupArn", "a b&c")], |result| text(result, "X"));
    assert!(ask().unwrap_err().is(&["TargetGroupNotFound"]));
    assert!(matches!(ask().unwrap_err().why, Why::Unreadable(_)));
    assert_eq!(server.asked().body, "Action=DescribeTargetHealth&Version=2015-12-01&TargetGroupArn=a%20b%26c");
}

#[test]
fn nobody_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let aws = Aws::connect("eu-central-1", Some(&format!("http://{free}/")), Caller::Anybody).unwrap();
    let error = aws.call_json(change(), &json!({})).unwrap_err();
    assert!(matches!(error.why, Why::Unreachable(_)) && !error.may_be_done(), "{error}");
    assert!(error.to_string().starts_with(&format!("failed to reach ECS at http://{free} for UpdateService: ")));
}

#[test]
fn an_endpoint_that_is_no_address() {
    for endpoint in ["127.0.0.1:4510", "ftp://host", "https://", "nowhere"] {
        assert!(Aws::connect("eu-central-1", Some(endpoint), Caller::Anybody).is_err(), "{endpoint}");
    }
}

/// The other side ends connections that idle. A change must not count as lost for it.
#[test]
fn a_connection_that_was_ended_between_two_calls_is_not_used_any_more() {
    let done = Scene::LastAnswer(200, r#"{"done":true}"#);
    let server = Scripted::new(&vec![done; 20]);
    let aws = server.aws();
    for _ in 0..20 {
        aws.call_json(change(), &json!({})).unwrap();
        // The connection is back among those that are kept, and nobody looks at it when it ends.
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
fn calls_are_counted_by_action() {
    let server = Scripted::new(&[DONE, DONE, THROTTLED, DONE]);
    let aws = server.aws();
    aws.call_json(look(), &json!({})).unwrap();
    aws.clone().call_json(change(), &json!({})).unwrap();
    aws.in_spite_of_interrupts().call_json(change(), &json!({})).unwrap();
    let calls = aws.calls();
    assert_eq!((calls.total, calls.mutating), (4, 3));
    let by_action: Vec<_> = calls.by_action.iter().map(|(action, count)| (action.as_str(), *count)).collect();
    assert_eq!(by_action, [("ecs:DescribeServices", 1), ("ecs:UpdateService", 3)]);
}

#[test]
fn what_is_signed() {
    let server = Scripted::new(&[DONE]);
    server.aws().call_json(change(), &json!({ "service": "web" })).unwrap();
    let asked = server.asked();
    assert!(asked.head.starts_with("post / http/1.1\r\n"), "{}", asked.head);
    let has = |line: &str| asked.head.lines().any(|one| one.starts_with(line));
    assert!(has("x-amz-target: amazonec2containerservicev20141113.updateservice"), "{}", asked.head);
    assert!(has("content-type: application/x-amz-json-1.1"), "{}", asked.head);
    assert!(has("authorization: aws4-hmac-sha256 credential=local/"), "{}", asked.head);
    assert!(
        asked.head.contains("/eu-central-1/ecs/aws4_request, signedheaders=content-type;host;x-amz-date;x-amz-target,")
    );
    assert_eq!(asked.json(), json!({ "service": "web" }));
}

/// Gives one key after the other.
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

fn with_keys(server: &Scripted, keys: &[&'static str]) -> Aws {
    let aws = server.aws();
    let provider = Renewing(Mutex::new(keys.iter().rev().copied().collect()));
    let http = Arc::new(Http::new(Duration::from_secs(5)));
    let keys = Keys::of(SharedCredentialsProvider::new(provider), Arc::clone(&http));
    let (region, endpoint) = (aws.region().to_owned(), aws.endpoint().map(str::to_owned));
    let shared = Shared { runtime: aws.runtime(), http, keys, region, endpoint, calls: Mutex::default() };
    Aws { shared: Arc::new(shared), ..aws }
}

#[test]
fn keys_that_are_not_taken_any_more_are_renewed_once() {
    let expired = Scene::Answer(400, r#"{"__type":"ExpiredTokenException","message":"expired"}"#);
    let server = Scripted::new(&[DONE, expired.clone(), DONE, expired.clone(), expired]);
    let aws = with_keys(&server, &["one", "two", "three"]);
    aws.call_json(change(), &json!({})).unwrap();
    aws.call_json(change(), &json!({})).unwrap();
    let error = aws.call_json(change(), &json!({})).unwrap_err();
    assert!(error.is(&["ExpiredTokenException"]), "{error}");
    let keys: Vec<_> = (0..5).map(|_| server.asked().head).collect();
    for (head, key) in keys.iter().zip(["one", "one", "two", "two", "three"]) {
        assert!(head.contains(&format!("credential={key}/")), "{key}: {head}");
    }
}

#[test]
fn keys_that_stay_the_same_are_not_tried_again() {
    let server = Scripted::new(&[Scene::Answer(403, r#"{"__type":"UnrecognizedClientException","message":"no"}"#)]);
    let aws = with_keys(&server, &["one", "one"]);
    assert!(aws.call_json(look(), &json!({})).is_err());
    assert_eq!(aws.calls().total, 1);
}

/// A call during which the user has had enough.
fn interrupted(call: Call, scene: Scene) -> Result<serde_json::Value, CallError> {
    static HAS_ENOUGH: AtomicBool = AtomicBool::new(false);
    // One at a time: there is one flag for both.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    HAS_ENOUGH.store(false, Ordering::Relaxed);
    let server = Scripted::new(&[scene]);
    let aws = Aws { is_interrupted: || HAS_ENOUGH.load(Ordering::Relaxed), ..server.aws() };
    let result = std::thread::scope(|scope| {
        let work = scope.spawn(|| aws.call_json(call, &json!({})));
        server.asked();
        HAS_ENOUGH.store(true, Ordering::Relaxed);
        server.release();
        work.join().unwrap()
    });
    // Nothing is begun after an interrupt.
    let error = aws.call_json(call, &json!({})).unwrap_err();
    assert_eq!((error.why, aws.calls().total), (Why::Interrupted { may_be_done: false }, 1));
    result
}

#[test]
fn an_interrupt_ends_a_look_at_once() {
    let begun = Instant::now();
    let error = interrupted(look(), Scene::Silence).unwrap_err();
    assert_eq!(error.why, Why::Interrupted { may_be_done: false });
    assert!(begun.elapsed() < ATTEMPT_LIMIT);
}

#[test]
fn a_change_that_is_under_way_gets_a_moment_to_end() {
    interrupted(change(), Scene::Held(200, "{}")).unwrap();
    let error = interrupted(change(), Scene::Silence).unwrap_err();
    assert!(error.may_be_done());
    assert_eq!(exit_of(&error.into()), Exit::Interrupted);
}

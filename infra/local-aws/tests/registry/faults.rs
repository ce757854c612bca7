//! Faults on request at the registry's door.

use std::time::{Duration, Instant};

use local_aws::faults::Rule;
use local_aws::time::Timestamp;
use serde_json::{Value, json};

use crate::client::{Daemon, Folder, IMAGE, digest_of};

const UPLOADS: &str = "/v2/app/blobs/uploads/";

fn ask_for(daemon: &Daemon, rule: &Value) {
    let rule: Rule = serde_json::from_value(rule.clone()).unwrap();
    assert_eq!(rule.problem(), None);
    daemon.emulator.faults.add(rule);
}

#[tokio::test]
async fn a_request_is_throttled_refused_or_late() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    ask_for(&daemon, &json!({ "operation": "POST uploads", "kind": "throttle", "times": 2 }));
    for _ in 0..2 {
        let throttled = daemon.v2("POST", UPLOADS, &[], b"").await;
        assert_eq!(throttled.error(), (429, "TOOMANYREQUESTS".to_owned()));
    }
    assert_eq!(daemon.v2("POST", UPLOADS, &[], b"").await.status, 202);

    let document = daemon.image("app", "layer").await;
    ask_for(&daemon, &json!({ "operation": "PUT manifest", "kind": "fail", "status": 503, "code": "UNAVAILABLE" }));
    let refused = daemon.put_manifest("app", "v1", IMAGE, &document).await;
    assert_eq!(refused.error(), (503, "UNAVAILABLE".to_owned()));
    assert_eq!(daemon.get("/v2/app/manifests/v1").await.status, 404);
    assert_eq!(daemon.put_manifest("app", "v1", IMAGE, &document).await.status, 201);

    ask_for(&daemon, &json!({ "operation": "GET manifest", "kind": "delay", "milliseconds": 300 }));
    let begun = Instant::now();
    assert_eq!(daemon.get("/v2/app/manifests/v1").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn an_upload_is_dropped_on_the_way() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let content = vec![1_u8; 100_000];
    let digest = digest_of(&content);
    // Also where it breaks only at the very end.
    for bytes in [50_000, 100_000, 1_000_000] {
        let begun = daemon.v2("POST", UPLOADS, &[], b"").await;
        let path = format!("{}?digest={digest}", begun.header("location"));
        ask_for(&daemon, &json!({ "operation": "PUT upload", "kind": "drop", "bytes": bytes }));
        daemon.v2_lost("PUT", &path, &[], &content).await;
        let retried = daemon.v2("PUT", &path, &[], &content).await;
        assert_eq!(retried.error(), (416, "BLOB_UPLOAD_INVALID".to_owned()));
        let there = daemon.v2("HEAD", &format!("/v2/app/blobs/{digest}"), &[], b"").await;
        assert_eq!(there.status, 404);
    }
    assert_eq!(daemon.push_blob("app", &content).await, digest);
}

#[tokio::test]
async fn what_is_done_stays_done_where_its_answer_is_lost() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let document = daemon.image("app", "layer").await;
    let (path, header) = ("/v2/app/manifests/v1", [("content-type", IMAGE)]);
    ask_for(&daemon, &json!({ "operation": "PUT manifest", "kind": "drop" }));
    daemon.v2_lost("PUT", path, &header, document.as_bytes()).await;
    assert_eq!(daemon.get(path).await.status, 404);
    ask_for(&daemon, &json!({ "operation": "PUT manifest", "kind": "lose-answer" }));
    daemon.v2_lost("PUT", path, &header, document.as_bytes()).await;
    assert_eq!(daemon.get(path).await.body, document);
}

#[tokio::test]
async fn an_old_token_is_refused_in_ecrs_words_and_a_new_one_is_good() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let old = daemon.authorization();
    let ping = async |authorization: &str| daemon.with_authorization("GET", "/v2/", authorization).await;
    assert_eq!(ping(&old).await.status, 200);
    daemon.emulator.faults.expire_tokens(Timestamp::now());
    let refused = ping(&old).await;
    assert_eq!(refused.error(), (403, "DENIED".to_owned()));
    assert_eq!(refused.message(), "Your authorization token has expired. Reauthenticate and try again.");
    assert_eq!(ping(&daemon.authorization()).await.status, 200);
}

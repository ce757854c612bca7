//! Who is let in.

use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;

use crate::client::{Answer, Daemon, Folder};

async fn ping(daemon: &Daemon, authorization: Option<&str>) -> Answer {
    let mut request = Request::get("/v2/").header("host", "localhost");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    daemon.send(request.body(Full::new(Bytes::new())).unwrap()).await
}

#[tokio::test]
async fn a_token_of_the_api_lets_in_and_nothing_else_does() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder).await;
    let refused = ping(&daemon, None).await;
    assert_eq!(refused.error(), (401, "UNAUTHORIZED".to_owned()));
    assert!(refused.header("www-authenticate").starts_with("Basic realm=\"http://127.0.0.1:"));
    assert_eq!(refused.header("docker-distribution-api-version"), "registry/2.0");
    for wrong in ["Bearer x", "Basic !", "Basic QVdTOng=", "Basic"] {
        assert_eq!(ping(&daemon, Some(wrong)).await.status, 401, "{wrong}");
    }

    let output = daemon.api("GetAuthorizationToken", json!({})).await.unwrap();
    let data = &output["authorizationData"][0];
    assert_eq!(data["proxyEndpoint"], format!("http://{}", daemon.address));
    let token = data["authorizationToken"].as_str().unwrap();
    assert!(String::from_utf8(STANDARD.decode(token).unwrap()).unwrap().starts_with("AWS:"));
    let good = ping(&daemon, Some(&format!("Basic {token}"))).await;
    assert_eq!(good.status, 200);
    assert_eq!(good.header("docker-distribution-api-version"), "registry/2.0");
}

#[tokio::test]
async fn a_login_outlives_the_daemon_but_not_its_state() {
    let (folder, other) = (Folder::new(), Folder::new());
    let first = Daemon::start(&folder).await;
    let authorization = first.authorization();
    first.emulator.store.durable().await.unwrap();
    drop(first);
    let second = Daemon::start(&folder).await;
    assert_eq!(ping(&second, Some(&authorization)).await.status, 200);
    let stranger = Daemon::start(&other).await;
    assert_eq!(ping(&stranger, Some(&authorization)).await.status, 401);
}

#[tokio::test]
async fn unknown_repositories_are_not_made() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder).await;
    for (method, path) in [
        ("POST", "/v2/app/blobs/uploads/"),
        ("GET", "/v2/app/manifests/latest"),
        ("GET", "/v2/app/tags/list"),
        ("GET", "/v2/team/app/referrers/sha256:0"),
    ] {
        let answer = daemon.v2(method, path, &[], b"").await;
        assert_eq!(answer.error(), (404, "NAME_UNKNOWN".to_owned()), "{path}");
        assert!(answer.message().ends_with("does not exist in the registry with id '123456789012'"));
    }
    assert_eq!(daemon.get("/v2/App/tags/list").await.error(), (400, "NAME_INVALID".to_owned()));
    assert_eq!(daemon.get("/v2/..%2F..%2Fetc/tags/list").await.error(), (400, "NAME_INVALID".to_owned()));
    assert_eq!(daemon.get("/v2/_catalog").await.error(), (404, "UNSUPPORTED".to_owned()));
    let described = daemon.api("DescribeRepositories", json!({})).await.unwrap();
    assert_eq!(described["repositories"], json!([]));
}

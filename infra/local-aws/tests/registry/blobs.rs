//! Blobs in and out, with ECR's quirks.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Daemon, Folder, digest_of, eventually};

const UPLOADS: &str = "/v2/app/blobs/uploads/";

#[tokio::test]
async fn a_blob_goes_in_with_one_put_and_comes_out_whole_or_in_part() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let content = b"0123456789".repeat(100_000);
    let digest = daemon.push_blob("app", &content).await;
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());

    let path = format!("/v2/app/blobs/{digest}");
    let head = daemon.v2("HEAD", &path, &[], b"").await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "1000000"));
    assert_eq!(head.header("docker-content-digest"), digest);
    assert!(head.body.is_empty());
    assert_eq!(daemon.get(&path).await.body, content);
    let part = daemon.v2("GET", &path, &[("range", "bytes=999995-")], b"").await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"56789"[..]));
    assert_eq!(part.header("content-range"), "bytes 999995-999999/1000000");
    let outside = daemon.v2("GET", &path, &[("range", "bytes=1000000-")], b"").await;
    assert_eq!((outside.status.as_u16(), outside.header("content-range")), (416, "bytes */1000000"));

    let unknown = daemon.get(&format!("/v2/app/blobs/{}", digest_of(b"?"))).await;
    assert_eq!(unknown.error(), (404, "BLOB_UNKNOWN".to_owned()));
    assert_eq!(daemon.get("/v2/app/blobs/sha256:1").await.error(), (400, "DIGEST_INVALID".to_owned()));
    assert_eq!(daemon.v2("DELETE", &path, &[], b"").await.error(), (405, "UNSUPPORTED".to_owned()));
}

#[tokio::test]
async fn an_empty_blob_and_a_blob_in_one_post() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let empty = daemon.push_blob("app", b"").await;
    assert_eq!(daemon.get(&format!("/v2/app/blobs/{empty}")).await.body, "");
    let digest = digest_of(b"at once");
    let created = daemon.v2("POST", &format!("{UPLOADS}?digest={digest}"), &[], b"at once").await;
    assert_eq!((created.status.as_u16(), created.header("location")), (201, &*format!("/v2/app/blobs/{digest}")));
    assert_eq!(daemon.get(&format!("/v2/app/blobs/{digest}")).await.body, "at once");
}

#[tokio::test]
async fn what_is_not_what_it_is_said_to_be_leaves_nothing() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let claimed = digest_of(b"this");
    let begun = daemon.v2("POST", UPLOADS, &[], b"").await;
    let location = begun.header("location");
    let missing = daemon.v2("PUT", location, &[], b"that").await;
    assert_eq!(missing.error(), (400, "DIGEST_INVALID".to_owned()));
    let algorithm = daemon.v2("PUT", &format!("{location}?digest=sha512:00"), &[], b"that").await;
    assert_eq!(algorithm.error(), (400, "DIGEST_INVALID".to_owned()));
    let put = daemon.v2("PUT", &format!("{location}?digest={claimed}"), &[], b"that").await;
    assert_eq!(put.error(), (400, "DIGEST_INVALID".to_owned()));
    assert!(put.message().contains("None of the provided layer digests match"), "{}", put.message());
    let post = daemon.v2("POST", &format!("{UPLOADS}?digest={claimed}"), &[], b"that").await;
    assert_eq!(post.error(), (400, "DIGEST_INVALID".to_owned()));
    let again = daemon.v2("PUT", &format!("{location}?digest={claimed}"), &[], b"this").await;
    assert_eq!(again.error(), (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());
    assert_eq!(daemon.files("blobs/sha256"), Vec::<String>::new());
}

#[tokio::test]
async fn patches_are_kept_but_their_range_stands_still() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let begun = daemon.v2("POST", UPLOADS, &[], b"").await;
    assert_eq!((begun.status.as_u16(), begun.header("range")), (202, "0-0"));
    let location = begun.header("location").to_owned();
    let patch =
        async |range: &str, bytes: &[u8]| daemon.v2("PATCH", &location, &[("content-range", range)], bytes).await;

    let first = patch("0-3", b"0123").await;
    assert_eq!((first.status.as_u16(), first.header("range")), (201, "0-3"));
    let second = patch("4-5", b"45").await;
    assert_eq!((second.status.as_u16(), second.header("range")), (201, "0-3"));
    let status = daemon.get(&location).await;
    assert_eq!((status.status.as_u16(), status.header("range")), (204, "0-3"));
    // A client that trusts the range sends these bytes once more.
    let repeated = patch("4-5", b"45").await;
    assert_eq!(repeated.error(), (416, "BLOB_UPLOAD_INVALID".to_owned()));
    assert_eq!(repeated.message(), "First byte of the layer part is 4 instead of 6");
    assert_eq!(patch("six-", b"").await.status, 400);
    let digest = digest_of(b"0123456789");
    let put = daemon.v2("PUT", &format!("{location}?digest={digest}"), &[("content-range", "6-9")], b"6789").await;
    assert_eq!(put.status, 201);
    assert_eq!(daemon.get(&format!("/v2/app/blobs/{digest}")).await.body, "0123456789");
    assert_eq!(daemon.get(&location).await.error(), (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
}

#[tokio::test]
async fn an_upload_that_was_cut_off_is_over() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    for method in ["PATCH", "PUT"] {
        let begun = daemon.v2("POST", UPLOADS, &[], b"").await;
        let location = begun.header("location").to_owned();
        let digest = digest_of(b"0123456789");
        let path = if method == "PUT" { format!("{location}?digest={digest}") } else { location.clone() };
        let mut stream = TcpStream::connect(daemon.address).await.unwrap();
        let authorization = daemon.authorization();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {authorization}\r\ncontent-length: 10\r\n\r\n01234"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The daemon has taken the request in hand once it has no more to read; only then is it cut off.
        eventually("the first half is on disk", || {
            let files = daemon.files("uploads");
            let uploads = daemon.emulator.settings.state.join("registry/uploads");
            files.iter().any(|file| std::fs::metadata(uploads.join(file)).is_ok_and(|data| data.len() == 5))
        })
        .await;
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        drop(stream);
        eventually("the half is gone", || daemon.files("uploads").is_empty()).await;

        let retried = daemon.v2("PUT", &format!("{location}?digest={digest}"), &[], b"0123456789").await;
        assert_eq!(retried.error(), (416, "BLOB_UPLOAD_INVALID".to_owned()), "{method}");
        assert_eq!(retried.message(), "First byte of the layer part is 0 instead of 5");
        assert_eq!(daemon.v2("HEAD", &format!("/v2/app/blobs/{digest}"), &[], b"").await.status, 404);
    }
    daemon.push_blob("app", b"0123456789").await;
}

#[tokio::test]
async fn an_upload_is_its_repositorys_and_can_be_given_up() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    daemon.api("CreateRepository", json!({ "repositoryName": "other" })).await.unwrap();
    let begun = daemon.v2("POST", UPLOADS, &[], b"").await;
    let location = begun.header("location").to_owned();
    assert!(location.ends_with(begun.header("docker-upload-uuid")));
    let elsewhere = location.replace("/app/", "/other/");
    assert_eq!(daemon.v2("PATCH", &elsewhere, &[], b"x").await.error(), (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
    assert_eq!(daemon.v2("DELETE", &elsewhere, &[], b"").await.status, 404);
    assert_eq!(daemon.v2("DELETE", &location, &[], b"").await.status, 204);
    assert_eq!(daemon.v2("DELETE", &location, &[], b"").await.status, 404);
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());
}

#[tokio::test]
async fn a_mount_is_an_ordinary_upload_until_the_account_opts_in() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    daemon.api("CreateRepository", json!({ "repositoryName": "copy" })).await.unwrap();
    daemon.push_image("app", "v1", "shared").await;
    let loose = daemon.push_blob("app", b"no manifest names this").await;
    let layer = digest_of(b"shared");
    let mount = async |digest: &str, from: &str| {
        daemon.v2("POST", &format!("/v2/copy/blobs/uploads/?mount={digest}&from={from}"), &[], b"").await
    };
    let there = async |digest: &str| daemon.v2("HEAD", &format!("/v2/copy/blobs/{digest}"), &[], b"").await.status;

    assert_eq!(daemon.api("GetAccountSetting", json!({ "name": "BLOB_MOUNTING" })).await.unwrap()["value"], "DISABLED");
    let refused = mount(&layer, "app").await;
    assert_eq!(refused.status, 202);
    assert!(refused.header("location").starts_with("/v2/copy/blobs/uploads/"));
    assert_eq!(there(&layer).await, 404);

    let enable = json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" });
    assert_eq!(daemon.api("PutAccountSetting", enable.clone()).await.unwrap(), enable);
    assert_eq!(mount(&loose, "app").await.status, 202);
    assert_eq!(mount(&layer, "nowhere").await.status, 202);
    assert_eq!(mount(&digest_of(b"?"), "app").await.status, 202);
    assert_eq!(mount(&layer, "app").await.status, 201);
    assert_eq!(there(&layer).await, 200);
    for (name, value) in [("BLOB_MOUNTING", "ON"), ("OTHER", "ENABLED")] {
        let input = json!({ "name": name, "value": value });
        assert_eq!(daemon.api_error("PutAccountSetting", input).await, "InvalidParameterException");
    }
}

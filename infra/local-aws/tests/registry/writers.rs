//! Many at once.

use std::sync::Arc;

use serde_json::json;

use crate::client::{Daemon, Folder, IMAGE, digest_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_of_one_tag_one_wins_and_the_tag_is_never_torn() {
    let folder = Folder::new();
    let daemon = Arc::new(Daemon::with_app(&folder).await);
    let mut images = Vec::new();
    for n in 0..8 {
        images.push(daemon.image("app", &n.to_string()).await);
    }
    let readers = (0..4).map(|_| {
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            for _ in 0..40 {
                let got = daemon.get("/v2/app/manifests/latest").await;
                if got.status == 200 {
                    assert_eq!(got.header("docker-content-digest"), digest_of(&got.body));
                }
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let writers = images.iter().cloned().map(|image| {
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            for _ in 0..10 {
                assert_eq!(daemon.put_manifest("app", "latest", IMAGE, &image).await.status, 201);
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for task in readers.into_iter().chain(writers) {
        task.await.unwrap();
    }
    let last = daemon.get("/v2/app/manifests/latest").await;
    assert!(images.iter().any(|image| *image == last.body));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_writer_of_an_immutable_tag_wins() {
    let folder = Folder::new();
    let daemon = Arc::new(Daemon::with_app(&folder).await);
    let immutable = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    daemon.api("PutImageTagMutability", immutable).await.unwrap();
    let mut images = Vec::new();
    for n in 0..8 {
        images.push(daemon.image("app", &n.to_string()).await);
    }
    let writers = images.into_iter().map(|image| {
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move { daemon.put_manifest("app", "v1", IMAGE, &image).await.status.as_u16() })
    });
    let writers: Vec<_> = writers.collect();
    let mut statuses = Vec::new();
    for writer in writers {
        statuses.push(writer.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400, 400, 400, 400, 400, 400, 400]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_blob_from_many_pushers_at_once() {
    let folder = Folder::new();
    let daemon = Arc::new(Daemon::with_app(&folder).await);
    let content = Arc::new(b"abcdefgh".repeat(300_000));
    let pushers = (0..6).map(|_| {
        let (daemon, content) = (Arc::clone(&daemon), Arc::clone(&content));
        tokio::spawn(async move { daemon.push_blob("app", &content).await })
    });
    let pushers: Vec<_> = pushers.collect();
    for pusher in pushers {
        assert_eq!(pusher.await.unwrap(), digest_of(&content));
    }
    let got = daemon.get(&format!("/v2/app/blobs/{}", digest_of(&content))).await;
    assert_eq!(got.body, *content);
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());
    assert_eq!(daemon.files("blobs/sha256").len(), 1);
}

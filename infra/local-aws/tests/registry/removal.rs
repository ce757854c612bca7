//! Images taken away, and what is left on disk then and after a restart.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::client::{Daemon, Folder, IMAGE, digest_of};

#[tokio::test]
async fn blobs_go_with_the_last_image_that_names_them() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    daemon.api("CreateRepository", json!({ "repositoryName": "other" })).await.unwrap();
    let image = daemon.push_image("app", "v1", "layer").await;
    let document = daemon.get("/v2/app/manifests/v1").await.body;
    let document = String::from_utf8(document.to_vec()).unwrap();
    assert_eq!(daemon.put_manifest("app", "v2", IMAGE, &document).await.status, 201);
    daemon.push_image("other", "v1", "layer").await;
    let layer = digest_of(b"layer");
    let delete = async |path: &str| daemon.v2("DELETE", path, &[], b"").await.status;

    // By tag: the tag goes, the image stays for the other one.
    assert_eq!(delete("/v2/app/manifests/v1").await, 202);
    assert_eq!(daemon.get("/v2/app/manifests/v1").await.status, 404);
    assert_eq!(daemon.get(&format!("/v2/app/manifests/{image}")).await.status, 200);
    // With its last tag the image goes, but the other repository still has the bytes.
    assert_eq!(delete("/v2/app/manifests/v2").await, 202);
    assert_eq!(daemon.get(&format!("/v2/app/manifests/{image}")).await.status, 404);
    assert_eq!(daemon.get(&format!("/v2/app/blobs/{layer}")).await.status, 404);
    assert_eq!(daemon.get(&format!("/v2/other/blobs/{layer}")).await.status, 200);
    // By digest: all tags go, and now so do the bytes.
    assert_eq!(delete(&format!("/v2/other/manifests/{image}")).await, 202);
    assert_eq!(delete(&format!("/v2/other/manifests/{image}")).await, 404);
    assert_eq!(daemon.files("blobs/sha256"), Vec::<String>::new());
    assert_eq!(daemon.files("removed"), Vec::<String>::new());
}

#[tokio::test]
async fn a_layer_that_another_image_of_the_repository_names_stays() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let (config, layer) = (daemon.push_blob("app", b"{}").await, daemon.push_blob("app", b"shared").await);
    let mut digests = Vec::new();
    for note in ["1", "2"] {
        let mut document: serde_json::Value = serde_json::from_str(&crate::client::manifest("{}", "shared")).unwrap();
        document["annotations"] = json!({ "note": note });
        let document = document.to_string();
        assert_eq!(daemon.put_manifest("app", note, IMAGE, &document).await.status, 201);
        digests.push(digest_of(document.as_bytes()));
    }
    daemon.v2("DELETE", &format!("/v2/app/manifests/{}", digests[0]), &[], b"").await;
    assert!(daemon.has_file(&config) && daemon.has_file(&layer) && !daemon.has_file(&digests[0]));
    daemon.api("DeleteRepository", json!({ "repositoryName": "app", "force": true })).await.unwrap();
    assert_eq!(daemon.files("blobs/sha256"), Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_keeps_images_and_clears_what_nobody_can_use() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let image = daemon.push_image("app", "v1", "layer").await;
    let fresh = daemon.push_blob("app", b"pushed for a manifest that is still to come").await;
    let old = daemon.push_blob("app", b"pushed for a manifest that never came").await;
    let lost = daemon.push_image("app", "lost", "lost").await;
    daemon.v2("POST", "/v2/app/blobs/uploads/", &[], b"").await;
    let registry = daemon.emulator.settings.state.join("registry");
    let blob = |digest: &str| registry.join("blobs/sha256").join(&digest["sha256:".len()..]);
    let stray = digest_of(b"stray");
    std::fs::write(blob(&stray), "of a repository that was deleted while the daemon was killed").unwrap();
    std::fs::write(registry.join("uploads/half"), "of an upload that was under way").unwrap();
    std::fs::remove_file(blob(&lost)).unwrap();
    let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    std::fs::File::options().write(true).open(blob(&old)).unwrap().set_modified(yesterday).unwrap();
    std::fs::File::options().write(true).open(blob(&image)).unwrap().set_modified(yesterday).unwrap();
    daemon.emulator.store.durable().await.unwrap();
    drop(daemon);

    let daemon = Daemon::start(&folder).await;
    assert_eq!(daemon.get("/v2/app/manifests/v1").await.status, 200);
    assert_eq!(daemon.get(&format!("/v2/app/blobs/{}", digest_of(b"layer"))).await.body, "layer");
    assert_eq!(daemon.get("/v2/app/manifests/lost").await.status, 404);
    assert_eq!(daemon.get("/v2/app/tags/list").await.json()["tags"], json!(["v1"]));
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());
    assert!(daemon.has_file(&fresh));
    assert!(!daemon.has_file(&old) && !daemon.has_file(&stray));
    let head = async |digest: &str| daemon.v2("HEAD", &format!("/v2/app/blobs/{digest}"), &[], b"").await.status;
    assert_eq!((head(&fresh).await.as_u16(), head(&old).await.as_u16()), (200, 404));
}

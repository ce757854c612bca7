//! Manifests in and out, tags that move and tags that do not, referrers.

use local_aws::registry::images::{self, Platform};
use serde_json::{Value, json};

use crate::client::{Daemon, Folder, IMAGE, INDEX, descriptor, digest_of, manifest};

#[tokio::test]
async fn an_image_comes_out_as_it_went_in() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let document = daemon.image("app", "layer").await;
    let digest = digest_of(document.as_bytes());
    let put = daemon.put_manifest("app", "v1", IMAGE, &document).await;
    assert_eq!((put.status.as_u16(), put.header("docker-content-digest")), (201, &*digest));
    for reference in ["v1", &digest] {
        let path = format!("/v2/app/manifests/{reference}");
        let got = daemon.get(&path).await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, IMAGE));
        assert_eq!(got.body, document);
        let head = daemon.v2("HEAD", &path, &[], b"").await;
        assert_eq!(head.header("content-length"), document.len().to_string());
        assert_eq!(head.header("docker-content-digest"), digest);
    }
    assert_eq!(daemon.get("/v2/app/manifests/v2").await.error(), (404, "MANIFEST_UNKNOWN".to_owned()));
    assert_eq!(daemon.get("/v2/app/manifests/.v2").await.error(), (400, "TAG_INVALID".to_owned()));

    let resolved = images::resolve(&daemon.emulator, "app", "v1").unwrap();
    let platform = Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None };
    assert_eq!((resolved.digest, resolved.platforms), (digest, vec![platform]));
    assert_eq!(images::resolve(&daemon.emulator, "app", "v2"), None);
    assert_eq!(images::resolve(&daemon.emulator, "other", "v1"), None);
}

#[tokio::test]
async fn an_index_needs_its_images_and_an_image_its_blobs() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let orphan = manifest("{}", "never pushed");
    let refused = daemon.put_manifest("app", "v1", IMAGE, &orphan).await;
    assert_eq!(refused.error(), (404, "BLOB_UPLOAD_UNKNOWN".to_owned()));
    let expected = format!("Layers with digests '[{}, {}]' required", digest_of(b"{}"), digest_of(b"never pushed"));
    assert!(refused.message().starts_with(&expected), "{}", refused.message());

    let image = daemon.image("app", "layer").await;
    let mut child = descriptor(IMAGE, image.as_bytes());
    child["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] }).to_string();
    let refused = daemon.put_manifest("app", "v1", INDEX, &index).await;
    assert_eq!(refused.error(), (404, "MANIFEST_BLOB_UNKNOWN".to_owned()));
    assert!(refused.message().starts_with("Images with digests"), "{}", refused.message());

    let digest = digest_of(image.as_bytes());
    assert_eq!(daemon.put_manifest("app", &digest, IMAGE, &image).await.status, 201);
    assert_eq!(daemon.put_manifest("app", "v1", INDEX, &index).await.status, 201);
    assert_eq!(images::resolve(&daemon.emulator, "app", "v1").unwrap().platforms[0].architecture, "arm64");
    let refused = daemon.v2("DELETE", &format!("/v2/app/manifests/{digest}"), &[], b"").await;
    assert_eq!(refused.error(), (403, "DENIED".to_owned()));
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let document = daemon.image("app", "layer").await;
    let invalid = (400, "MANIFEST_INVALID".to_owned());
    for (media_type, bytes) in [
        (INDEX, &*document),
        ("application/json", "{}"),
        (IMAGE, "{"),
        (IMAGE, "null"),
        (IMAGE, "{\"schemaVersion\":1}"),
        ("", &*document.replace(IMAGE, "application/vnd.docker.distribution.manifest.v1+json")),
    ] {
        assert_eq!(daemon.put_manifest("app", "v1", media_type, bytes).await.error(), invalid, "{media_type} {bytes}");
    }
    let other = digest_of(b"other");
    let mismatch = daemon.put_manifest("app", &other, IMAGE, &document).await;
    assert_eq!(mismatch.error(), invalid);
    assert!(mismatch.message().contains("does not match the image digest that Amazon ECR has calculated"));
    let large = format!("{document}{}", " ".repeat(4 * 1024 * 1024));
    assert_eq!(daemon.put_manifest("app", "v1", IMAGE, &large).await.error(), (413, "SIZE_INVALID".to_owned()));
    assert_eq!(daemon.get("/v2/app/manifests/v1").await.status, 404);
    assert_eq!(daemon.files("uploads"), Vec::<String>::new());
}

#[tokio::test]
async fn an_immutable_tag_stays_even_for_the_same_image() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let (first, second) = (daemon.image("app", "1").await, daemon.image("app", "2").await);
    let put = async |tag: &str, document: &str| daemon.put_manifest("app", tag, IMAGE, document).await;
    assert_eq!(put("in-1", &first).await.status, 201);
    assert_eq!(put("in-1", &second).await.status, 201);
    assert_eq!(put("in-1", &first).await.status, 201);
    daemon
        .api(
            "PutImageTagMutability",
            json!({
                "repositoryName": "app",
                "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "loc*" }],
            }),
        )
        .await
        .unwrap();
    for document in [&first, &second] {
        let refused = put("in-1", document).await;
        assert_eq!(refused.error(), (400, "TAG_INVALID".to_owned()));
        assert_eq!(
            refused.message(),
            "The image tag 'in-1' already exists in the 'app' repository and cannot be overwritten because the tag is \
             immutable."
        );
        assert_eq!(put("local", document).await.status, 201);
        // By digest nothing moves.
        assert_eq!(put(&digest_of(document.as_bytes()), document).await.status, 201);
    }
    assert_eq!(daemon.get("/v2/app/manifests/in-1").await.body, first);
    assert_eq!(daemon.get("/v2/app/manifests/local").await.body, second);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let list = async |query: &str| daemon.get(&format!("/v2/app/tags/list{query}")).await;
    assert_eq!(list("").await.json(), json!({ "name": "app", "tags": [] }));
    let document = daemon.image("app", "layer").await;
    for tag in ["c", "a", "b"] {
        assert_eq!(daemon.put_manifest("app", tag, IMAGE, &document).await.status, 201);
    }
    assert_eq!(list("").await.json()["tags"], json!(["a", "b", "c"]));
    let first = list("?n=2").await;
    assert_eq!(first.json()["tags"], json!(["a", "b"]));
    assert_eq!(first.header("link"), "</v2/app/tags/list?last=b&n=2>; rel=\"next\"");
    let last = list("?last=b&n=2").await;
    assert_eq!(last.json()["tags"], json!(["c"]));
    assert!(last.headers.get("link").is_none());
    assert_eq!(list("?n=0").await.json()["tags"], json!([]));
    assert_eq!(list("?n=many").await.error(), (400, "PAGINATION_NUMBER_INVALID".to_owned()));
}

#[tokio::test]
async fn referrers_are_found_by_what_they_are_about() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let image = daemon.push_image("app", "v1", "layer").await;
    let empty = daemon.push_blob("app", b"{}").await;
    let referrer = |artifact_type: &str| {
        json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "artifactType": artifact_type,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2 },
            "layers": [],
            "subject": { "mediaType": IMAGE, "digest": image, "size": 1 },
            "annotations": { "about": artifact_type },
        })
        .to_string()
    };
    for artifact_type in ["application/x-sbom", "application/x-provenance"] {
        let document = referrer(artifact_type);
        let put = daemon.put_manifest("app", &digest_of(document.as_bytes()), IMAGE, &document).await;
        assert_eq!((put.status.as_u16(), put.header("oci-subject")), (201, &*image));
    }
    let all = daemon.get(&format!("/v2/app/referrers/{image}")).await;
    assert_eq!(all.header("content-type"), INDEX);
    assert_eq!(all.json()["manifests"].as_array().map(Vec::len), Some(2));
    let one = daemon.get(&format!("/v2/app/referrers/{image}?artifactType=application/x-sbom")).await;
    assert_eq!(one.header("oci-filters-applied"), "artifactType");
    let document = referrer("application/x-sbom");
    let mut expected = descriptor(IMAGE, document.as_bytes());
    expected["artifactType"] = "application/x-sbom".into();
    expected["annotations"] = json!({ "about": "application/x-sbom" });
    assert_eq!(one.json()["manifests"], Value::from(vec![expected]));
    let none = daemon.get(&format!("/v2/app/referrers/{}", digest_of(b"?"))).await;
    assert_eq!((none.status.as_u16(), &none.json()["manifests"]), (200, &json!([])));
}

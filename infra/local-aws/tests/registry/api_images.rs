//! Images through ECR's API.

use serde_json::{Value, json};

use crate::client::{Daemon, Folder, IMAGE, INDEX, digest_of};

fn with_ids(ids: &Value) -> Value {
    json!({ "repositoryName": "app", "imageIds": ids })
}

#[tokio::test]
async fn an_image_by_the_api() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let document = daemon.image("app", "layer").await;
    let digest = digest_of(document.as_bytes());
    let put = |tag: &str| json!({ "repositoryName": "app", "imageManifest": document, "imageTag": tag });
    let image = json!({
        "registryId": "123456789012",
        "repositoryName": "app",
        "imageId": { "imageDigest": digest, "imageTag": "v1" },
        "imageManifest": document,
        "imageManifestMediaType": IMAGE,
    });
    assert_eq!(daemon.api("PutImage", put("v1")).await.unwrap(), json!({ "image": image }));
    assert_eq!(daemon.api_error("PutImage", put("v1")).await, "ImageAlreadyExistsException");
    daemon.api("PutImage", put("v2")).await.unwrap();
    let got = daemon.api("BatchGetImage", with_ids(&json!([{ "imageTag": "v1" }]))).await.unwrap();
    assert_eq!(got, json!({ "images": [image], "failures": [] }));

    let other = daemon.image("app", "other").await;
    let immutable = json!({ "repositoryName": "app", "imageTagMutability": "IMMUTABLE" });
    daemon.api("PutImageTagMutability", immutable).await.unwrap();
    let missing = crate::client::manifest("{}", "never pushed");
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{ "digest": digest_of(b"?"), "size": 1 }],
    });
    for (input, code) in [
        (json!({ "imageManifest": other, "imageTag": "v1" }), "ImageTagAlreadyExistsException"),
        (json!({ "imageManifest": document }), "ImageAlreadyExistsException"),
        (json!({ "imageManifest": other, "imageDigest": digest }), "ImageDigestDoesNotMatchException"),
        (json!({ "imageManifest": missing, "imageTag": "v3" }), "LayersNotFoundException"),
        (json!({ "imageManifest": index.to_string() }), "ReferencedImagesNotFoundException"),
        (json!({ "imageManifest": "{" }), "InvalidParameterException"),
        (json!({ "imageManifest": other.replace("mediaType", "type") }), "InvalidParameterException"),
        (json!({ "imageManifest": other, "imageTag": "a b" }), "InvalidParameterException"),
        (json!({}), "InvalidParameterException"),
    ] {
        let mut input = input;
        input["repositoryName"] = "app".into();
        assert_eq!(daemon.api_error("PutImage", input.clone()).await, code, "{input}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_a_failure_in_the_answer() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let digest = daemon.push_image("app", "v1", "layer").await;
    let ids = json!([
        { "imageTag": "v2" },
        { "imageDigest": "sha256:1" },
        {},
        { "imageDigest": digest_of(b"?"), "imageTag": "v1" },
        { "imageDigest": digest },
    ]);
    let codes = ["ImageNotFound", "InvalidImageDigest", "MissingDigestAndTag", "ImageTagDoesNotMatchDigest"];
    for action in ["BatchGetImage", "BatchDeleteImage"] {
        let answer = daemon.api(action, with_ids(&ids)).await.unwrap();
        let failures = answer["failures"].as_array().unwrap();
        assert_eq!(failures.iter().map(|failure| &failure["failureCode"]).collect::<Vec<_>>(), codes, "{action}");
        for (failure, id) in failures.iter().zip(ids.as_array().unwrap()) {
            assert_eq!(failure["imageId"], *id);
        }
    }
    assert_eq!(daemon.api_error("BatchGetImage", with_ids(&json!([]))).await, "InvalidParameterException");

    let picky = json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v9" }], "acceptedMediaTypes": [INDEX] });
    assert_eq!(daemon.api("BatchGetImage", picky).await.unwrap()["images"], json!([]));
    daemon.push_image("app", "v9", "layer").await;
    for (accepted, images) in [(INDEX, 0), (IMAGE, 1)] {
        let input =
            json!({ "repositoryName": "app", "imageIds": [{ "imageTag": "v9" }], "acceptedMediaTypes": [accepted] });
        let answer = daemon.api("BatchGetImage", input).await.unwrap();
        assert_eq!(answer["images"].as_array().map(Vec::len), Some(images), "{accepted}");
    }
}

#[tokio::test]
async fn images_are_described_and_listed() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let first = daemon.push_image("app", "v1", "first").await;
    let second = daemon.push_image("app", "v1", "second").await;
    let document = daemon.get("/v2/app/manifests/v1").await;
    daemon.v2("PUT", "/v2/app/manifests/v2", &[("content-type", IMAGE)], &document.body).await;

    let describe = async |input: Value| {
        let mut input = input;
        input["repositoryName"] = "app".into();
        daemon.api("DescribeImages", input).await
    };
    let all = describe(json!({})).await.unwrap();
    assert_eq!(all["imageDetails"].as_array().map(Vec::len), Some(2));
    let tagged = describe(json!({ "filter": { "tagStatus": "TAGGED" } })).await.unwrap();
    let detail = &tagged["imageDetails"][0];
    assert_eq!((&detail["imageDigest"], &detail["imageTags"]), (&json!(second), &json!(["v1", "v2"])));
    assert_eq!(detail["imageManifestMediaType"], IMAGE);
    assert_eq!(detail["artifactMediaType"], "application/vnd.oci.image.config.v1+json");
    assert!(detail["imagePushedAt"].as_f64().unwrap() > 1_700_000_000.0);
    assert!(detail["lastRecordedPullTime"].as_f64().unwrap() > 1_700_000_000.0);
    let untagged = describe(json!({ "filter": { "tagStatus": "UNTAGGED" } })).await.unwrap();
    assert_eq!(untagged["imageDetails"][0]["imageDigest"], json!(first));
    assert_eq!(untagged["imageDetails"][0].get("imageTags"), None);
    let both = describe(json!({ "imageIds": [{ "imageTag": "v1" }, { "imageDigest": second }] })).await.unwrap();
    assert_eq!(both["imageDetails"].as_array().map(Vec::len), Some(1));
    let (code, message) =
        describe(json!({ "imageIds": [{ "imageTag": "v1" }, { "imageTag": "x" }] })).await.unwrap_err();
    assert_eq!(code, "ImageNotFoundException");
    assert!(message.starts_with("The image with imageId {imageDigest:'null', imageTag:'x'} does not exist"));
    let wrong = describe(json!({ "filter": { "tagStatus": "SOME" } })).await.unwrap_err();
    assert_eq!(wrong.0, "InvalidParameterException");

    let page = describe(json!({ "maxResults": 1 })).await.unwrap();
    let rest = describe(json!({ "maxResults": 1, "nextToken": page["nextToken"] })).await.unwrap();
    assert_ne!(page["imageDetails"][0]["imageDigest"], rest["imageDetails"][0]["imageDigest"]);
    assert_eq!(rest.get("nextToken"), None);

    let listed = daemon.api("ListImages", json!({ "repositoryName": "app" })).await.unwrap();
    let ids = listed["imageIds"].as_array().unwrap();
    assert_eq!(ids.len(), 3);
    for id in [
        json!({ "imageDigest": first }),
        json!({ "imageDigest": second, "imageTag": "v1" }),
        json!({ "imageDigest": second, "imageTag": "v2" }),
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    let untagged = json!({ "repositoryName": "app", "filter": { "tagStatus": "UNTAGGED" } });
    let untagged = daemon.api("ListImages", untagged).await.unwrap();
    assert_eq!(untagged["imageIds"], json!([{ "imageDigest": first }]));
}

#[tokio::test]
async fn images_are_deleted_by_tag_and_by_digest() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let digest = daemon.push_image("app", "v1", "layer").await;
    daemon.push_image("app", "v2", "layer").await;
    let by_tag = daemon.api("BatchDeleteImage", with_ids(&json!([{ "imageTag": "v1" }]))).await.unwrap();
    assert_eq!(by_tag["imageIds"], json!([{ "imageDigest": digest, "imageTag": "v1" }]));
    assert!(daemon.has_file(&digest));
    daemon.push_image("app", "v3", "layer").await;
    let by_digest = daemon.api("BatchDeleteImage", with_ids(&json!([{ "imageDigest": digest }]))).await.unwrap();
    let gone = json!([
        { "imageDigest": digest, "imageTag": "v2" },
        { "imageDigest": digest, "imageTag": "v3" },
    ]);
    assert_eq!(by_digest, json!({ "imageIds": gone, "failures": [] }));
    assert_eq!(daemon.files("blobs/sha256"), Vec::<String>::new());
}

#[tokio::test]
async fn layers_by_the_api() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let here = daemon.push_blob("app", b"layer").await;
    let gone = digest_of(b"?");
    let input = json!({ "repositoryName": "app", "layerDigests": [here, gone, "sha256:1", ""] });
    let answer = daemon.api("BatchCheckLayerAvailability", input).await.unwrap();
    assert_eq!(
        answer["layers"],
        json!([
            { "layerDigest": here, "layerAvailability": "AVAILABLE", "layerSize": 5 },
            { "layerDigest": gone, "layerAvailability": "UNAVAILABLE" },
        ])
    );
    let codes: Vec<&Value> =
        answer["failures"].as_array().unwrap().iter().map(|failure| &failure["failureCode"]).collect();
    assert_eq!(codes, ["InvalidLayerDigest", "MissingLayerDigest"]);

    let url = json!({ "repositoryName": "app", "layerDigest": here });
    let url = daemon.api("GetDownloadUrlForLayer", url).await.unwrap();
    let address = url["downloadUrl"].as_str().unwrap();
    assert!(address.starts_with("http://AWS:"), "{address}");
    assert!(address.ends_with(&format!("@{}/v2/app/blobs/{here}", daemon.address)), "{address}");
    let missing = json!({ "repositoryName": "app", "layerDigest": gone });
    assert_eq!(daemon.api_error("GetDownloadUrlForLayer", missing).await, "LayersNotFoundException");
}

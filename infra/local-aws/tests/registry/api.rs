//! Repositories through ECR's API.

use serde_json::{Value, json};

use crate::client::{Daemon, Folder};

fn named(name: &str) -> Value {
    json!({ "repositoryName": name })
}

#[tokio::test]
async fn a_repository_is_made_described_and_deleted() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder).await;
    let created = daemon
        .api(
            "CreateRepository",
            json!({
                "repositoryName": "team/app",
                "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
                "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "local" }],
                "imageScanningConfiguration": { "scanOnPush": true },
                "encryptionConfiguration": { "encryptionType": "AES256" },
                "tags": [{ "Key": "a", "Value": "b" }],
            }),
        )
        .await
        .unwrap();
    let mut repository = created["repository"].clone();
    assert!(repository["createdAt"].as_f64().unwrap() > 1_700_000_000.0);
    repository.as_object_mut().unwrap().remove("createdAt");
    let arn = "arn:aws:ecr:eu-central-1:123456789012:repository/team/app";
    assert_eq!(
        repository,
        json!({
            "repositoryArn": arn,
            "registryId": "123456789012",
            "repositoryName": "team/app",
            "repositoryUri": format!("{}/team/app", daemon.address),
            "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": [{ "filterType": "WILDCARD", "filter": "local" }],
            "imageScanningConfiguration": { "scanOnPush": true },
            "encryptionConfiguration": { "encryptionType": "AES256" },
        })
    );
    let described = daemon.api("DescribeRepositories", json!({ "repositoryNames": ["team/app"] })).await.unwrap();
    assert_eq!(described["repositories"][0], created["repository"]);
    assert_eq!(daemon.api_error("CreateRepository", named("team/app")).await, "RepositoryAlreadyExistsException");

    let tags = async || daemon.api("ListTagsForResource", json!({ "resourceArn": arn })).await.unwrap()["tags"].clone();
    assert_eq!(tags().await, json!([{ "Key": "a", "Value": "b" }]));
    let more = json!({ "resourceArn": arn, "tags": [{ "Key": "a", "Value": "c" }, { "Key": "d", "Value": "" }] });
    daemon.api("TagResource", more).await.unwrap();
    daemon.api("UntagResource", json!({ "resourceArn": arn, "tagKeys": ["d"] })).await.unwrap();
    assert_eq!(tags().await, json!([{ "Key": "a", "Value": "c" }]));
    let elsewhere = json!({ "resourceArn": format!("{arn}2") });
    assert_eq!(daemon.api_error("ListTagsForResource", elsewhere).await, "RepositoryNotFoundException");
    let wrong = json!({ "resourceArn": "arn:aws:ecs:x:y:cluster/z" });
    assert_eq!(daemon.api_error("ListTagsForResource", wrong).await, "InvalidParameterException");

    daemon.push_image("team/app", "v1", "layer").await;
    assert_eq!(daemon.api_error("DeleteRepository", named("team/app")).await, "RepositoryNotEmptyException");
    let deleted = daemon.api("DeleteRepository", json!({ "repositoryName": "team/app", "force": true })).await.unwrap();
    assert_eq!(deleted["repository"]["repositoryName"], "team/app");
    let (code, message) = daemon.api("DeleteRepository", named("team/app")).await.unwrap_err();
    assert_eq!(code, "RepositoryNotFoundException");
    assert_eq!(message, "The repository with name 'team/app' does not exist in the registry with id '123456789012'");
}

#[tokio::test]
async fn what_aws_would_not_take() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    for (action, input, code) in [
        ("CreateRepository", json!({}), "InvalidParameterException"),
        ("CreateRepository", named("App"), "InvalidParameterException"),
        ("CreateRepository", named("a"), "InvalidParameterException"),
        ("CreateRepository", json!({ "repositoryName": 1 }), "SerializationException"),
        ("CreateRepository", json!({ "repositoryName": "new", "colour": "red" }), "SerializationException"),
        (
            "CreateRepository",
            json!({ "repositoryName": "new", "imageTagMutability": "SOME" }),
            "InvalidParameterException",
        ),
        (
            "CreateRepository",
            json!({ "repositoryName": "new", "encryptionConfiguration": { "encryptionType": "KMS" } }),
            "UnsupportedFeatureException",
        ),
        (
            "CreateRepository",
            json!({ "repositoryName": "new", "tags": [{ "Key": "aws:x", "Value": "" }] }),
            "InvalidTagParameterException",
        ),
        (
            "PutImageTagMutability",
            json!({ "repositoryName": "app", "imageTagMutability": "MUTABLE_WITH_EXCLUSION" }),
            "InvalidParameterException",
        ),
        ("PutImageTagMutability", named("app"), "InvalidParameterException"),
        (
            "PutImageTagMutability",
            json!({ "repositoryName": "other", "imageTagMutability": "MUTABLE" }),
            "RepositoryNotFoundException",
        ),
        (
            "DescribeRepositories",
            json!({ "repositoryNames": ["app"], "registryId": "999999999999" }),
            "RepositoryNotFoundException",
        ),
        ("DescribeRepositories", json!({ "repositoryNames": [] }), "InvalidParameterException"),
        ("DescribeRepositories", json!({ "repositoryNames": ["app"], "maxResults": 1 }), "InvalidParameterException"),
        ("DescribeRepositories", json!({ "maxResults": 0 }), "InvalidParameterException"),
        ("DescribeRepositories", json!({ "nextToken": "?" }), "InvalidParameterException"),
        ("GetLifecyclePolicy", named("app"), "LifecyclePolicyNotFoundException"),
        ("DeleteLifecyclePolicy", named("other"), "RepositoryNotFoundException"),
        ("InitiateLayerUpload", named("app"), "UnsupportedFeatureException"),
        ("StartImageScan", named("app"), "UnsupportedFeatureException"),
        ("GetAuthorizationToken", json!({ "registryIds": ["999999999999"] }), "InvalidParameterException"),
        ("GetAccountSetting", json!({ "name": "OTHER" }), "InvalidParameterException"),
    ] {
        assert_eq!(daemon.api_error(action, input.clone()).await, code, "{action} {input}");
    }
    let described = daemon.api("DescribeRepositories", json!({})).await.unwrap();
    assert_eq!(described["repositories"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn repositories_come_in_pages() {
    let folder = Folder::new();
    let daemon = Daemon::start(&folder).await;
    for n in 0..5 {
        daemon.api("CreateRepository", named(&format!("app-{n}"))).await.unwrap();
    }
    let (mut names, mut token) = (Vec::new(), Value::Null);
    loop {
        let mut input = json!({ "maxResults": 2 });
        if !token.is_null() {
            input["nextToken"] = token;
        }
        let page = daemon.api("DescribeRepositories", input).await.unwrap();
        let repositories = page["repositories"].as_array().unwrap();
        assert!(!repositories.is_empty() && repositories.len() <= 2);
        names.extend(repositories.iter().map(|repository| repository["repositoryName"].clone()));
        token = page["nextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(names, ["app-0", "app-1", "app-2", "app-3", "app-4"]);
}

#[tokio::test]
async fn a_lifecycle_policy_is_kept_as_it_was_given() {
    let folder = Folder::new();
    let daemon = Daemon::with_app(&folder).await;
    let text = "{\"rules\":[{\"rulePriority\":1,\"description\":\"keep the last 30\",\"selection\":{\"tagStatus\":\"any\",\
                \"countType\":\"imageCountMoreThan\",\"countNumber\":30},\"action\":{\"type\":\"expire\"}}]}";
    let put = json!({ "repositoryName": "app", "lifecyclePolicyText": text });
    let expected = json!({ "registryId": "123456789012", "repositoryName": "app", "lifecyclePolicyText": text });
    assert_eq!(daemon.api("PutLifecyclePolicy", put).await.unwrap(), expected);
    assert_eq!(daemon.api("GetLifecyclePolicy", named("app")).await.unwrap(), expected);
    for bad in [text.replace("30}", "0}"), text.replace("any", "some"), format!("{text}}}"), "{}".to_owned()] {
        let input = json!({ "repositoryName": "app", "lifecyclePolicyText": bad });
        assert_eq!(daemon.api_error("PutLifecyclePolicy", input).await, "InvalidParameterException", "{bad}");
    }
    assert_eq!(daemon.api("DeleteLifecyclePolicy", named("app")).await.unwrap(), expected);
    assert_eq!(daemon.api_error("GetLifecyclePolicy", named("app")).await, "LifecyclePolicyNotFoundException");
}

//! ECR's API, one function per call: repositories, the images behind tags, and the token for the registry. The registry
//! itself, which stores the images, is in `registry`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::aws::{Api, Aws, Call, CredentialSource, operation};
use crate::image::{Digest, Tag};

/// Sends a document by an operation of the generated client and returns the complete response.
macro_rules! send {
    ($aws:expr, $document:ident, $call:expr, $input:expr, $operation:ident) => {
        $aws.$document($call, $input, |exchange| operation!(aws_sdk_ecr, $aws.ecr(), $operation, exchange))
    };
}

/// Client of ECR in one region.
#[derive(Clone, Debug)]
pub struct Ecr {
    aws: Aws,
}

/// A repository as described by ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `<project>/<image>`.
    pub name: String,
    /// Account id.
    pub account: String,
    /// Host of the registry. It differs between AWS's partitions, so it is taken from ECR only.
    pub host: String,
}

/// Response about several repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repositories {
    /// All requested repositories exist.
    Found(Vec<Repository>),
    /// At least one does not exist; the message of ECR.
    Missing(String),
}

/// User and password for the registry, in memory only. It does not implement `Debug`.
pub(super) struct Token {
    pub(super) user: String,
    pub(super) password: String,
    /// Endpoint, `https://<account>.dkr.ecr.<region>.<suffix>`.
    endpoint: String,
}

impl Ecr {
    /// Creates a client. Sends no request.
    ///
    /// # Errors
    /// The same as `Aws::connect`.
    pub fn new(region: &str, endpoint: Option<&str>, source: CredentialSource) -> anyhow::Result<Ecr> {
        Ok(Ecr::of(&Aws::connect(region, endpoint, source)?))
    }

    /// Returns a client that shares connections and counts with `aws`.
    pub fn of(aws: &Aws) -> Ecr {
        Ecr { aws: aws.clone() }
    }

    pub(super) fn runtime(&self) -> Arc<Runtime> {
        self.aws.runtime()
    }

    /// Calls `DescribeRepositories`.
    ///
    /// # Errors
    /// No credentials, no permission, no network; interrupted (130).
    pub fn repositories(&self, names: &[String]) -> anyhow::Result<Repositories> {
        let call = Call::new(Api::Ecr, "DescribeRepositories");
        let answer = match send!(self.aws, document, call, &json!({ "repositoryNames": names }), describe_repositories)
        {
            Ok(answer) => answer,
            Err(error) if error.is(&["RepositoryNotFoundException"]) => {
                let words = error.message().filter(|words| !words.is_empty()).unwrap_or("a repository does not exist");
                return Ok(Repositories::Missing(words.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        let found = list(&answer, "repositories").map(|repository| {
            let (host, name) = text(repository, "repositoryUri")?.split_once('/')?;
            let account = text(repository, "registryId")?.to_owned();
            Some(Repository { name: name.to_owned(), account, host: host.to_owned() })
        });
        let found: Option<Vec<_>> = found.collect();
        Ok(Repositories::Found(found.context("failed to read what ECR says of the repositories")?))
    }

    /// Calls `BatchGetImage` and returns the digest behind each existing tag.
    ///
    /// # Errors
    /// The same as `repositories`.
    pub fn digests_of_tags(&self, repository: &str, tags: &[Tag]) -> anyhow::Result<BTreeMap<Tag, Digest>> {
        let ids: Vec<_> = tags.iter().map(|tag| json!({ "imageTag": tag.to_string() })).collect();
        let input = json!({ "repositoryName": repository, "imageIds": ids });
        let answer = send!(self.aws, document, Call::new(Api::Ecr, "BatchGetImage"), &input, batch_get_image)?;
        let mut found = BTreeMap::new();
        for id in list(&answer, "images").filter_map(|image| image.get("imageId")) {
            if let (Some(tag), Some(digest)) = (text(id, "imageTag"), text(id, "imageDigest")) {
                let digest = digest.parse().with_context(|| format!("failed to read what ECR has as `{tag}`"))?;
                found.insert(tag.parse().context("failed to read a tag of ECR's")?, digest);
            }
        }
        Ok(found)
    }

    /// Calls `GetAuthorizationToken` and returns the account in the registry's host; `None` where the host has none,
    /// as with the emulator.
    ///
    /// # Errors
    /// The same as `repositories`.
    pub fn account(&self) -> anyhow::Result<Option<String>> {
        let token = self.aws.runtime().block_on(self.token())?;
        let host = token.endpoint.split("://").nth(1).unwrap_or_default();
        let first = host.split('.').next().unwrap_or_default();
        let is_account = first.len() == 12 && first.bytes().all(|byte| byte.is_ascii_digit());
        Ok(is_account.then(|| first.to_owned()))
    }

    /// Calls `GetAuthorizationToken`.
    pub(super) async fn token(&self) -> anyhow::Result<Token> {
        let call = Call::new(Api::Ecr, "GetAuthorizationToken");
        let answer = send!(self.aws, document_async, call, &json!({}), get_authorization_token).await?;
        let data = list(&answer, "authorizationData").next().context("ECR gave no token")?;
        // Errors are printed, so they must not contain any part of the token.
        let decoded = text(data, "authorizationToken").and_then(|token| STANDARD.decode(token).ok());
        let text_of_token =
            decoded.and_then(|bytes| String::from_utf8(bytes).ok()).context("ECR's token is not one")?;
        let (user, password) = text_of_token.split_once(':').context("ECR's token is not one")?;
        let endpoint = text(data, "proxyEndpoint").unwrap_or_default().to_owned();
        Ok(Token { user: user.to_owned(), password: password.to_owned(), endpoint })
    }
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name).and_then(Value::as_str)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

//! ECR's API: which repositories there are and whose, which image a tag names, and the token that the registry takes. One
//! function a call. Not here: the registry itself (`registry`), which takes the images.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::aws::{Api, Aws, Call, Caller};
use crate::image::{Digest, Tag};

/// ECR in one region, as one caller sees it.
#[derive(Clone, Debug)]
pub struct Ecr {
    aws: Aws,
}

/// A repository as ECR describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `<project>/<image>`.
    pub name: String,
    /// The account that it is in.
    pub account: String,
    /// Host of the registry. It differs between AWS's partitions, so it is never put together here.
    pub host: String,
}

/// What ECR said of repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repositories {
    /// All that were asked for are there.
    Found(Vec<Repository>),
    /// At least one is not, in ECR's words.
    Missing(String),
}

/// What the registry takes as a password, in memory only. It does not print.
pub(super) struct Token {
    pub(super) user: String,
    pub(super) password: String,
    /// `https://<account>.dkr.ecr.<region>.<suffix>`.
    endpoint: String,
}

impl Ecr {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// As `Aws::connect`.
    pub fn new(region: &str, endpoint: Option<&str>, caller: Caller) -> anyhow::Result<Ecr> {
        Ok(Ecr::of(&Aws::connect(region, endpoint, caller)?))
    }

    /// The one that belongs to other services' calls.
    pub fn of(aws: &Aws) -> Ecr {
        Ecr { aws: aws.clone() }
    }

    pub(super) fn runtime(&self) -> Arc<Runtime> {
        self.aws.runtime()
    }

    /// `DescribeRepositories`.
    ///
    /// # Errors
    /// No credentials, no permission, no network; interrupted (130).
    pub fn repositories(&self, names: &[String]) -> anyhow::Result<Repositories> {
        let call = Call::new(Api::Ecr, "DescribeRepositories");
        let answer = match self.aws.call_json(call, &json!({ "repositoryNames": names })) {
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

    /// `BatchGetImage`: the digest behind each tag that there is.
    ///
    /// # Errors
    /// As above.
    pub fn look(&self, repository: &str, tags: &[Tag]) -> anyhow::Result<BTreeMap<Tag, Digest>> {
        let ids: Vec<_> = tags.iter().map(|tag| json!({ "imageTag": tag.to_string() })).collect();
        let input = json!({ "repositoryName": repository, "imageIds": ids });
        let answer = self.aws.call_json(Call::new(Api::Ecr, "BatchGetImage"), &input)?;
        let mut found = BTreeMap::new();
        for id in list(&answer, "images").filter_map(|image| image.get("imageId")) {
            if let (Some(tag), Some(digest)) = (text(id, "imageTag"), text(id, "imageDigest")) {
                let digest = digest.parse().with_context(|| format!("failed to read what ECR has as `{tag}`"))?;
                found.insert(tag.parse().context("failed to read a tag of ECR's")?, digest);
            }
        }
        Ok(found)
    }

    /// `GetAuthorizationToken`, for the account that its registry's host names; `None` where the host names none, as
    /// that of a stand-in.
    ///
    /// # Errors
    /// As above.
    pub fn account(&self) -> anyhow::Result<Option<String>> {
        let token = self.aws.runtime().block_on(self.token())?;
        let host = token.endpoint.split("://").nth(1).unwrap_or_default();
        let first = host.split('.').next().unwrap_or_default();
        let is_account = first.len() == 12 && first.bytes().all(|byte| byte.is_ascii_digit());
        Ok(is_account.then(|| first.to_owned()))
    }

    /// `GetAuthorizationToken`.
    pub(super) async fn token(&self) -> anyhow::Result<Token> {
        let answer = self.aws.ask_json(Call::new(Api::Ecr, "GetAuthorizationToken"), &json!({})).await?;
        let data = list(&answer, "authorizationData").next().context("ECR gave no token")?;
        // No word of the token in an error: they are printed.
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

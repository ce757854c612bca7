//! ECR's API: which repositories there are and whose, which image a tag names, and the token that the registry takes. One
//! function a call. Not here: the registry itself (`registry`), which takes the images.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::types::ImageIdentifier;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Runtime;

use super::aws::{self, Caller};
use crate::error::Failure;
use crate::image::{Digest, Tag};

/// ECR in one region, as one caller sees it.
#[derive(Clone, Debug)]
pub struct Ecr {
    pub(super) runtime: Arc<Runtime>,
    client: Client,
    endpoint: Option<String>,
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
    /// The system's.
    pub fn new(region: &str, endpoint: Option<&str>, caller: Caller) -> anyhow::Result<Ecr> {
        let runtime = Arc::new(aws::runtime()?);
        let client = Client::new(&runtime.block_on(aws::configuration(region, endpoint, caller)));
        Ok(Ecr { runtime, client, endpoint: endpoint.map(str::to_owned) })
    }

    /// `DescribeRepositories`.
    ///
    /// # Errors
    /// No credentials, no permission, no network.
    pub fn repositories(&self, names: &[String]) -> anyhow::Result<Repositories> {
        let call = self.client.describe_repositories().set_repository_names(Some(names.to_vec()));
        let answer = match self.runtime.block_on(call.send()) {
            Ok(answer) => answer,
            Err(error) if error.code() == Some("RepositoryNotFoundException") => {
                return Ok(Repositories::Missing(error.message().unwrap_or("a repository does not exist").to_owned()));
            }
            Err(error) => return Err(self.failure("DescribeRepositories", error)),
        };
        let found = answer.repositories().iter().map(|repository| {
            let uri = repository.repository_uri()?;
            let (host, name) = uri.split_once('/')?;
            let account = repository.registry_id()?.to_owned();
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
        let ids = tags.iter().map(|tag| ImageIdentifier::builder().image_tag(tag.to_string()).build());
        let call = self.client.batch_get_image().repository_name(repository).set_image_ids(Some(ids.collect()));
        let answer = self.runtime.block_on(call.send()).map_err(|error| self.failure("BatchGetImage", error))?;
        let mut found = BTreeMap::new();
        for id in answer.images().iter().filter_map(|image| image.image_id()) {
            if let (Some(tag), Some(digest)) = (id.image_tag(), id.image_digest()) {
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
        let token = self.runtime.block_on(self.token())?;
        let host = token.endpoint.split("://").nth(1).unwrap_or_default();
        let first = host.split('.').next().unwrap_or_default();
        let is_account = first.len() == 12 && first.bytes().all(|byte| byte.is_ascii_digit());
        Ok(is_account.then(|| first.to_owned()))
    }

    /// `GetAuthorizationToken`.
    pub(super) async fn token(&self) -> anyhow::Result<Token> {
        let answer = self.client.get_authorization_token().send().await;
        let answer = answer.map_err(|error| self.failure("GetAuthorizationToken", error))?;
        let data = answer.authorization_data().first().context("ECR gave no token")?;
        // No word of the token in an error: they are printed.
        let decoded = data.authorization_token().and_then(|token| STANDARD.decode(token).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).context("ECR's token is not one")?;
        let (user, password) = text.split_once(':').context("ECR's token is not one")?;
        let endpoint = data.proxy_endpoint().unwrap_or_default().to_owned();
        Ok(Token { user: user.to_owned(), password: password.to_owned(), endpoint })
    }

    fn failure<E>(&self, call: &str, error: SdkError<E>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let place = self.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        match error {
            SdkError::ServiceError(refused) => {
                let refused = refused.into_err();
                let (code, message) =
                    (refused.code().unwrap_or("unknown error"), refused.message().unwrap_or_default());
                let failure = Failure::failed(format!("ECR{place} refused {call}: {code}: {message}"));
                match code {
                    "AccessDeniedException" => failure.hint(format!("the caller needs the permission `ecr:{call}`")),
                    "ExpiredTokenException" | "UnrecognizedClientException" | "InvalidSignatureException" => {
                        failure.hint("log in to AWS again; `aws sts get-caller-identity` shows who you are")
                    }
                    _ => failure,
                }
                .into()
            }
            error => {
                let words = DisplayErrorContext(&error).to_string();
                let failure = Failure::failed(format!("failed to reach ECR{place} for {call}: {}", brief(&words)));
                if words.contains("credentials") {
                    return failure.hint("set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY").into();
                }
                anyhow!(failure)
            }
        }
    }
}

/// The SDK's words without the debug form of the whole error that follows them.
fn brief(words: &str) -> &str {
    words.split(" (").next().unwrap_or(words)
}

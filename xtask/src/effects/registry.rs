//! Client of a registry (OCI distribution specification): resolves tags, uploads blobs, tags manifests. Its functions
//! block; requests (`http`), authentication (`auth`) and retries (`retry`) are internal.

mod auth;
mod body;
mod credentials;
mod http;
mod manifest;
mod retry;
mod upload;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use self::auth::{Auth, Source};
use self::http::Client;
use super::aws;
use super::ecr::Ecr;
use super::interrupt;
use crate::error::Failure;
use crate::image::{Digest, Tag};

pub use self::manifest::{Document, Put};
pub use self::upload::Blob;
pub use crate::report::transfer::{Event, How, Sent};

/// Interval at which a wait checks for an interrupt and updates the progress.
const TICK: Duration = Duration::from_millis(50);

/// Client of one registry. It keeps tokens in memory only.
#[derive(Debug)]
pub struct Registry {
    runtime: Arc<Runtime>,
    client: Arc<Client>,
}

impl Registry {
    /// Connects to an ECR registry with a token of ECR's API.
    ///
    /// # Errors
    /// The host is invalid.
    pub fn of_ecr(ecr: &Ecr, host: &str) -> anyhow::Result<Registry> {
        let auth = Auth::new(Source::Ecr(ecr.clone()));
        Ok(Registry { runtime: ecr.runtime(), client: Arc::new(Client::new(host, auth)?) })
    }

    /// Connects to another registry with the login in docker's configuration.
    ///
    /// # Errors
    /// The host is invalid; docker's configuration cannot be read.
    pub fn at(host: &str) -> anyhow::Result<Registry> {
        let auth = Auth::new(Source::Login(credentials::of(host)?));
        Ok(Registry { runtime: Arc::new(aws::runtime()?), client: Arc::new(Client::new(host, auth)?) })
    }

    /// Returns the digest of a tag; `None` if the tag does not exist.
    ///
    /// # Errors
    /// Errors of the registry and of the network; interrupted (130).
    pub fn digest_of_tag(&self, repository: &str, tag: &Tag) -> anyhow::Result<Option<Digest>> {
        self.wait(manifest::digest_of_tag(&self.client, repository, tag))
    }

    /// Uploads the missing blobs, several at a time. A blob for two repositories is uploaded once where the registry
    /// can mount it from the first.
    ///
    /// # Errors
    /// As above; a blob does not match its digest.
    pub fn send(&self, blobs: Vec<Blob>, mut show: impl FnMut(&Event)) -> anyhow::Result<Vec<Sent>> {
        self.runtime.block_on(upload::all(&self.client, blobs, &mut show))
    }

    /// Tags an image whose blobs exist already.
    ///
    /// # Errors
    /// As above; refused (3) where an immutable tag refers to another image.
    pub fn put(&self, repository: &str, tag: &Tag, document: &Document) -> anyhow::Result<Put> {
        self.wait(manifest::put(&self.client, repository, tag, document))
    }

    /// Returns the number of requests so far, by repository.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.client.requests()
    }

    fn wait<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(TICK, &mut work).await {
                    Ok(result) => return result,
                    Err(_) if interrupt::requested() => return Err(interrupted().into()),
                    Err(_) => {}
                }
            }
        })
    }
}

fn interrupted() -> Failure {
    Failure::interrupted("interrupted while pushing; no tag names anything that is not whole")
        .hint("push again: what has arrived is not sent twice")
}

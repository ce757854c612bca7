//! Queries a registry for the digest of an image through buildx, with the user's logins, proxies and certificates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;

use crate::effects::engine::Engine;
use crate::effects::process;
use crate::image::Digest;
use crate::image::base::{Answer, BaseName};

/// Time limit of a query. A registry answers within a second; a slower one counts as unreachable.
const LIMIT: Duration = Duration::from_secs(8);

/// Registries that did not answer, so that each is waited for only once per run.
#[derive(Debug, Default)]
pub(super) struct Registries {
    unreachable: BTreeMap<String, String>,
    mentioned: BTreeSet<String>,
}

impl Registries {
    /// Returns the digest of the index, or of the manifest of a single-platform image.
    pub(super) fn ask(&mut self, engine: &Engine, name: &BaseName, pin: Option<Digest>) -> anyhow::Result<Answer> {
        if let Some(why) = self.unreachable.get(&name.registry) {
            return Ok(Answer::Unreachable(why.clone()));
        }
        let mut command = engine.docker();
        command.args(["buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}"]).arg(name.query(pin));
        let finished = process::run_bounded(&mut command, LIMIT).context("failed to run `docker buildx imagetools`")?;
        let answer = match finished {
            None => Answer::Unreachable(format!("no answer within {} s", LIMIT.as_secs())),
            Some(finished) if finished.status.success() => Answer::from_description(&finished.stdout),
            Some(finished) => Answer::from_error(&finished.stderr),
        };
        if let Answer::Unreachable(why) = &answer {
            self.unreachable.insert(name.registry.clone(), why.clone());
        }
        Ok(answer)
    }

    /// Returns whether the failure of this registry has yet to be reported; `true` once per run.
    pub(super) fn is_news(&mut self, registry: &str) -> bool {
        self.mentioned.insert(registry.to_owned())
    }
}

//! Asks a registry for the digest of an image, through buildx, so that the user's logins, proxies and certificates count.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;

use crate::effects::engine::Engine;
use crate::effects::process;
use crate::image::Digest;
use crate::image::base::{Answer, BaseName};

/// A registry answers within a second; one that takes longer than this is as good as out of reach.
const LIMIT: Duration = Duration::from_secs(8);

/// Registries that did not answer, so that each is waited for once in a run.
#[derive(Debug, Default)]
pub(super) struct Registries {
    unreachable: BTreeMap<String, String>,
    mentioned: BTreeSet<String>,
}

impl Registries {
    /// The digest of the index, or of the manifest of a single-platform image.
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

    /// Whether the user has yet to hear that this registry does not answer; `true` once in a run.
    pub(super) fn is_news(&mut self, registry: &str) -> bool {
        self.mentioned.insert(registry.to_owned())
    }
}

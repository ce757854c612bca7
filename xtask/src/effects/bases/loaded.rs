//! Substitutes for engines with the classic image store. Their builder does not support `oci-layout://`, so the image
//! is loaded once and referred to by a tag that contains its digest.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use camino::Utf8Path;

use super::substitutes;
use crate::effects::engine::{Engine, Export};
use crate::effects::process;
use crate::image::base::ResolvedBase;
use crate::image::substitute::{self, documents};

const INSPECT_LIMIT: Duration = Duration::from_secs(20);

/// Returns the base with a reference that this engine's builder can use.
pub(super) fn for_engine(engine: &Engine, root: &Utf8Path, base: ResolvedBase) -> anyhow::Result<ResolvedBase> {
    if engine.export() == Export::OciLayout {
        return Ok(base);
    }
    let tag = substitute::loaded_tag(&base.name, base.digest);
    let known =
        process::run_bounded(engine.docker().args(["image", "inspect", "--format", "{{.Id}}", &tag]), INSPECT_LIMIT)
            .context("failed to run `docker image inspect`")?;
    if !known.is_some_and(|finished| finished.status.success()) {
        load(engine, &substitutes::shelf(root).join(substitute::folder_name(&base.name)), &base, &tag)
            .with_context(|| format!("failed to load the substitute for `{}`", base.name))?;
    }
    Ok(ResolvedBase { reference: format!("docker-image://{tag}"), ..base })
}

fn load(engine: &Engine, folder: &Utf8Path, base: &ResolvedBase, tag: &str) -> anyhow::Result<()> {
    let path = folder.join("blobs/sha256").join(base.digest.hex());
    let manifest = std::fs::read(&path).with_context(|| format!("failed to read `{path}`"))?;
    let Some(document) = documents::load_document(&manifest, tag) else { bail!("`{path}` is no manifest") };
    let mut child = engine
        .docker()
        .args(["load", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .context("failed to run `docker load`")?;
    let pipe = child.stdin.take().context("failed to write to `docker load`")?;
    let mut builder = tar::Builder::new(pipe);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(u64::try_from(document.len()).unwrap_or(u64::MAX));
    let written = builder
        .append_data(&mut header, "manifest.json", document.as_slice())
        .and_then(|()| builder.append_dir_all("blobs", folder.join("blobs")))
        .and_then(|()| builder.into_inner().map(drop));
    let status = child.wait().context("failed to wait for `docker load`")?;
    written.context("failed to write to `docker load`")?;
    if !status.success() {
        bail!("`docker load` ended with {status}");
    }
    Ok(())
}

//! Export of an OCI layout from the engine's classic image store, for builders without that export. `docker save` since
//! Docker 25 writes blobs and an index, with uncompressed layers. `normalize` converts it to the other builders' form.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context;
use camino::Utf8Path;

use crate::effects::files;
use crate::error::Failure;
use crate::image::Digest;

/// Writes the image `name` of the store to the directory `layout`, and removes it from the store.
///
/// # Errors
/// `docker save` fails, or writes no layout (Docker before 25).
pub fn to_layout(mut docker: impl FnMut() -> Command, name: &str, layout: &Utf8Path) -> anyhow::Result<()> {
    files::remove_directory(layout)?;
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("failed to create `{blobs}`"))?;
    save(docker(), name, layout)?;
    if !layout.join("oci-layout").is_file() {
        let failure = Failure::failed(format!("`docker save {name}` wrote no OCI layout"));
        return Err(failure.hint("Docker 25 or newer does, as does any engine with containerd's image store").into());
    }
    let removed = docker().args(["image", "rm", name]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    removed.context("failed to start `docker image rm`")?;
    Ok(())
}

/// Unpacks the archive: only regular files that belong to a layout.
fn save(mut docker: Command, name: &str, layout: &Utf8Path) -> anyhow::Result<()> {
    let mut child = docker
        .args(["save", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start `docker save`")?;
    let stdout = child.stdout.take().context("failed to reach the output of `docker save`")?;
    let mut archive = tar::Archive::new(BufReader::new(stdout));
    for entry in archive.entries().context("failed to read what `docker save` writes")? {
        let mut entry = entry.context("failed to read what `docker save` writes")?;
        let path = entry.path().context("failed to read a name of the archive")?.to_string_lossy().into_owned();
        let file = match path.strip_prefix("blobs/sha256/") {
            Some(hex) if format!("sha256:{hex}").parse::<Digest>().is_ok() => layout.join("blobs/sha256").join(hex),
            None if path == "index.json" || path == "oci-layout" => layout.join(path),
            _ => continue,
        };
        let mut to = File::create(&file).with_context(|| format!("failed to create `{file}`"))?;
        io::copy(&mut entry, &mut to).with_context(|| format!("failed to write `{file}`"))?;
    }
    let output = child.wait_with_output().context("failed to wait for `docker save`")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Failure::failed(format!("`docker save {name}` failed: {said}")).into())
}

//! Record of the inputs of each image's last build, for `--explain`: `target/slipway/inputs/<image>`.

use std::fs;
use std::io::ErrorKind;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use super::files;
use crate::image::ImageName;
use crate::image::fingerprint::Inputs;

/// Writes the inputs of a verified build.
pub fn write(root: &Utf8Path, image: &ImageName, inputs: &Inputs) -> anyhow::Result<()> {
    files::write_atomically(&path(root, image), &inputs.record())
}

/// Reads the inputs of the last verified build; `None` where none exists, or another version of this tool wrote it.
pub fn read(root: &Utf8Path, image: &ImageName) -> anyhow::Result<Option<Inputs>> {
    let path = path(root, image);
    match fs::read(&path) {
        Ok(bytes) => Ok(Inputs::from_record(&bytes).ok()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read `{path}`")),
    }
}

fn path(root: &Utf8Path, image: &ImageName) -> Utf8PathBuf {
    root.join("target/slipway/inputs").join(image.as_str())
}

//! Layouts during `build`: seeded with the blobs of the previous one, reduced to the blobs of the manifest, and
//! checked for completeness by metadata. Reading their content is in `layouts`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader};

use anyhow::Context;
use camino::Utf8Path;

use super::files;
use super::layouts::Layout;
use crate::image::Digest;
use crate::image::digest::Hashing;

/// Creates `new` with hard links to the blobs of the layout `old`. Blobs never change after they are written, so both
/// can share them. Each blob's digest is checked first: the builder skips existing blobs, so a damaged one would be
/// kept in every layout. Where the file system has no hard links, all blobs are sent again.
pub fn seed(old: &Utf8Path, new: &Utf8Path) -> anyhow::Result<()> {
    files::remove_directory(new)?;
    let to = new.join("blobs/sha256");
    fs::create_dir_all(&to).with_context(|| format!("failed to create `{to}`"))?;
    let Ok(entries) = old.join("blobs/sha256").read_dir_utf8() else { return Ok(()) };
    for entry in entries.flatten() {
        let is_sound = entry.file_type().is_ok_and(|kind| kind.is_file())
            && digest_of(entry.path()).is_ok_and(|digest| digest.hex() == entry.file_name());
        if is_sound {
            let _ = fs::hard_link(entry.path(), to.join(entry.file_name()));
        }
    }
    Ok(())
}

/// Creates `new` with hard links to the blobs in the manifest of a layout, for a later `seed`.
///
/// # Errors
/// The layout does not hold exactly one image, or the file system has no hard links.
pub fn keep(layout: &Layout, new: &Utf8Path) -> anyhow::Result<()> {
    let (digest, manifest) = layout.only_manifest()?;
    files::remove_directory(new)?;
    let to = new.join("blobs/sha256");
    fs::create_dir_all(&to).with_context(|| format!("failed to create `{to}`"))?;
    for blob in manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest).chain([digest]) {
        let from = layout.directory().join("blobs/sha256").join(blob.hex());
        fs::hard_link(&from, to.join(blob.hex())).with_context(|| format!("failed to link `{from}`"))?;
    }
    Ok(())
}

/// Returns the digest of a file's content.
pub(super) fn digest_of(file: &Utf8Path) -> io::Result<Digest> {
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut BufReader::with_capacity(1 << 16, File::open(file)?), &mut hashing)?;
    Ok(hashing.finish().1)
}

/// Removes every blob that the index's only manifest does not name, and all other files of the builder.
///
/// # Errors
/// The index or the manifest cannot be read; both are readable after verification.
pub fn prune(directory: &Utf8Path) -> anyhow::Result<()> {
    let layout = Layout::open(directory)?;
    let (digest, manifest) = layout.only_manifest()?;
    let named = manifest.layers.iter().chain([&manifest.config]).map(|blob| blob.digest);
    let kept = named.chain([digest]).collect::<BTreeSet<_>>();
    for (digest, _) in layout.blobs()? {
        if !kept.contains(&digest) {
            let blob = directory.join("blobs/sha256").join(digest.hex());
            fs::remove_file(&blob).with_context(|| format!("failed to remove `{blob}`"))?;
        }
    }
    files::remove_directory(&directory.join("ingest"))
}

/// Returns whether the layout has the manifest `digest` and every blob that it names, each with the expected size.
pub fn is_whole(directory: &Utf8Path, digest: &Digest) -> bool {
    let Ok(layout) = Layout::open(directory) else { return false };
    let Ok((found, manifest)) = layout.only_manifest() else { return false };
    let mut blobs = manifest.layers.iter().chain([&manifest.config]);
    found == *digest && blobs.all(|blob| layout.size(&blob.digest).ok() == Some(blob.size))
}

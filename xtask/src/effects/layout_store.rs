//! Layouts as `build` handles them: seeded with the blobs of the last one, pruned to what the manifest names, and
//! looked at (not read) to see whether they are whole. Not here: reading what is in them (`layouts`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader};

use anyhow::Context;
use camino::Utf8Path;

use super::files;
use super::layouts::Layout;
use crate::image::Digest;
use crate::image::digest::Hashing;

/// Makes `new` with hard links to the blobs of the layout `old`. Blobs are written once under their own digest and never
/// changed, so both can share them. Each is read first: the builder sends nothing that is there already, and a blob that
/// was damaged on disk would come back in every layout. Where the file system has no hard links everything is sent again.
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

/// Makes `new` with hard links to the blobs that the manifest of a layout names, for a later `seed`.
///
/// # Errors
/// Where the layout does not hold exactly one image, or the file system has no hard links.
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

/// Reads a file to its end for its digest.
pub(super) fn digest_of(file: &Utf8Path) -> io::Result<Digest> {
    let mut hashing = Hashing::new(io::sink());
    io::copy(&mut BufReader::with_capacity(1 << 16, File::open(file)?), &mut hashing)?;
    Ok(hashing.finish().1)
}

/// Drops every blob that the one manifest of the index does not name, and whatever else the builder left.
///
/// # Errors
/// Where the index or the manifest cannot be read, as it can be once the layout is proven.
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

/// Whether the layout is there with the manifest `digest` and every blob it names, each of the size it should have.
pub fn is_whole(directory: &Utf8Path, digest: &Digest) -> bool {
    let Ok(layout) = Layout::open(directory) else { return false };
    let Ok((found, manifest)) = layout.only_manifest() else { return false };
    let mut blobs = manifest.layers.iter().chain([&manifest.config]);
    found == *digest && blobs.all(|blob| layout.size(&blob.digest).ok() == Some(blob.size))
}

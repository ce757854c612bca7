//! OCI layouts on disk: opens a layout, lists and opens its blobs. The only paths used are `index.json`, `oci-layout`
//! and `blobs/sha256/<hex>` built from a parsed digest; symbolic links and special files are refused.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::error::Failure;
use crate::image::Digest;
use crate::image::layout::{Index, MAX_DOCUMENT, Manifest, Source};

/// Maximum size of an `oci-layout` file, in bytes; a valid one has thirty.
const MAX_MARKER: u64 = 4096;

/// A layout directory, as created by `docker buildx` with `type=oci,tar=false`.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: Utf8PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

impl Layout {
    /// Opens a layout. Fails where the directory is none, or has another version than 1.0.0.
    pub fn open(directory: &Utf8Path) -> anyhow::Result<Layout> {
        let layout = Layout { directory: directory.to_owned() };
        let hint = "remove the directory and build again";
        let not_a_layout =
            |why: String| Failure::failed(format!("`{directory}` is not an OCI layout: {why}")).hint(hint);
        let mut bytes = Vec::new();
        let marker =
            open_plain(&layout.directory.join("oci-layout")).map_err(|e| not_a_layout(format!("`oci-layout`: {e}")))?;
        marker
            .take(MAX_MARKER)
            .read_to_end(&mut bytes)
            .with_context(|| format!("failed to read `{directory}/oci-layout`"))?;
        let marker: Marker = serde_json::from_slice(&bytes).map_err(|e| not_a_layout(format!("`oci-layout`: {e}")))?;
        if marker.image_layout_version != "1.0.0" {
            let version = marker.image_layout_version.escape_debug();
            return Err(not_a_layout(format!("version `{version}`, expected 1.0.0")).into());
        }
        layout.blob_directory().map_err(|e| not_a_layout(format!("`blobs/sha256`: {e}")))?;
        Ok(layout)
    }

    /// Returns the directory of the layout.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Returns every blob with its size in bytes, ordered by digest. A file name that is not a digest is an error.
    pub fn blobs(&self) -> anyhow::Result<Vec<(Digest, u64)>> {
        let directory =
            self.blob_directory().with_context(|| format!("failed to open the blobs of `{}`", self.directory))?;
        let mut blobs = Vec::new();
        for entry in fs::read_dir(&directory).with_context(|| format!("failed to list `{directory}`"))? {
            let entry = entry.with_context(|| format!("failed to list `{directory}`"))?;
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| format!("sha256:{name}").parse::<Digest>().ok());
            let Some(digest) = digest else { bail!("`{directory}` holds `{}`, which is no blob", name.display()) };
            blobs.push((digest, self.size(&digest).with_context(|| format!("failed to look at blob `{digest}`"))?));
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Returns the size of a blob in bytes; `NotFound` where the layout does not hold it.
    pub fn size(&self, digest: &Digest) -> io::Result<u64> {
        Ok(self.open_blob(digest)?.metadata()?.len())
    }

    /// Opens a blob as a file, for uploads that need its length.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<File> {
        open_plain(&self.blob_directory()?.join(digest.hex()))
    }

    /// Returns the image manifest of a layout with exactly one image, and its digest. The content is not checked here;
    /// the verification of the image does that.
    pub fn only_manifest(&self) -> anyhow::Result<(Digest, Manifest)> {
        let index = self.index().with_context(|| format!("failed to open `{}/index.json`", self.directory))?;
        let index = Index::parse(&read(index).context("failed to read the index")?)?;
        let [only] = index.manifests.as_slice() else {
            bail!("the index of `{}` names {} manifests", self.directory, index.manifests.len());
        };
        Ok((only.digest, Manifest::parse(&self.document(&only.digest)?)?))
    }

    /// Returns a document blob; of a blob that exceeds the maximum size of documents, the beginning.
    pub fn document(&self, digest: &Digest) -> anyhow::Result<Vec<u8>> {
        let blob = self.open(digest).with_context(|| format!("failed to open blob `{digest}`"))?;
        read(blob).with_context(|| format!("failed to read blob `{digest}`"))
    }

    /// Returns `blobs/sha256`, after a check that neither part is a symbolic link.
    fn blob_directory(&self) -> io::Result<Utf8PathBuf> {
        let mut path = self.directory.clone();
        for part in ["blobs", "sha256"] {
            path.push(part);
            if !fs::symlink_metadata(&path)?.is_dir() {
                return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("`{path}` is not a directory")));
            }
        }
        Ok(path)
    }
}

impl Source for Layout {
    fn index(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(open_plain(&self.directory.join("index.json"))?))
    }

    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.open_blob(digest)?))
    }
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MAX_DOCUMENT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a regular file. Checks its type before opening (opening a FIFO would block) and compares afterwards.
fn open_plain(path: &Utf8Path) -> io::Result<File> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("`{path}` {why}"));
    let before = fs::symlink_metadata(path)?;
    if !before.is_file() {
        return Err(refused("is not a regular file"));
    }
    let file = File::open(path)?;
    let after = file.metadata()?;
    if (before.dev(), before.ino()) != (after.dev(), after.ino()) {
        return Err(refused("was replaced while it was opened"));
    }
    Ok(file)
}

//! OCI layouts on disk: opening one, listing and opening its blobs. The only paths followed are `index.json`, `oci-layout`
//! and `blobs/sha256/<hex>` built from a parsed digest; symbolic links and special files on the way are refused.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, bail};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::error::Failure;
use crate::image::Digest;
use crate::image::layout::{Index, MAX_DOCUMENT, Manifest, Source};

/// Largest `oci-layout` file, in bytes; an honest one has thirty.
const MAX_MARKER: u64 = 4096;

/// A layout directory, as `docker buildx` leaves it with `type=oci,tar=false`.
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
    /// Opens a layout. Fails where the directory is none, or of another version than 1.0.0.
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

    /// Where the layout is.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Every blob and its size in bytes, in the order of digests. Files whose names are no digests are an error.
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

    /// Size of a blob in bytes. `NotFound` where the layout does not hold it.
    pub fn size(&self, digest: &Digest) -> io::Result<u64> {
        Ok(self.open_blob(digest)?.metadata()?.len())
    }

    /// Opens a blob as a file, for uploads that need its length.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<File> {
        open_plain(&self.blob_directory()?.join(digest.hex()))
    }

    /// The image manifest of a layout that holds exactly one, and its digest. What it says is taken as it is: whether it
    /// is true is the proof's business.
    pub fn only_manifest(&self) -> anyhow::Result<(Digest, Manifest)> {
        let index = self.index().with_context(|| format!("failed to open `{}/index.json`", self.directory))?;
        let index = Index::parse(&read(index).context("failed to read the index")?)?;
        let [only] = index.manifests.as_slice() else {
            bail!("the index of `{}` names {} manifests", self.directory, index.manifests.len());
        };
        Ok((only.digest, Manifest::parse(&self.document(&only.digest)?)?))
    }

    /// A blob that is a document, whole; of a blob larger than any document may be, the beginning.
    pub fn document(&self, digest: &Digest) -> anyhow::Result<Vec<u8>> {
        let blob = self.open(digest).with_context(|| format!("failed to open blob `{digest}`"))?;
        read(blob).with_context(|| format!("failed to read blob `{digest}`"))
    }

    /// `blobs/sha256`, after a look that neither part is a link to somewhere else.
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

/// Opens a regular file. It is looked at before it is opened (opening a FIFO would wait forever) and compared after.
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

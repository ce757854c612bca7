//! Small text files of images: Dockerfiles, and configurations, scripts and settings near the top of each context.
//! They are interpreted in `checks::stack`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use anyhow::Context;
use camino::Utf8Path;

use crate::checks::stack::Sources;
use crate::project::Project;

/// Extensions of the files that are read.
const ENDINGS: [&str; 4] = ["conf", "ini", "sh", "py"];

/// Depth of the folders that are read below a context: settings are in `config/`, scripts in `scripts/`.
const DEPTH: usize = 1;

/// Maximum size of a file, in bytes. The longest configuration of this project has 7 KB.
const LARGEST: u64 = 256 << 10;

/// Reads the files of all images. Links and files that are not UTF-8 are skipped.
///
/// # Errors
/// An existing folder or file cannot be read.
pub fn read(root: &Utf8Path, project: &Project) -> anyhow::Result<Sources> {
    let mut sources = Sources::default();
    for image in &project.images {
        let mut texts = BTreeMap::new();
        gather(&root.join(&image.context), "", DEPTH, &mut texts)?;
        sources.contexts.insert(image.name.clone(), texts);
        match fs::read_to_string(root.join(&image.dockerfile)) {
            Ok(text) => drop(sources.dockerfiles.insert(image.dockerfile.clone(), text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("failed to read `{}`", image.dockerfile)),
        }
    }
    Ok(sources)
}

fn gather(folder: &Utf8Path, prefix: &str, depth: usize, texts: &mut BTreeMap<String, String>) -> anyhow::Result<()> {
    for entry in folder.read_dir_utf8().with_context(|| format!("failed to list `{folder}`"))? {
        let entry = entry.with_context(|| format!("failed to list `{folder}`"))?;
        let (name, path) = (entry.file_name(), entry.path());
        let metadata = fs::symlink_metadata(path).with_context(|| format!("failed to look at `{path}`"))?;
        if metadata.is_dir() && depth > 0 && !name.starts_with('.') {
            gather(path, &format!("{prefix}{name}/"), depth - 1, texts)?;
        }
        let is_text = path.extension().is_some_and(|ending| ENDINGS.contains(&ending));
        if metadata.is_file() && is_text && metadata.len() <= LARGEST {
            let bytes = fs::read(path).with_context(|| format!("failed to read `{path}`"))?;
            texts.extend(String::from_utf8(bytes).ok().map(|text| (format!("{prefix}{name}"), text)));
        }
    }
    Ok(())
}

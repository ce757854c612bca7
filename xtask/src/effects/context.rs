//! Build contexts on disk: walks and hashes the inputs of images, with a cache keyed by file metadata. Ignore files,
//! Dockerfiles and fingerprints are interpreted in `image`.

mod cache;
mod content;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;
use crate::image::dockerfile::{BaseFacts, ContextReach, Dockerfile, Question, Reach};
use crate::image::dockerignore::Ignore;
use crate::image::fingerprint::{ContextInputs, Inputs, RECIPE, Tree};
use crate::image::{Digest, ImageName};
use crate::project::{ContextSource, Image, Project};

use cache::Cache;
use walk::Walk;

/// Maximum depth of images that copy from images. It stops a cycle before the stack overflows.
const MAX_DEPTH: usize = 16;

/// A resolved base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Content address.
    pub digest: Digest,
    /// Facts from its configuration; `None` if it has not been read: images on it then count their whole context.
    pub facts: Option<BaseFacts>,
}

/// Returns the base images that the project's images use, as written in their Dockerfiles. They must be resolved before
/// inputs can be observed. Call again with the resolved bases until no new name is returned: a base image with
/// `ONBUILD` triggers may use stages that nothing else uses.
pub fn bases_of(
    root: &Utf8Path,
    project: &Project,
    resolved: &BTreeMap<String, Base>,
) -> anyhow::Result<BTreeSet<String>> {
    let bases = facts(resolved);
    let mut names = BTreeSet::new();
    let mut open: Vec<(Image, usize)> = project.images.iter().map(|image| (image.clone(), 0)).collect();
    while let Some((image, depth)) = open.pop() {
        let (_, reach) = read_dockerfile(root, &image, project, &bases)?;
        names.extend(reach.bases.into_keys());
        for name in reach.named.keys() {
            if let Some(ContextSource::Image { image: other, target }) = image.contexts.get(name) {
                open.push((other_image(project, &image, other, target.as_deref(), depth)?, depth + 1));
            }
        }
    }
    Ok(names)
}

/// Observes the inputs of one image. `cache` is the file of remembered digests; it is created if missing.
pub fn observe(
    root: &Utf8Path,
    image: &Image,
    project: &Project,
    bases: &BTreeMap<String, Base>,
    cache: &Utf8Path,
) -> anyhow::Result<Inputs> {
    let mut observer = Observer::new(root, project, bases, cache)?;
    let inputs = observer.inputs(image, 0)?;
    observer.cache.save()?;
    Ok(inputs)
}

/// Observes the inputs of every image of the project. Images that read the same part of a context share one walk.
pub fn observe_all(
    root: &Utf8Path,
    project: &Project,
    bases: &BTreeMap<String, Base>,
    cache: &Utf8Path,
) -> anyhow::Result<BTreeMap<ImageName, Inputs>> {
    let mut observer = Observer::new(root, project, bases, cache)?;
    let inputs = project.images.iter().map(|image| Ok((image.name.clone(), observer.inputs(image, 0)?)));
    let inputs = inputs.collect::<anyhow::Result<_>>()?;
    observer.cache.save()?;
    Ok(inputs)
}

struct Observer<'a> {
    root: &'a Utf8Path,
    project: &'a Project,
    bases: &'a BTreeMap<String, Base>,
    facts: BTreeMap<String, Option<BaseFacts>>,
    cache: Cache,
    /// Walked trees by directory, ignore file and reach.
    trees: BTreeMap<(Utf8PathBuf, Option<Utf8PathBuf>, ContextReach), Tree>,
}

impl<'a> Observer<'a> {
    fn new(
        root: &'a Utf8Path,
        project: &'a Project,
        bases: &'a BTreeMap<String, Base>,
        cache: &Utf8Path,
    ) -> anyhow::Result<Observer<'a>> {
        Ok(Observer { root, project, bases, facts: facts(bases), cache: Cache::open(cache)?, trees: BTreeMap::new() })
    }

    fn inputs(&mut self, image: &Image, depth: usize) -> anyhow::Result<Inputs> {
        let (text, reach) = read_dockerfile(self.root, image, self.project, &self.facts)?;
        let resolved = |(name, found): (&String, &crate::image::dockerfile::BaseUse)| {
            let base = self.bases.get(name).with_context(|| {
                format!("failed to resolve the base image `{name}` of {}:{}", image.dockerfile, found.line)
            })?;
            Ok((name.clone(), base.digest))
        };
        let bases = reach.bases.iter().map(resolved).collect::<anyhow::Result<_>>()?;
        let ignore =
            [Utf8PathBuf::from(format!("{}.dockerignore", image.dockerfile)), image.context.join(".dockerignore")]
                .into_iter()
                .find(|path| self.root.join(path).exists());
        let context = self.tree(&image.context, ignore, reach.context)?;
        let mut contexts = BTreeMap::new();
        for (name, named) in reach.named {
            let inputs = match image.contexts.get(&name) {
                Some(ContextSource::Directory(directory)) => {
                    let ignore = Some(directory.join(".dockerignore")).filter(|path| self.root.join(path).exists());
                    ContextInputs::Directory(self.tree(directory, ignore, named)?)
                }
                Some(ContextSource::Image { image: other, target }) => {
                    let other = other_image(self.project, image, other, target.as_deref(), depth)?;
                    ContextInputs::Image(Box::new(self.inputs(&other, depth + 1)?))
                }
                // A Dockerfile can only refer to names in this table.
                None => continue,
            };
            contexts.insert(name, inputs);
        }
        Ok(Inputs {
            recipe: RECIPE,
            dockerfile: image.dockerfile.clone(),
            dockerfile_digest: Digest::of(text.as_bytes()),
            target: image.target.clone(),
            platform: self.project.platform,
            args: image.args.clone(),
            bases,
            secrets: image.secrets.keys().cloned().collect(),
            context,
            contexts,
        })
    }

    fn tree(&mut self, directory: &Utf8Path, ignore: Option<Utf8PathBuf>, reach: ContextReach) -> anyhow::Result<Tree> {
        let key = (directory.to_owned(), ignore, reach);
        if let Some(tree) = self.trees.get(&key) {
            return Ok(tree.clone());
        }
        let rules = match &key.1 {
            Some(path) => Ignore::parse(&read_text(self.root, path)?, path)?,
            None => Ignore::default(),
        };
        // The path is normalised, so that a context of `.` has the same cache keys as no context.
        let name: Utf8PathBuf = directory.components().filter(|part| part.as_str() != ".").collect();
        let on_disk = self.root.join(&name);
        if !on_disk.is_dir() {
            return Err(Failure::usage(format!("the context `{directory}` is no directory")).into());
        }
        let walk = Walk { directory: &on_disk, name: &name, ignore: &rules, cache: &self.cache };
        let found = walk.run(&key.2)?;
        self.cache.meet(&found.met);
        self.cache.add(found.fresh);
        let tree = Tree::new(name, found.entries);
        self.trees.insert(key, tree.clone());
        Ok(tree)
    }
}

fn facts(bases: &BTreeMap<String, Base>) -> BTreeMap<String, Option<BaseFacts>> {
    bases.iter().map(|(name, base)| (name.clone(), base.facts.clone())).collect()
}

fn read_dockerfile(
    root: &Utf8Path,
    image: &Image,
    project: &Project,
    bases: &BTreeMap<String, Option<BaseFacts>>,
) -> anyhow::Result<(String, Reach)> {
    let text = read_text(root, &image.dockerfile)?;
    let dockerfile = Dockerfile::parse(&text, &image.dockerfile)?;
    let contexts = image.contexts.keys().cloned().collect();
    let reach = dockerfile.reach(&Question {
        target: image.target.as_deref(),
        args: &image.args,
        platform: project.platform,
        contexts: &contexts,
        bases,
    })?;
    Ok((text, reach))
}

/// Returns the other image that a named context refers to, with the target used.
fn other_image(
    project: &Project,
    image: &Image,
    other: &ImageName,
    target: Option<&str>,
    depth: usize,
) -> Result<Image, Failure> {
    if depth >= MAX_DEPTH {
        return Err(Failure::usage(format!("image `{}` takes files from itself, through `{other}`", image.name)));
    }
    let Some(found) = project.image(other) else {
        return Err(Failure::usage(format!("image `{}` takes files from `{other}`, which is no image", image.name)));
    };
    let mut found = found.clone();
    found.target = target.map(str::to_owned).or(found.target);
    Ok(found)
}

fn read_text(root: &Utf8Path, path: &Utf8Path) -> anyhow::Result<String> {
    let bytes = match std::fs::read(root.join(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::usage(format!("there is no `{path}`")).into());
        }
        bytes => bytes.with_context(|| format!("failed to read `{path}`"))?,
    };
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("`{path}` is not UTF-8")).into())
}

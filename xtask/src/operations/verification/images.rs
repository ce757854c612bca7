//! Facts of images from their layouts, with the architecture check if requested.

use std::collections::BTreeMap;
use std::thread;

use camino::Utf8Path;

use crate::checks::Unknown;
use crate::checks::facts::{Fact, ImageFacts};
use crate::effects::layouts::Layout;
use crate::image::ImageName;
use crate::image::layout::Config;
use crate::image::proof::{Expectation, prove};
use crate::operations::target::Settings;
use crate::release::{Built, Release};

/// The part of a layout that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Manifest and configuration.
    Documents,
    /// Every byte of every layer.
    Proof,
}

/// Returns the facts of every image in both project and release, several in parallel.
pub(super) fn facts(
    root: &Utf8Path,
    settings: &Settings,
    release: &Release,
    depth: Depth,
) -> BTreeMap<ImageName, Fact<ImageFacts>> {
    let images = settings.project.images.iter();
    let images: Vec<_> = images.filter_map(|image| Some((image, release.images.get(&image.name)?))).collect();
    thread::scope(|scope| {
        let begun: Vec<_> = images
            .iter()
            .map(|(image, built)| {
                let expectation = Expectation { platform: settings.project.platform, ports: image.ports.clone() };
                (&image.name, scope.spawn(move || one(root, built, &expectation, depth)))
            })
            .collect();
        let ended = begun.into_iter().map(|(name, thread)| {
            let panicked = |_| Err(Unknown::failed("the thread that read it panicked"));
            (name.clone(), thread.join().unwrap_or_else(panicked))
        });
        ended.collect()
    })
}

fn one(root: &Utf8Path, built: &Built, expectation: &Expectation, depth: Depth) -> Fact<ImageFacts> {
    read(root, built, expectation, depth).map_err(|error| Unknown::failed(format!("{error:#}")))
}

fn read(root: &Utf8Path, built: &Built, expectation: &Expectation, depth: Depth) -> anyhow::Result<ImageFacts> {
    let layout = Layout::open(&root.join(&built.layout))?;
    let (manifest, document) = layout.only_manifest()?;
    let config = Config::parse(&layout.document(&document.config.digest)?)?;
    for layer in &document.layers {
        layout.size(&layer.digest).map_err(|error| anyhow::anyhow!("blob {}: {error}", layer.digest.short()))?;
    }
    let findings = match depth {
        Depth::Documents => Vec::new(),
        Depth::Proof => prove(&layout, expectation)?.findings,
    };
    Ok(ImageFacts { built: built.clone(), config, manifest: Some(manifest), findings })
}

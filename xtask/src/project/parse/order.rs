//! The order in which images are built: each after those it takes files from, declared order otherwise.

use super::super::{ContextSource, Image};
use crate::image::ImageName;

/// The images in order, or a cycle: each of its names takes files from the next, the last from the first.
pub(super) fn ordered(images: Vec<Image>) -> Result<Vec<Image>, Vec<ImageName>> {
    let mut waiting = images;
    let mut done: Vec<Image> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_ready = |image: &Image| sources(image).all(|source| done.iter().any(|image| image.name == *source));
        match waiting.iter().position(is_ready) {
            Some(ready) => done.push(waiting.remove(ready)),
            None => return Err(cycle(&waiting)),
        }
    }
    Ok(done)
}

/// The images that `image` takes files from.
fn sources(image: &Image) -> impl Iterator<Item = &ImageName> {
    image.contexts.values().filter_map(|source| match source {
        ContextSource::Image { image, .. } => Some(image),
        ContextSource::Directory(_) => None,
    })
}

/// Every image of `waiting` waits for another one of them, so following them must come back to one already seen.
fn cycle(waiting: &[Image]) -> Vec<ImageName> {
    let mut path: Vec<ImageName> = Vec::new();
    let mut current = waiting.first();
    while let Some(image) = current {
        if let Some(start) = path.iter().position(|name| *name == image.name) {
            path.drain(..start);
            return path;
        }
        path.push(image.name.clone());
        current = sources(image).find_map(|source| waiting.iter().find(|image| image.name == *source));
    }
    path
}

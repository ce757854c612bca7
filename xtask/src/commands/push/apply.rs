//! The upload: all missing blobs of all images, then the immutable tags, then the environment's tags. After an
//! interruption, every tag in the registry still refers to a complete image.

use std::collections::BTreeMap;

use super::observe::{Here, Place};
use crate::effects::interrupt;
use crate::effects::registry::{Blob, Sent};
use crate::image::Digest;
use crate::plan::push::PushPlan;
use crate::report::Report;
use crate::report::transfer::TransferProgress;

pub(super) fn apply(plan: &PushPlan, here: &Here, place: &Place, report: &Report) -> anyhow::Result<Vec<Sent>> {
    let image = |step: &crate::plan::push::Step| here.images.iter().find(|image| image.name == step.name);
    let mut blobs: BTreeMap<Digest, Blob> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.sends) {
        let Some(image) = image(step) else { continue };
        for (digest, size) in &image.blobs {
            let blob = blobs.entry(*digest).or_insert_with(|| Blob {
                digest: *digest,
                size: *size,
                layout: image.layout.clone(),
                repositories: Vec::new(),
            });
            blob.repositories.push(step.repository.clone());
        }
    }
    // Largest first, so that the longest upload does not start last.
    let mut blobs: Vec<_> = blobs.into_values().collect();
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    let sent = if blobs.is_empty() {
        Vec::new()
    } else {
        let total = blobs.iter().map(|blob| blob.size * blob.repositories.len() as u64).sum();
        let mut progress = TransferProgress::new(*report, total);
        let sent = place.registry.send(blobs, |event| progress.show(event));
        progress.finish();
        sent?
    };
    let tags = plan.steps.iter().flat_map(|step| step.fixed.iter().map(move |tag| (step, tag)));
    for (step, tag) in tags.chain(plan.steps.iter().filter_map(|step| Some((step, step.moving.as_ref()?)))) {
        interrupt::check()?;
        let Some(image) = image(step) else { continue };
        place.registry.put(&step.repository, tag, &image.manifest)?;
    }
    Ok(sent)
}

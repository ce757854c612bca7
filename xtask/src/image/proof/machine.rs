//! The check that every ELF file that can run in the image is for the platform's machine.

use std::collections::BTreeSet;

use super::Proof;
use super::finding::{self, Findings, printable};
use super::root::{NodeId, Root};
use crate::image::Platform;
use crate::image::layer::Layer;
use crate::image::layer::entry::{Content, EntryKind};

/// Counts ELF files of other machines in all layers, visible and hidden.
pub(super) fn count_foreign(layers: &[Layer], platform: Platform) -> usize {
    let is_foreign = |kind: &EntryKind| matches!(kind, EntryKind::File(_, Content::Elf(elf)) if !elf.runs_on(platform));
    layers.iter().flat_map(|layer| &layer.entries).filter(|entry| is_foreign(&entry.kind)).count()
}

/// Reports each visible file once, by the first of its names, and counts files; `foreign` is the count over all layers.
pub(super) fn judge(root: &Root, foreign: usize, proof: &mut Proof, findings: &mut Findings) {
    let platform = proof.platform;
    let mut seen: BTreeSet<NodeId> = BTreeSet::new();
    let mut offenders = 0_usize;
    let mut first = String::new();
    let mut listed = Findings::default();
    root.each_file(|path, node, file| {
        proof.files += 1;
        let Content::Elf(elf) = &file.content else { return };
        if !seen.insert(node) || elf.runs_on(platform) {
            return;
        }
        offenders += 1;
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_library = elf.loader().is_none() && name.windows(3).any(|part| part == b".so");
        let rule = if is_library { &finding::FOREIGN_LIBRARY } else { &finding::FOREIGN_PROGRAM };
        if first.is_empty() {
            first = elf.machine();
        }
        listed.add(rule, || {
            let layer = root.layer_of(file).map(crate::image::Digest::short).unwrap_or_default();
            format!("`{}` (layer {layer}) is {}; the task runs {platform}", printable(path), elf.machine())
        });
    });
    proof.elf_files = seen.len();
    proof.hidden_foreign = foreign.saturating_sub(offenders);
    // A single foreign library does not mean a foreign base. If most files are foreign, the base is the cause to
    // report.
    if offenders * 2 > seen.len() && offenders > 1 {
        findings.add(&finding::FOREIGN_BASE, || {
            format!("{offenders} of {} ELF files are not for {platform}, the first is {first}", seen.len())
        });
    }
    findings.append(listed);
}

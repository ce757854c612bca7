//! Thousands of damaged layers: the proof terminates, does not panic, and never accepts an altered blob.

use xtask::image::Digest;

use crate::layouts::{Image, Packing, base};
use crate::prove_memory;

/// A small random number generator (splitmix64) with a fixed seed, so that failures are reproducible.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}

const PACKINGS: [Packing; 3] = [Packing::Plain, Packing::Gzip, Packing::Zstd];

#[test]
fn rejects_altered_layers() {
    let mut random = Random(1);
    for round in 0..600 {
        let packing = PACKINGS[round % 3];
        let archive = base().finish();
        let mut layout = Image::good().with_bytes(&archive, packing).build();
        let blob = layout.blobs.get_mut(&layout.layers[2]).unwrap();
        match random.below(3) {
            0 => blob.truncate(random.below(blob.len())),
            1 => {
                let at = random.below(blob.len());
                blob[at] ^= 1 << random.below(8);
            }
            _ => {
                let at = random.below(blob.len());
                let byte = random.next().to_le_bytes()[0];
                blob.insert(at, byte);
            }
        }
        let proof = prove_memory(&layout);
        let is_noticed = proof.findings.iter().any(|finding| finding.id == "blob-digest" || finding.id == "blob-size");
        assert!(is_noticed, "round {round}: {:?}", proof.findings);
    }
}

#[test]
fn malformed_archives_do_not_panic() {
    let mut random = Random(2);
    for round in 0..1500 {
        let mut archive = base().finish();
        for _ in 0..=random.below(4) {
            // Any block may change. Its checksum is corrected, in case it is a header.
            let block = random.below(archive.len() / 512) * 512;
            let at = (block + random.below(512)).min(archive.len() - 1);
            archive[at] = random.next().to_le_bytes()[0];
            fix_checksum(&mut archive[block..block + 512]);
        }
        prove_memory(&Image::good().with_bytes(&archive, PACKINGS[round % 3]).build());
    }
}

#[test]
fn random_bytes_do_not_panic() {
    let mut random = Random(3);
    for round in 0..600 {
        let mut bytes: Vec<u8> = (0..random.below(5000)).map(|_| random.next().to_le_bytes()[0]).collect();
        let magic: &[u8] = match round % 4 {
            0 => b"",
            1 => b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
            2 => b"\x28\xb5\x2f\xfd",
            _ => b"\x53\x2a\x4d\x18",
        };
        bytes.splice(0..0, magic.iter().copied());
        let image = Image::good().with_blob(bytes, PACKINGS[round % 3], Digest::of(b""));
        assert!(!prove_memory(&image.build()).findings.is_empty(), "round {round}");
    }
}

#[test]
fn malformed_documents_do_not_panic() {
    let mut random = Random(4);
    for _ in 0..3000 {
        let mut layout = Image::good().build();
        let which = [layout.manifest.unwrap(), layout.config.unwrap()][random.below(2)];
        if random.below(3) == 0 {
            let at = random.below(layout.index.len());
            layout.index[at] = random.next().to_le_bytes()[0];
        } else {
            let blob = layout.blobs.get_mut(&which).unwrap();
            let at = random.below(blob.len());
            blob[at] ^= 1 << random.below(8);
            assert!(!prove_memory(&layout).findings.is_empty());
        }
        prove_memory(&layout);
    }
}

/// Corrects the checksum of a changed header, so that the reader parses its fields.
fn fix_checksum(block: &mut [u8]) {
    if block[257..262] != *b"ustar" {
        return;
    }
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

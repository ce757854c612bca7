//! The proof of architecture: an OCI layout in, findings out. It streams every layer once, unpacks nothing and trusts
//! no path. An image without findings is proven. `root` stacks the layers; `program`, `account` and `ports` check the
//! start of the image. Not here: files (`effects::layouts`).

mod account;
mod documents;
pub(crate) mod finding;
mod machine;
mod ports;
mod program;
mod root;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub use self::finding::{Finding, LISTED_PER_RULE, RULES, Rule};

use self::documents::Documents;
use self::finding::Findings;
use self::root::Root;
use super::layer::{self, Budget, Claim, Layer};
use super::layout::Source;
use super::{Digest, ImageName, Platform};
use crate::error::Failure;

/// Number of layers read concurrently. Each uses two threads (one decompresses, one hashes and parses) and memory.
const LAYERS_AT_ONCE: usize = 2;

/// The requirements of the image.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The platform of the task.
    pub platform: Platform,
    /// TCP ports on which the image listens according to the project.
    pub ports: BTreeSet<u16>,
}

/// Counts and findings of one image.
#[derive(Debug)]
pub struct Proof {
    /// Digest of the manifest; `None` if the index does not identify a single one.
    pub manifest_digest: Option<Digest>,
    /// The requested platform.
    pub platform: Platform,
    /// Compressed bytes: manifest, config and layers.
    pub bytes: u64,
    /// Layers of the manifest.
    pub layers: usize,
    /// Regular files in the merged root, one for each name.
    pub files: usize,
    /// ELF executables and shared objects in the merged root, each counted once regardless of its number of names.
    pub elf_files: usize,
    /// ELF files of another machine that a later layer deletes or replaces. They cannot run and are not findings.
    pub hidden_foreign: usize,
    /// All problems; at most `LISTED_PER_RULE` for each rule, and one line with the number of further ones.
    pub findings: Vec<Finding>,
}

/// A proven image. Only `Proof::into_result` creates one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proven {
    /// Digest of the manifest: the identity of the image.
    pub manifest_digest: Digest,
    /// The platform of the proof.
    pub platform: Platform,
    /// Compressed bytes: manifest, config and layers.
    pub bytes: u64,
    /// Layers of the manifest.
    pub layers: usize,
    /// Regular files in the merged root.
    pub files: usize,
    /// ELF files in the merged root, all of the platform's machine.
    pub elf_files: usize,
    /// ELF files of another machine that a later layer deletes or replaces.
    pub hidden_foreign: usize,
}

/// Checks the single image of a layout. Returns errors for failures to read the layout; problems of the image are
/// findings.
pub fn prove<S: Source + ?Sized>(source: &S, expectation: &Expectation) -> anyhow::Result<Proof> {
    let mut findings = Findings::default();
    let mut proof = Proof {
        manifest_digest: None,
        platform: expectation.platform,
        bytes: 0,
        layers: 0,
        files: 0,
        elf_files: 0,
        hidden_foreign: 0,
        findings: Vec::new(),
    };
    if let Some(documents) = Documents::read(source, expectation.platform, &mut findings)? {
        let Documents { manifest_digest, manifest, config, bytes } = documents;
        proof.manifest_digest = Some(manifest_digest);
        proof.layers = manifest.layers.len();
        proof.bytes = manifest.layers.iter().fold(bytes, |sum, layer| sum.saturating_add(layer.size));
        let diff_ids = config.as_ref().map(|config| config.diff_ids.as_slice()).unwrap_or_default();
        let claims: Vec<Claim<'_>> = manifest
            .layers
            .iter()
            .enumerate()
            .map(|(number, descriptor)| Claim { descriptor, diff_id: diff_ids.get(number) })
            .collect();
        let mut layers = read_layers(source, &claims)?;
        for layer in &mut layers {
            findings.append(std::mem::take(&mut layer.findings));
        }
        // A layer that was not read to its end leaves an incomplete root. Findings about programs in it would be noise.
        let is_whole = findings.is_empty();
        let foreign = machine::count_foreign(&layers, expectation.platform);
        let root = Root::stack(layers, &mut findings);
        machine::judge(&root, foreign, &mut proof, &mut findings);
        if let Some(config) = config {
            let account = account::judge(&config, &root, &mut findings);
            if is_whole {
                program::judge(&config, &root, &account, &mut findings);
            }
            ports::judge(&config, &expectation.ports, &mut findings);
        }
    }
    proof.findings = findings.into_list();
    Ok(proof)
}

impl Proof {
    /// Returns the proven image, or the refusal that keeps it out of `release.json`, with every finding and each hint
    /// once.
    pub fn into_result(self, image: &ImageName) -> Result<Proven, Failure> {
        match self.manifest_digest {
            Some(manifest_digest) if self.findings.is_empty() => Ok(Proven {
                manifest_digest,
                platform: self.platform,
                bytes: self.bytes,
                layers: self.layers,
                files: self.files,
                elf_files: self.elf_files,
                hidden_foreign: self.hidden_foreign,
            }),
            _ => {
                let mut message = format!("image `{image}` does not pass the proof for {}", self.platform);
                let mut hints: Vec<&str> = Vec::new();
                for finding in &self.findings {
                    message.push_str(&format!("\n  {}: {}", finding.id, finding.message));
                    if !hints.contains(&finding.hint) {
                        hints.push(finding.hint);
                    }
                }
                Err(hints.into_iter().fold(Failure::refused(message), Failure::hint))
            }
        }
    }
}

/// Reads all layers, a few concurrently. The results are in the manifest's order.
fn read_layers<S: Source + ?Sized>(source: &S, claims: &[Claim<'_>]) -> anyhow::Result<Vec<Layer>> {
    let budget = Budget::default();
    let wide = Mutex::new(());
    let next = AtomicUsize::new(0);
    let joined = thread::scope(|scope| {
        let work = || {
            let mut read = Vec::new();
            while let number = next.fetch_add(1, Ordering::Relaxed)
                && let Some(claim) = claims.get(number)
            {
                read.push((number, layer::read(source, *claim, &budget, &wide)));
            }
            read
        };
        let workers: Vec<_> = (0..LAYERS_AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
    });
    let mut read: Vec<_> =
        joined.map_err(|_| anyhow::anyhow!("a thread that read a layer panicked"))?.into_iter().flatten().collect();
    read.sort_by_key(|(number, _)| *number);
    read.into_iter().map(|(_, layer)| layer).collect()
}

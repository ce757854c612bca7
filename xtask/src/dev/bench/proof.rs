//! The proof of a 300 MB image against `zstd -dc | tar t` over the same layers, in alternation: time and memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use super::Row;
use super::measure;
use super::stage::Stage;
use crate::effects::files;
use crate::effects::layouts::Layout;
use crate::image::digest::Hashing;
use crate::image::proof::{Expectation, prove};
use crate::image::{Digest, Platform};
use crate::report::Report;

/// Limits: ratio of seconds, and MiB.
const RATIO: f64 = 1.3;
const MEMORY: f64 = 64.0;

/// Compressed bytes of the image, and its number of layers.
const BYTES: u64 = 300_000_000;
const LAYERS: u64 = 3;

const ROUNDS: u32 = 5;

pub(super) fn measure(report: &Report) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::empty("proof")?;
    let layout = stage.root.join("layout");
    let (layers, plain) = write_layout(&layout)?;
    report.detail(format!(
        "an image of this machine's own programs and libraries: {LAYERS} layers, {:.0} MB, unpacked {:.0} MB",
        BYTES as f64 / 1e6,
        plain as f64 / 1e6
    ));
    let (mut proofs, mut lists) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut command = Command::new(std::env::current_exe().context("failed to find this program's file")?);
        command.args(["bench", "--prove", layout.as_str()]);
        proofs.push(measure::run(command)?);
        let begun = Instant::now();
        for layer in &layers {
            list(layer)?;
        }
        lists.push(begun.elapsed().as_secs_f64());
    }
    let ratio = measure::median(proofs.iter().zip(&lists).map(|(proof, list)| proof.seconds / list));
    Ok(vec![
        Row::plain(
            "proof of a 300 MB image",
            format!("{:.3} s", measure::median(proofs.iter().map(|run| run.seconds))),
        ),
        Row::plain(
            "  zstd -dc | tar t over the same layers",
            format!("{:.3} s", measure::median(lists.iter().copied())),
        ),
        Row::at_most("  the proof against it", ratio, RATIO, "x"),
        Row::at_most("  its memory", proofs.iter().map(|run| run.peak_mib).fold(0.0, f64::max), MEMORY, "MiB"),
    ])
}

/// Proves one layout for linux/amd64; findings are ignored.
///
/// # Errors
/// The layout cannot be read.
pub fn prove_once(layout: &Utf8Path) -> anyhow::Result<()> {
    let expectation = Expectation { platform: Platform::LinuxAmd64, ports: BTreeSet::new() };
    let proof = prove(&Layout::open(layout)?, &expectation)?;
    ensure!(proof.files > 0, "the layout holds no file that was read");
    Ok(())
}

/// Runs `zstd -dc <layer> | tar t`.
fn list(layer: &Utf8Path) -> anyhow::Result<()> {
    let mut unpack =
        Command::new("zstd").arg("-dc").arg(layer).stdout(Stdio::piped()).spawn().context("failed to start `zstd`")?;
    let pipe = unpack.stdout.take().context("failed to read the output of `zstd`")?;
    let tar =
        Command::new("tar").arg("t").stdin(pipe).stdout(Stdio::null()).status().context("failed to start `tar`")?;
    ensure!(unpack.wait()?.success() && tar.success(), "`zstd -dc | tar t` failed over `{layer}`");
    Ok(())
}

/// Writes an image of this machine's files; returns the paths of the layers and their bytes before compression.
pub(super) fn write_layout(layout: &Utf8Path) -> anyhow::Result<(Vec<Utf8PathBuf>, u64)> {
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("failed to create `{blobs}`"))?;
    let mut sources = ["/usr/lib", "/usr/bin", "/usr/share", "/usr/local"]
        .iter()
        .flat_map(|folder| files_below(Utf8Path::new(folder)));
    let (mut layers, mut descriptors, mut diff_ids, mut plain) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..LAYERS {
        let temporary = layout.join("layer");
        let file = File::create(&temporary).with_context(|| format!("failed to create `{temporary}`"))?;
        let packed = zstd::Encoder::new(Hashing::new(BufWriter::new(file)), 3).context("failed to start zstd")?;
        let mut tar = tar::Builder::new(Hashing::new(packed));
        tar.mode(tar::HeaderMode::Deterministic);
        while tar.get_ref().inner.get_ref().bytes() < BYTES / LAYERS {
            let Some(source) = sources.next() else { break };
            // Files that vanish or are not readable are skipped.
            let Ok(mut file) = File::open(&source) else { continue };
            tar.append_file(source.as_str().trim_start_matches('/'), &mut file)
                .with_context(|| format!("failed to pack `{source}`"))?;
        }
        let (packed, diff_id, bytes) = tar.into_inner().context("failed to finish a layer")?.finish();
        plain += bytes;
        diff_ids.push(diff_id);
        let (mut file, digest, bytes) = packed.finish().context("failed to finish a layer")?.finish();
        file.flush().context("failed to write a layer")?;
        descriptors
            .push(json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": digest, "size": bytes}));
        let blob = blobs.join(digest.hex());
        fs::rename(&temporary, &blob).with_context(|| format!("failed to write `{blob}`"))?;
        layers.push(blob);
    }
    ensure!(plain > BYTES, "this machine has too few files to make an image of {BYTES} bytes");
    let config = json!({"os": "linux", "architecture": "amd64", "config": {"User": "1000", "Cmd": ["/usr/bin/env"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = document(&blobs, &config, "application/vnd.oci.image.config.v1+json")?;
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": descriptors});
    let manifest = document(&blobs, &manifest, "application/vnd.oci.image.manifest.v1+json")?;
    files::write_atomically(
        &layout.join("index.json"),
        json!({"schemaVersion": 2, "manifests": [manifest]}).to_string().as_bytes(),
    )?;
    files::write_atomically(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok((layers, plain))
}

fn document(blobs: &Utf8Path, value: &Value, media_type: &str) -> anyhow::Result<Value> {
    let bytes = value.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    files::write_atomically(&blobs.join(digest.hex()), &bytes)?;
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

/// Returns the regular files below a folder, ordered by path.
fn files_below(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir_utf8().into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path().to_owned()),
                Ok(kind) if kind.is_file() => found.push(entry.path().to_owned()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

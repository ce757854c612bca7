//! Layouts on disk: accepted and rejected files, and the memory of a proof of 300 MB.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use xtask::effects::layouts::Layout;
use xtask::image::Digest;
use xtask::image::layout::Source;
use xtask::image::proof::{Expectation, prove};

use crate::archives::Archive;
use crate::garbage::Random;
use crate::layouts::{Image, Packing};

/// Maximum peak resident memory of the proof, in KiB.
const MEMORY: u64 = 64 << 10;

/// The variable with the path of the layout, for the child process whose memory is measured.
const CHILD: &str = "XTASK_TEST_PROOF_LAYOUT";

fn directory(name: &str) -> Utf8PathBuf {
    let directory = Utf8Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("proof-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn expectation() -> Expectation {
    Expectation { platform: xtask::image::Platform::LinuxAmd64, ports: [8000].into() }
}

#[test]
fn proves_layout_on_disk() {
    let directory = directory("good");
    let memory = Image::good().build();
    memory.write_to(&directory);
    let layout = Layout::open(&directory).unwrap();
    let expected: Vec<_> = memory.blobs.iter().map(|(digest, blob)| (*digest, blob.len() as u64)).collect();
    assert_eq!(layout.blobs().unwrap(), expected);
    assert_eq!(prove(&layout, &expectation()).unwrap().findings, []);
    let missing = layout.size(&Digest::of(b"not there")).unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    fs::remove_dir_all(directory).unwrap();
}

#[test]
fn rejects_links_and_special_files() {
    let directory = directory("links");
    let memory = Image::good().build();
    let layer = memory.layers[1];
    let fresh = || {
        let _ = fs::remove_dir_all(&directory);
        memory.write_to(&directory);
        Layout::open(&directory).unwrap()
    };
    let layout = fresh();
    let blob = directory.join("blobs/sha256").join(layer.hex());
    fs::rename(&blob, directory.join("elsewhere")).unwrap();
    symlink(directory.join("elsewhere"), &blob).unwrap();
    assert!(layout.open(&layer).is_err());
    assert!(prove(&layout, &expectation()).is_err());
    assert!(layout.blobs().is_err());

    fs::remove_file(&blob).unwrap();
    assert!(Command::new("mkfifo").arg(&blob).status().unwrap().success());
    assert!(layout.open(&layer).is_err());

    let layout = fresh();
    fs::rename(directory.join("index.json"), directory.join("elsewhere")).unwrap();
    symlink("elsewhere", directory.join("index.json")).unwrap();
    assert!(layout.index().is_err());

    let layout = fresh();
    fs::rename(directory.join("blobs"), directory.join("elsewhere")).unwrap();
    symlink("elsewhere", directory.join("blobs")).unwrap();
    assert!(layout.open(&layer).is_err());
    assert!(Layout::open(&directory).is_err());

    fresh();
    fs::write(directory.join("blobs/sha256/readme"), "").unwrap();
    assert!(layout.blobs().is_err());
    fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(Layout::open(&directory).unwrap_err().to_string().contains("expected 1.0.0"));
    fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn proves_300_mb_within_64_mib_of_memory() {
    if let Ok(directory) = std::env::var(CHILD) {
        let proof = prove(&Layout::open(Utf8Path::new(&directory)).unwrap(), &expectation()).unwrap();
        assert_eq!(proof.findings, []);
        let status = fs::read_to_string("/proc/self/status").unwrap();
        println!("peak={}", status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim());
        return;
    }
    let directory = directory("memory");
    let layout = large_image().build();
    layout.write_to(&directory);
    let bytes: usize = layout.blobs.values().map(Vec::len).sum();
    assert!(bytes > 300_000_000, "{bytes}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "disk::proves_300_mb_within_64_mib_of_memory"])
        .env(CHILD, &directory)
        .output()
        .unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let peak = text.split("peak=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!(peak.parse::<u64>().unwrap() < MEMORY, "peak {peak} KiB");
}

/// Returns an image of 310 MB of incompressible data in four layers; two of them use the widest window that is granted.
fn large_image() -> Image {
    let mut random = Random(5);
    let mut image = Image::good();
    for number in 0..4 {
        let mut data = Vec::with_capacity(78_000_000);
        while data.len() < 78_000_000 {
            data.extend_from_slice(&random.next().to_le_bytes());
        }
        let archive = Archive::new().file(&format!("opt/data{number}"), 0o644, data).finish();
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        if number % 2 == 1 {
            encoder.window_log(25).unwrap();
        }
        encoder.write_all(&archive).unwrap();
        image = image.with_blob(encoder.finish().unwrap(), Packing::Zstd, Digest::of(&archive));
    }
    image
}

//! Substitutes on disk: one OCI layout each below `target/slipway/bases/`, complete or absent.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::effects::apt::{self, Archive, megabytes};
use crate::effects::engine::place::Place;
use crate::effects::host::{self, Distribution};
use crate::effects::interrupt;
use crate::effects::lock::Lock;
use crate::effects::process;
use crate::error::Failure;
use crate::image::base::ResolvedBase;
use crate::image::substitute::Substitute;
use crate::image::substitute::{self, Hashing, documents};
use crate::image::{Digest, Platform};
use crate::report::Report;

/// Time limit of a bootstrap: 15 s of work, and about 60 MB on a slow line.
const BOOTSTRAP_LIMIT: Duration = Duration::from_secs(900);
/// Name of the record in the layout's folder.
const RECORD: &str = "substitute.json";
/// Name of the file that exists while builds use the substitute.
const IN_USE: &str = "in-use";

/// Record of a substitute on disk.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    name: String,
    recipe: Digest,
    digest: Digest,
}

/// Folder of all substitutes, relative to the repository root.
const SHELF: &str = "target/slipway/bases";

/// Returns the folder of all substitutes.
pub(super) fn shelf(root: &Utf8Path) -> Utf8PathBuf {
    root.join(SHELF)
}

/// Returns a complete substitute of exactly this recipe, if one exists.
pub(super) fn on_disk(root: &Utf8Path, name: &str, recipe: &Substitute, platform: Platform) -> Option<ResolvedBase> {
    let folder = shelf(root).join(substitute::folder_name(name));
    let record: Record = serde_json::from_str(&fs::read_to_string(folder.join(RECORD)).ok()?).ok()?;
    let fits = record.name == name && record.recipe == substitute::recipe_digest(name, recipe, platform);
    let from_root = Utf8Path::new(SHELF).join(substitute::folder_name(name));
    fits.then(|| ResolvedBase::from_layout(name, &from_root, record.digest))
}

/// Returns whether the last build that used this base used the substitute.
pub(super) fn is_in_use(root: &Utf8Path, name: &str) -> bool {
    shelf(root).join(substitute::folder_name(name)).join(IN_USE).exists()
}

/// Records that a registry serves this base again; the layout is kept for the next outage.
pub(super) fn set_aside(root: &Utf8Path, name: &str) {
    // A missing file is no error.
    let _ = fs::remove_file(shelf(root).join(substitute::folder_name(name)).join(IN_USE));
}

/// Returns the substitute of this recipe: the one on disk, else a new one. Several processes may call it at once.
pub(super) fn ensure(
    root: &Utf8Path,
    name: &str,
    recipe: &Substitute,
    platform: Platform,
    report: &Report,
) -> anyhow::Result<ResolvedBase> {
    let folder = shelf(root).join(substitute::folder_name(name));
    let _lock = Lock::acquire(&folder.with_added_extension("lock"), || {
        report.detail(format!("waiting for another build of the substitute for `{name}`"));
    })?;
    if on_disk(root, name, recipe, platform).is_none() {
        build(root, &folder, name, recipe, platform, report)?;
    }
    let mark = folder.join(IN_USE);
    fs::write(&mark, "").with_context(|| format!("failed to write `{mark}`"))?;
    on_disk(root, name, recipe, platform).with_context(|| format!("failed to read back the substitute `{folder}`"))
}

fn build(
    root: &Utf8Path,
    folder: &Utf8Path,
    name: &str,
    recipe: &Substitute,
    platform: Platform,
    report: &Report,
) -> anyhow::Result<()> {
    let begin = Instant::now();
    let host = usable_host(name, platform)?;
    report.step(format!("building a substitute for `{name}` of packages of `{}`, for this machine only", recipe.suite));
    let work = folder.with_added_extension("new");
    let scratch = folder.with_added_extension("scratch");
    for stale in [&work, &scratch] {
        remove_folder(stale)?;
        fs::create_dir_all(stale).with_context(|| format!("failed to create `{stale}`"))?;
    }
    let archive = Archive::prepare(&scratch.join("apt"), &host, &recipe.suite)?;
    archive.update(report)?;
    if let Ok((count, bytes)) = archive.bootstrap_size(&recipe.packages) {
        report.detail(format!("downloading {count} packages, {}, from {}", megabytes(bytes), archive.addresses()));
    }
    let epoch = archive.release_time().and_then(|time| u64::try_from(time).ok()).unwrap_or(0);
    let rootfs = scratch.join("rootfs.tar");
    bootstrap(root, &scratch, &archive, recipe, epoch, &rootfs)?;
    let bytes = write_layout(&rootfs, &work, name, recipe, platform, epoch)?;
    remove_folder(folder)?;
    fs::rename(&work, folder).with_context(|| format!("failed to move `{work}` to `{folder}`"))?;
    remove_folder(&scratch)?;
    report.detail(format!("{} compressed, in {:.1} s", megabytes(bytes), begin.elapsed().as_secs_f32()));
    Ok(())
}

/// Checks the host. Bootstrapping needs Debian, root and the image's own processor, since packages run their scripts.
fn usable_host(name: &str, platform: Platform) -> anyhow::Result<Distribution> {
    let fail = |reason: String| {
        Failure::failed(format!("failed to make a substitute for `{name}`: {reason}"))
            .hint("reach the registry, or name a mirror of it under [bases] in the environment's file")
    };
    let Some(host) = host::distribution().filter(|host| host.id == "debian") else {
        return Err(fail("substitutes are made on Debian only".to_owned()).into());
    };
    if !host::is_root() {
        return Err(fail("substitutes are made by root only".to_owned()).into());
    }
    if platform.architecture() != host::architecture() {
        return Err(fail(format!("this machine is {}, not {platform}", host::architecture())).into());
    }
    Ok(host)
}

fn bootstrap(
    root: &Utf8Path,
    scratch: &Utf8Path,
    archive: &Archive,
    recipe: &Substitute,
    epoch: u64,
    rootfs: &Utf8Path,
) -> anyhow::Result<()> {
    let program = bootstrap_program(root, scratch)?;
    interrupt::check()?;
    let modules = program.parent().and_then(Utf8Path::parent).map(|usr| usr.join("share/perl5")).unwrap_or_default();
    let mut command = Command::new(&program);
    command.args(["--mode=root", "--variant=minbase", "--format=tar"]);
    if !recipe.packages.is_empty() {
        command.arg(format!("--include={}", recipe.packages.join(",")));
    }
    for option in apt::host_proxies() {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(&recipe.suite).arg(rootfs).arg(archive.sources_file());
    command
        .env("PERL5LIB", modules)
        .env("TMPDIR", scratch)
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("LC_ALL", "C")
        .env_remove("APT_CONFIG");
    process::run(&mut command, BOOTSTRAP_LIMIT)
        .map(|_| ())
        .with_context(|| format!("failed to bootstrap `{}`", recipe.suite))
}

/// Returns mmdebstrap: from the private engine's packages, else the host's, else a temporary download.
fn bootstrap_program(root: &Utf8Path, scratch: &Utf8Path) -> anyhow::Result<Utf8PathBuf> {
    const NAME: &str = "mmdebstrap";
    if let Some(program) = Place::of_repository(root).program(NAME).or_else(|| host::find_program(NAME)) {
        return Ok(program);
    }
    let Some(host) = host::distribution() else { anyhow::bail!("the distribution is unknown") };
    let archive = Archive::prepare(&scratch.join("apt-tools"), &host, &host.codename)?;
    let quiet = Report::plain(crate::report::Output::Human);
    archive.update(&quiet)?;
    let packages = [NAME.to_owned()];
    let offers = archive.offers(&packages)?;
    archive.download(&offers, &packages, &scratch.join("debs"), &quiet)?;
    let tools = scratch.join("tools");
    for offer in offers {
        apt::unpack(&scratch.join("debs").join(offer.file), &tools)?;
    }
    Ok(tools.join("usr/bin").join(NAME))
}

/// Writes the layout with one gzip layer; returns the layer's size in bytes.
fn write_layout(
    rootfs: &Utf8Path,
    folder: &Utf8Path,
    name: &str,
    recipe: &Substitute,
    platform: Platform,
    epoch: u64,
) -> anyhow::Result<u64> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("failed to create `{blobs}`"))?;
    let input = File::open(rootfs).with_context(|| format!("failed to open `{rootfs}`"))?;
    let unnamed = folder.join("layer");
    let output = File::create(&unnamed).with_context(|| format!("failed to create `{unnamed}`"))?;
    let hashing = Hashing { inner: BufWriter::new(output), hasher: Sha256::new() };
    let mut gzip = GzEncoder::new(hashing, Compression::default());
    let diff_id = substitute::write_layer(BufReader::new(input), &mut gzip, recipe, epoch)
        .with_context(|| format!("failed to write the layer of `{name}`"))?;
    let mut hashing = gzip.finish().with_context(|| format!("failed to write `{unnamed}`"))?;
    hashing.flush().with_context(|| format!("failed to write `{unnamed}`"))?;
    let layer = Digest::from_hasher(hashing.hasher);
    let bytes = fs::metadata(&unnamed).with_context(|| format!("failed to read `{unnamed}`"))?.len();
    let named = blobs.join(layer.hex());
    fs::rename(&unnamed, &named).with_context(|| format!("failed to move `{unnamed}` to `{named}`"))?;

    let configuration = documents::configuration(name, recipe, platform, diff_id, epoch);
    let manifest = documents::manifest(&configuration, layer, bytes);
    let digest = Digest::of(&manifest);
    let record = Record { name: name.to_owned(), recipe: substitute::recipe_digest(name, recipe, platform), digest };
    let record = serde_json::to_vec(&record).context("failed to write the substitute's record as JSON")?;
    for (path, content) in [
        (blobs.join(Digest::of(&configuration).hex()), configuration.as_slice()),
        (blobs.join(digest.hex()), manifest.as_slice()),
        (folder.join("index.json"), &documents::index(&manifest, platform)),
        (folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#),
        (folder.join(RECORD), &record),
    ] {
        fs::write(&path, content).with_context(|| format!("failed to write `{path}`"))?;
    }
    Ok(bytes)
}

fn remove_folder(folder: &Utf8Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to remove `{folder}`"))
        }
        _ => Ok(()),
    }
}

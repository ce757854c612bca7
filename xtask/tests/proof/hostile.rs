//! Hostile layers: names and links that leave the root, archives that readers parse differently, decompression bombs.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use tar::EntryType;
use xtask::image::Digest;
use xtask::image::layout::Source;

use crate::archives::{Archive, header};
use crate::elves::{AARCH64, elf};
use crate::layouts::{Image, MemoryLayout, Packing};
use crate::{Case, case, prove_memory};

fn with(archive: Archive) -> Image {
    Image::good().with(archive)
}

fn named(path: &str) -> Image {
    with(Archive::new().file(path, 0o644, "x").file("opt/after", 0o644, "y"))
}

fn bytes(archive: &[u8]) -> Image {
    Image::good().with_bytes(archive, Packing::Plain)
}

pub(crate) fn cases() -> Vec<Case> {
    let note = || Archive::new().file("opt/note", 0o644, "0123456789");
    let dead = |packing: Packing, keep: usize| {
        let archive = Archive::new().file("opt/x.so", 0o644, elf(AARCH64, None)).finish();
        let blob = packing.pack(&archive);
        let kept = blob.len() * keep / 100;
        Image::good().with_blob(blob[..kept].to_vec(), packing, Digest::of(&archive))
    };
    let mut flipped = header(EntryType::Regular, "opt/x", 0o644, "", 0, 0);
    flipped.as_mut_bytes()[0] ^= 1;
    let mut star = header(EntryType::Regular, "opt/x", 0o644, "", 0, 0);
    star.as_mut_bytes()[508..512].copy_from_slice(b"tar\0");
    star.set_cksum();
    let huge = header(EntryType::XHeader, "x", 0o644, "", 1 << 30, 0);
    let endless = header(EntryType::Regular, "opt/x", 0o644, "", 1 << 32, 0);
    let fat_link = header(EntryType::Symlink, "opt/x", 0o644, "y", 512, 0);
    let long = "a/b".repeat(2100);
    let name = "a".repeat(256);
    vec![
        case("an absolute path", named("/etc/cron.d/x"), &[("path-unsafe", "`/etc/cron.d/x` (layer sha256:")]),
        case("a climbing path", named("opt/../../etc/x"), &[("path-unsafe", "climbs with `..`")]),
        case("dots at the front are the root", named("././opt//x"), &[]),
        case("control characters are not printed", named("opt/../\u{1b}[2J"), &[("path-unsafe", "opt/../\\u{1b}[2J")]),
        case(
            "a NUL in a PAX path",
            with(Archive::new().pax(&[("path", "opt/a\0b")]).file("x", 0o644, "")),
            &[("path-unsafe", "NUL")],
        ),
        case(
            "a file in place of the root",
            with(Archive::new().file("./", 0o644, "")),
            &[("archive-malformed", "ends in `/`")],
        ),
        case(
            "a link in place of the root",
            with(Archive::new().symlink(".", "/tmp")),
            &[("path-unsafe", "replace the root")],
        ),
        case(
            "a path longer than PATH_MAX",
            with(Archive::new().pax(&[("path", &long)]).file("x", 0o644, "")),
            &[("path-too-long", "longer than Linux allows")],
        ),
        case(
            "a name longer than NAME_MAX",
            with(Archive::new().pax(&[("path", &name)]).file("x", 0o644, "")),
            &[("path-too-long", "component")],
        ),
        case(
            "a hard link out",
            with(Archive::new().hardlink("opt/x", "../../etc/shadow")),
            &[("link-unsafe", "which climbs")],
        ),
        case(
            "an absolute hard link",
            with(Archive::new().hardlink("opt/x", "/etc/passwd")),
            &[("link-unsafe", "which is absolute")],
        ),
        case(
            "a hard link to nothing",
            with(Archive::new().hardlink("opt/x", "opt/y")),
            &[("link-dangling", "`opt/y`")],
        ),
        case(
            "a hard link to a directory",
            with(Archive::new().hardlink("opt/x", "etc")),
            &[("link-dangling", "`etc`")],
        ),
        case("a symbolic link to no name", with(Archive::new().symlink("opt/x", "")), &[("path-unsafe", "no name")]),
        case(
            "a file below a file",
            with(Archive::new().file("etc/passwd/x", 0o644, "")),
            &[("path-blocked", "no directory")],
        ),
        case(
            "a file through a link out",
            with(Archive::new().symlink("opt", "../../../tmp")).with(Archive::new().file("opt/x", 0o644, "")),
            &[("path-blocked", "climbs out of the root")],
        ),
        case(
            "a file through a link to nothing",
            with(Archive::new().symlink("opt", "/host").file("opt/x", 0o644, "")),
            &[("path-blocked", "leads to no directory")],
        ),
        case(
            "a file through a loop",
            with(Archive::new().symlink("a", "b").symlink("b", "a").file("a/x", 0o644, "")),
            &[("path-blocked", "leads to no directory")],
        ),
        case(
            "a block device",
            with(Archive::new().entry(EntryType::Block, "opt/sda", 0o666, "", &[])),
            &[("device-node", "`opt/sda`")],
        ),
        case(
            "a device under /dev and a FIFO",
            with(Archive::new().entry(EntryType::Char, "./dev/null", 0o666, "", &[]).entry(
                EntryType::Fifo,
                "opt/pipe",
                0o644,
                "",
                &[],
            )),
            &[],
        ),
        case(
            "an unknown kind of entry",
            with(Archive::new().entry(EntryType::new(b'V'), "opt/x", 0o644, "", b"z")),
            &[("entry-type", "type `V`")],
        ),
        case(
            "a sparse file",
            with(Archive::new().pax(&[("GNU.sparse.major", "1")]).file("x", 0o644, "")),
            &[("archive-malformed", "sparse")],
        ),
        case(
            "a deletion of no name",
            with(Archive::new().file("opt/.wh.", 0o644, "")),
            &[("whiteout-malformed", "deletes no name")],
        ),
        case(
            "a deletion of the parent",
            with(Archive::new().file("opt/.wh...", 0o644, "")),
            &[("whiteout-malformed", "deletes no name")],
        ),
        case(
            "a file inside a deletion",
            with(Archive::new().file(".wh.opt/x", 0o644, "")),
            &[("whiteout-malformed", "inside a deletion")],
        ),
        case(
            "a wrong checksum",
            bytes(&Archive::new().raw(&flipped, &[]).finish()),
            &[("archive-malformed", "checksum")],
        ),
        case("a star header", bytes(&Archive::new().raw(&star, &[]).finish()), &[("archive-malformed", "star")]),
        case(
            "an extended header of 1 GiB",
            bytes(&Archive::new().raw(&huge, b"z").finish()),
            &[("archive-malformed", "1 MiB")],
        ),
        case(
            "a link with contents",
            bytes(&Archive::new().raw(&fat_link, &[0; 512]).finish()),
            &[("archive-malformed", "with contents")],
        ),
        case(
            "two extended headers",
            with(Archive::new().pax(&[("path", "a")]).pax(&[("path", "b")]).file("c", 0o644, "")),
            &[("archive-malformed", "two extended")],
        ),
        case(
            "PAX and GNU at once",
            with(
                Archive::new()
                    .pax(&[("path", "a")])
                    .entry(EntryType::GNULongName, "x", 0, "", b"b\0")
                    .file("c", 0o644, ""),
            ),
            &[("archive-malformed", "both PAX and GNU")],
        ),
        case(
            "an extended header about nothing",
            with(Archive::new().pax(&[("path", "a")])),
            &[("archive-malformed", "about nothing")],
        ),
        case(
            "half an end mark",
            bytes(&[&[0; 512][..], &note().finish()].concat()),
            &[("archive-malformed", "half an end mark")],
        ),
        case(
            "a second archive behind the end",
            bytes(&[note().finish(), note().finish()].concat()),
            &[("archive-trailing", "after the end")],
        ),
        case("padding behind the end", bytes(&[note().finish(), vec![0; 10240]].concat()), &[]),
        case("no end mark", bytes(&note().unfinished()), &[("layer-truncated", "without its end mark")]),
        case(
            "an end inside a file",
            bytes(&Archive::new().raw(&endless, b"x").unfinished()),
            &[("layer-truncated", "inside a file")],
        ),
        case("an end inside a header", bytes(&note().finish()[..300]), &[("layer-truncated", "end mark")]),
        case("an empty layer", bytes(&[]), &[("layer-truncated", "end mark")]),
        case("gzip cut short", dead(Packing::Gzip, 60), &[("layer-truncated", "ends early (the blob is the one")]),
        case("zstd cut short", dead(Packing::Zstd, 60), &[("layer-truncated", "ends early (the blob is the one")]),
        case("gzip followed by garbage", trailing(Packing::Gzip), &[("layer-corrupt", "cannot be decompressed")]),
        case("zstd followed by garbage", trailing(Packing::Zstd), &[("layer-corrupt", "cannot be decompressed")]),
        case("a zstd window of 64 MiB", windowed(26), &[("layer-window", "over 32 MiB")]),
        case("a zstd window of 32 MiB", windowed(25), &[]),
    ]
}

fn trailing(packing: Packing) -> Image {
    let archive = Archive::new().file("opt/note", 0o644, "x").finish();
    let blob = [packing.pack(&archive), b"garbage, and more of it".to_vec()].concat();
    Image::good().with_blob(blob, packing, Digest::of(&archive))
}

/// Returns a layer whose frame needs a window of this power of two.
fn windowed(log: u32) -> Image {
    let archive = Archive::new().file("opt/note", 0o644, "x").finish();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    io::Write::write_all(&mut encoder, &archive).unwrap();
    Image::good().with_blob(encoder.finish().unwrap(), Packing::Zstd, Digest::of(&archive))
}

#[test]
fn rejects_bomb_at_first_gigabyte() {
    for packing in [Packing::Zstd, Packing::Gzip] {
        let blob = bomb(packing);
        let image = Image::good().with_blob(blob, packing, Digest::of(b"unknown"));
        let start = Instant::now();
        let proof = prove_memory(&image.build());
        let ids: Vec<_> = proof.findings.iter().map(|finding| finding.id).collect();
        assert_eq!(ids, ["layer-bomb"], "{:?}", proof.findings);
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }
}

/// Returns 12 GiB of zeros: the same compressed 64 MiB, repeated.
fn bomb(packing: Packing) -> Vec<u8> {
    packing.pack(&vec![0; 64 << 20]).repeat(192)
}

#[test]
fn accepts_half_a_gigabyte_of_zeros() {
    let size = 512 << 20;
    let start = header(EntryType::Regular, "var/cache.db", 0o644, "", size, 0);
    let archive = io::Read::chain(&start.as_bytes()[..], io::repeat(0).take(size + 1024));
    let blob = zstd::encode_all(archive, 1).unwrap();
    let mut hasher = <sha2::Sha256 as sha2::Digest>::new();
    io::copy(&mut zstd::Decoder::new(&*blob).unwrap(), &mut Hash(&mut hasher)).unwrap();
    let image = Image::good().with_blob(blob, Packing::Zstd, Digest::from_hasher(hasher));
    assert_eq!(prove_memory(&image.build()).findings, []);
}

struct Hash<'a>(&'a mut sha2::Sha256);

impl io::Write for Hash<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        sha2::Digest::update(self.0, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn rejects_too_many_entries() {
    let archive = (0..200_001).fold(Archive::new(), |archive, number| archive.file(&format!("f{number}"), 0o644, ""));
    let proof = prove_memory(&with(archive).build());
    let ids: Vec<_> = proof.findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, ["too-many-entries"]);
}

/// A source that fails in the middle of a layer.
struct Failing(MemoryLayout);

impl Source for Failing {
    fn index(&self) -> io::Result<Box<dyn Read + Send>> {
        self.0.index()
    }

    fn open(&self, digest: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let blob = self.0.open(digest)?;
        let is_layer = self.0.layers.contains(digest);
        if is_layer { Ok(Box::new(blob.take(100).chain(Broken))) } else { Ok(blob) }
    }
}

struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk is on fire"))
    }
}

#[test]
fn failing_disk_is_error_not_finding() {
    use xtask::image::proof::{Expectation, prove};
    let expectation = Expectation { platform: xtask::image::Platform::LinuxAmd64, ports: [8000].into() };
    let error = prove(&Failing(Image::good().build()), &expectation).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("the disk is on fire") && text.contains("layer `sha256:"), "{text}");
    assert_eq!(xtask::error::exit_of(&error), xtask::error::Exit::Failed);
}

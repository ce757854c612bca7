//! ELF files of other machines, visible and hidden, in layers of every packing.

use serde_json::json;

use crate::archives::Archive;
use crate::elves::{AARCH64, GLIBC, X86_64, elf, elf_of, real_elf};
use crate::layouts::{Image, LayerBlob, Packing};
use crate::{Case, case, prove_memory};

fn foreign(path: &str) -> Archive {
    Archive::new().file(path, 0o755, elf(AARCH64, None))
}

pub(crate) fn cases() -> Vec<Case> {
    let arm_so = "`/opt/x.so` (layer sha256:";
    let mut cases = vec![
        case(
            "one arm64 shared object",
            Image::good().with(foreign("opt/x.so")),
            &[("foreign-library", "is aarch64; the task runs linux/amd64")],
        ),
        case(
            "a real program patched to arm64",
            Image::good().with(Archive::new().file("opt/tool", 0o755, real_elf(AARCH64))),
            &[("foreign-program", "`/opt/tool` (layer sha256:")],
        ),
        case(
            "a real program of this machine",
            Image::good().with(Archive::new().file("opt/tool", 0o755, real_elf(X86_64))),
            &[],
        ),
        case(
            "i386",
            Image::good().with(Archive::new().file("opt/t", 0o755, elf_of(1, 2, 3))),
            &[("foreign-program", "i386")],
        ),
        case(
            "x32",
            Image::good().with(Archive::new().file("opt/t", 0o755, elf_of(1, 2, 62))),
            &[("foreign-program", "x32")],
        ),
        case(
            "objects and core dumps",
            Image::good().with(Archive::new().file("opt/a.o", 0o644, elf_of(2, 1, AARCH64)).file(
                "opt/core",
                0o644,
                elf_of(2, 4, AARCH64),
            )),
            &[],
        ),
        case("Windows programs", Image::good().with(Archive::new().file("opt/cli-arm64.exe", 0o755, b"MZ\x90\0")), &[]),
        case(
            "a config that lies about an arm64 base",
            lying_base(),
            &[
                ("foreign-base", "5 of 5 ELF files are not for linux/amd64, the first is aarch64"),
                ("foreign-program", "/usr/bin/dash"),
                ("foreign-program", "/usr/bin/env"),
                ("foreign-program", "/usr/bin/python3.13"),
                ("foreign-library", "/usr/lib64/ld-linux-x86-64.so.2"),
                ("foreign-library", "/usr/lib64/libc.so.6"),
            ],
        ),
        // Whiteouts and replacements: a file that cannot run is not a finding.
        case(
            "deleted by a whiteout",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().file("opt/.wh.x.so", 0o644, "")),
            &[],
        ),
        case(
            "hidden with its directory",
            Image::good().with(foreign("opt/d/x.so")).with(Archive::new().file(".wh.opt", 0o644, "")),
            &[],
        ),
        case(
            "hidden by an opaque directory",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().file("opt/y", 0o644, "").file(
                "opt/.wh..wh..opq",
                0o644,
                "",
            )),
            &[],
        ),
        case(
            "replaced by a file",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().file("opt/x.so", 0o644, "text")),
            &[],
        ),
        case(
            "its directory replaced by a file",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().file("opt", 0o644, "")),
            &[],
        ),
        case(
            "replaced by a link",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().symlink("opt/x.so", "y")),
            &[],
        ),
        case("replaced within its own layer", Image::good().with(foreign("opt/x.so").file("opt/x.so", 0o644, "")), &[]),
        case(
            "deleted and brought back",
            Image::good()
                .with(foreign("opt/a"))
                .with(Archive::new().file("opt/.wh.x.so", 0o644, ""))
                .with(Archive::new().file("opt/.wh.a", 0o644, "").file("opt/x.so", 0o755, elf(AARCH64, None))),
            &[("foreign-library", arm_so)],
        ),
        case(
            "a whiteout does not hide its own layer",
            Image::good().with(foreign("opt/x.so").file("opt/.wh.x.so", 0o644, "")),
            &[("foreign-library", arm_so)],
        ),
        case(
            "a whiteout through a link of the base",
            Image::good().with(foreign("usr/bin/tool")).with(Archive::new().file("bin/.wh.tool", 0o644, "")),
            &[],
        ),
        case(
            "an entry through a link of the base",
            Image::good().with(foreign("bin/tool")),
            &[("foreign-program", "`/usr/bin/tool`")],
        ),
        case(
            "reached by a hard link alone",
            Image::good().with(foreign("opt/x.so").hardlink("opt/y.so", "opt/x.so")).with(Archive::new().file(
                "opt/.wh.x.so",
                0o644,
                "",
            )),
            &[("foreign-library", "`/opt/y.so`")],
        ),
        case(
            "a hard link to a lower layer is one file",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().hardlink("a/y.so", "./opt/x.so")),
            &[("foreign-library", "`/a/y.so`")],
        ),
        case(
            "a directory entry over a directory keeps it",
            Image::good().with(foreign("opt/x.so")).with(Archive::new().directory("opt/", 0o755)),
            &[("foreign-library", arm_so)],
        ),
        case(
            "a long name in a PAX header",
            Image::good().with(Archive::new().pax(&[("SCHILY.xattr.user.x", "a\nb"), ("path", "opt/x.so")]).file(
                "short",
                0o755,
                elf(AARCH64, None),
            )),
            &[("foreign-library", arm_so)],
        ),
        case(
            "a long name in a GNU header",
            Image::good().with(
                Archive::new().entry(tar::EntryType::GNULongName, "././@LongLink", 0, "", b"opt/x.so\0").file(
                    "short",
                    0o755,
                    elf(AARCH64, None),
                ),
            ),
            &[("foreign-library", arm_so)],
        ),
    ];
    for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
        cases.push(case(
            "every packing",
            Image::good().with_bytes(&foreign("opt/x.so").finish(), packing),
            &[("foreign-library", arm_so)],
        ));
    }
    let archive = foreign("opt/x.so").finish();
    let diff_id = xtask::image::Digest::of(&archive);
    let (front, back) = archive.split_at(700);
    for packing in [Packing::Gzip, Packing::Zstd] {
        let parts = [packing.pack(front), packing.pack(back)].concat();
        cases.push(case(
            "members and frames",
            Image::good().with_blob(parts, packing, diff_id),
            &[("foreign-library", arm_so)],
        ));
    }
    let skippable = b"\x53\x2a\x4d\x18\x05\0\0\0hello";
    let frames = [skippable, &*Packing::Zstd.pack(front), skippable, &*Packing::Zstd.pack(back), skippable].concat();
    cases.push(case(
        "skippable frames",
        Image::good().with_blob(frames, Packing::Zstd, diff_id),
        &[("foreign-library", arm_so)],
    ));
    cases
}

/// Returns a whole base for arm64 whose config states amd64.
fn lying_base() -> Image {
    let base = Archive::new()
        .file("usr/bin/dash", 0o755, elf(AARCH64, Some(GLIBC)))
        .symlink("bin/sh", "../usr/bin/dash")
        .file("usr/bin/env", 0o755, elf(AARCH64, Some(GLIBC)))
        .file("usr/bin/python3.13", 0o755, elf(AARCH64, Some(GLIBC)))
        .symlink("lib64", "usr/lib64")
        .file("usr/lib64/ld-linux-x86-64.so.2", 0o755, elf(AARCH64, None))
        .file("usr/lib64/libc.so.6", 0o755, elf(AARCH64, None))
        .file("app/start.sh", 0o755, "#!/bin/sh\n");
    Image::of(vec![LayerBlob::new(&base.finish(), Packing::Gzip)]).set("User", json!("1000"))
}

#[test]
fn counts_hidden_foreign_files() {
    let image = Image::good()
        .with(foreign("opt/x.so").file("opt/z.so", 0o755, elf(AARCH64, None)))
        .with(Archive::new().file("opt/.wh.x.so", 0o644, ""));
    let proof = prove_memory(&image.build());
    assert_eq!((proof.hidden_foreign, proof.findings.len()), (1, 1));
}

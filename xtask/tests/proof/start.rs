//! The start of the image: command, interpreters, loaders, user, ports.

use serde_json::{Value, json};

use crate::archives::Archive;
use crate::elves::{GLIBC, X86_64, elf};
use crate::layouts::Image;
use crate::{Case, case};

/// Returns the good image with this content as `/app/run` and as its entrypoint.
fn run(content: impl AsRef<[u8]>) -> Image {
    Image::good().with(Archive::new().file("app/run", 0o755, content)).set("Entrypoint", json!(["/app/run"]))
}

fn starts(words: Value) -> Image {
    Image::good().set("Entrypoint", words)
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case("no command at all", starts(json!(null)).set("Cmd", json!([])), &[("no-command", "neither")]),
        case(
            "a command alone, on PATH, through links",
            starts(json!(null)).set("Cmd", json!(["python3", "-m", "x"])),
            &[],
        ),
        case("relative to the working directory", starts(json!(["./start.sh"])), &[]),
        case(
            "links that climb over the root stay inside",
            Image::good()
                .with(Archive::new().symlink("app/up", "../../../../usr/bin/python3"))
                .set("Entrypoint", json!(["/app/up"])),
            &[],
        ),
        case(
            "not on PATH",
            starts(json!(["gunicorn"])),
            &[("program-missing", "`gunicorn` is in no directory of PATH")],
        ),
        case("a path to nothing", starts(json!(["/app/serve"])), &[("program-missing", "`/app/serve` does not exist")]),
        case(
            "deleted by a later layer",
            Image::good().with(Archive::new().file("app/.wh.start.sh", 0o644, "")),
            &[("program-missing", "start.sh")],
        ),
        case(
            "a loop of links",
            Image::good().with(Archive::new().symlink("a", "b").symlink("b", "a")).set("Entrypoint", json!(["/a"])),
            &[("program-missing", "loop")],
        ),
        case("below a file", starts(json!(["/etc/passwd/x"])), &[("program-missing", "no directory")]),
        case("an empty word", starts(json!([""])), &[("program-missing", "PATH")]),
        case("a directory", starts(json!(["/app"])), &[("program-not-executable", "not a regular file")]),
        case(
            "no execute bit",
            Image::good().with(Archive::new().file("app/start.sh", 0o644, "#!/bin/sh\n")),
            &[("program-not-executable", "mode 0644")],
        ),
        case(
            "execute bit for another user",
            Image::good().with(Archive::new().file("app/start.sh", 0o744, "#!/bin/sh\n")),
            &[("program-not-executable", "mode 0744")],
        ),
        case(
            "execute bit for the user itself",
            Image::good().with(Archive::new().owned_by(1000).file("app/start.sh", 0o700, "#!/bin/sh\n")),
            &[],
        ),
        case(
            "execute bit for a group of the user",
            Image::good().with(Archive::new().owned_by(2000).file("app/start.sh", 0o710, "#!/bin/sh\n")),
            &[],
        ),
        case(
            "a closed directory",
            Image::good().with(Archive::new().directory("app/", 0o700)),
            &[("program-not-executable", "directory of mode 0700")],
        ),
        case(
            "a skipped word of PATH",
            Image::good()
                .with(Archive::new().file("usr/local/bin/python3", 0o644, ""))
                .set("Entrypoint", json!(["python3"])),
            &[],
        ),
        case("an empty file", run(""), &[("program-format", "an empty file")]),
        case(
            "text without an interpreter",
            run("exec true\n"),
            &[("program-format", "neither an ELF program nor a script")],
        ),
        case("a macOS program", run(b"\xcf\xfa\xed\xfe\x0c\0\0\x01"), &[("program-format", "macOS")]),
        case("a byte-order mark", run("\u{feff}#!/bin/sh\n"), &[("program-format", "byte-order mark")]),
        case(
            "Windows line endings",
            run("#!/bin/sh\r\nexec true\r\n"),
            &[("script-crlf", "`/app/run` (layer sha256:")],
        ),
        case("Windows line endings behind env", run("#!/usr/bin/env python3\r\n"), &[("script-crlf", "CR LF")]),
        case("a missing interpreter", run("#!/bin/bash\n"), &[("script-interpreter", "`/bin/bash` does not exist")]),
        case("no interpreter named", run("#!\n"), &[("script-interpreter", "names no interpreter")]),
        case("env and a program on PATH", run("#!/usr/bin/env python3\n"), &[]),
        case(
            "env and a program that is not there",
            run("#!/usr/bin/env bash\n"),
            &[("script-interpreter", "`bash` is in no directory")],
        ),
        case(
            "env with words it would take as one name",
            run("#!/usr/bin/env python3 -u\n"),
            &[("script-interpreter", "`python3 -u`")],
        ),
        case("env that splits words", run("#!/usr/bin/env -S PYTHONUTF8=1 python3 -u\n"), &[]),
        case("a script interpreted by itself", run("#!/app/run\n"), &[("script-interpreter", "too deep")]),
        case("a script interpreted by a script", run("#!/app/start.sh\n"), &[]),
        case(
            "a musl program on a glibc base",
            run(elf(X86_64, Some("/lib/ld-musl-x86_64.so.1"))),
            &[("loader-missing", "`/lib/ld-musl-x86_64.so.1`, which is not in the image")],
        ),
        case("a glibc program whose loader is there", run(elf(X86_64, Some(GLIBC))), &[]),
        case("a static program", run(elf(X86_64, None)), &[]),
        case(
            "a port that is not exposed",
            Image::good().set("ExposedPorts", json!(null)),
            &[("port-undeclared", "port 8000")],
        ),
        case(
            "a port too many",
            Image::good().set("ExposedPorts", json!({"8000/tcp": {}, "22": {}, "53/udp": {}})),
            &[("port-unexpected", "port 22")],
        ),
        case(
            "ports that are none",
            Image::good().set("ExposedPorts", json!({"8000/tcp": {}, "0/tcp": {}, "70000/tcp": {}})),
            &[("port-malformed", "`0/tcp`"), ("port-malformed", "`70000/tcp`")],
        ),
        case("an unknown user", Image::good().set("User", json!("stranger")), &[("user-unknown", "`stranger`")]),
        case("an unknown number", Image::good().set("User", json!("4294967296")), &[("user-unknown", "")]),
        case(
            "a group that is none",
            Image::good().set("User", json!("app:staff")),
            &[("user-unknown", "the group of `app:staff`")],
        ),
        case("a number without a line", Image::good().set("User", json!("4711:4711")), &[]),
        case(
            "a passwd that names a number",
            Image::good().with(Archive::new().file("etc/passwd", 0o644, "1000:x:0:0::/:\n")).set("User", json!("1000")),
            &[("user-root", "`1000`")],
        ),
    ];
    for root in ["", "root", "0", "0:0", "root:root", "0:1000", "00", "+0", "toor", "toor:app"] {
        cases.push(case("root by any name", Image::good().set("User", json!(root)), &[("user-root", "root")]));
    }
    cases.push(case("no user key", Image::good().set("User", json!(null)), &[("user-root", "names no user")]));
    cases
}

//! The house's own rules: layering, file length, names.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot read its own repository has failed")]

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

/// What pure modules must not name: their inputs arrive as arguments.
const EFFECTS: [&str; 9] = [
    "std::fs",
    "std::env",
    "std::process",
    "std::time",
    "std::net::Tcp",
    "xshell",
    "tokio",
    "rustix",
    "crate::effects",
];

/// Modules without effects. `report/progress.rs` draws what an effect saw and is not among them.
const PURE: [&str; 12] = [
    "checks",
    "checks.rs",
    "dev/test/counts.rs",
    "dev/test/suites.rs",
    "ecs",
    "ecs.rs",
    "error.rs",
    "image",
    "image.rs",
    "plan",
    "project",
    "release.rs",
];

/// Past this a file has more than one concept in it.
const LONGEST_FILE: usize = 400;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files that git tracks or would track.
fn files() -> Vec<Utf8PathBuf> {
    let output = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success());
    let files = String::from_utf8(output.stdout).unwrap();
    let files = files.lines().map(Utf8PathBuf::from).filter(|file| root().join(file).is_file()).collect::<Vec<_>>();
    assert!(files.len() > 30, "git lists too few files for this test to mean anything");
    files
}

fn text(file: &Utf8Path) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn pure_modules_have_no_effects() {
    let mut problems = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("xtask/src") else { continue };
        if !PURE.iter().any(|pure| inside.starts_with(pure)) {
            continue;
        }
        let text = text(&file);
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (at, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for effect in EFFECTS.iter().filter(|effect| line.contains(*effect)) {
                problems.push(format!("{file}:{}: a pure module names `{effect}`", at + 1));
            }
        }
    }
    report(&problems);
}

#[test]
fn commands_do_not_import_each_other_and_effects_decide_nothing() {
    let mut problems = Vec::new();
    for file in files() {
        let text = text_if_rust(&file);
        for (at, line) in text.lines().enumerate() {
            let within = |folder: &str| file.as_str().starts_with(&format!("xtask/src/{folder}"));
            if within("commands/") && line.trim_start().starts_with("use crate::commands") {
                problems.push(format!("{file}:{}: a command imports another", at + 1));
            }
            if within("effects/") && line.contains("crate::commands") {
                problems.push(format!("{file}:{}: an effect knows a command", at + 1));
            }
            if line.contains("xshell") && !within("effects") && line.trim_start().starts_with("use ") {
                problems.push(format!("{file}:{}: xshell left `effects/`", at + 1));
            }
        }
    }
    report(&problems);
}

fn text_if_rust(file: &Utf8Path) -> String {
    if file.extension() == Some("rs") && file.starts_with("xtask/src") { text(file) } else { String::new() }
}

#[test]
fn files_are_short_named_for_what_they_hold_and_say_what_it_is() {
    let mut problems = Vec::new();
    for file in files() {
        let name = file.file_name().unwrap_or_default();
        if ["util.rs", "utils.rs", "common.rs", "helpers.rs", "misc.rs", "mod.rs", "util.py", "utils.py", "helpers.py"]
            .contains(&name)
        {
            problems.push(format!("{file}: a name that explains nothing"));
        }
        let is_code = matches!(file.extension(), Some("rs" | "py"));
        if !is_code || file.as_str().contains("/migrations/") {
            continue;
        }
        let text = text(&file);
        if text.lines().count() > LONGEST_FILE {
            problems.push(format!("{file}: {} lines, split it by concept", text.lines().count()));
        }
        if file.extension() == Some("rs") && !text.starts_with("//!") {
            problems.push(format!("{file}: no module doc on its first line"));
        }
    }
    report(&problems);
}

#[test]
fn the_repository_keeps_its_promises() {
    assert!(
        text("README.md".into()).contains("cargo xtask deploy")
            || text("README.md".into()).contains("cargo xtask build")
    );
    assert!(text("README.md".into()).contains("cargo xtask test"));
    assert!(text(".cargo/config.toml".into()).contains("xtask = "));
    assert!(text(".ci/run".into()).contains("cargo xtask test"));
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(text("CHANGELOG.md".into()).contains(&version), "CHANGELOG.md has no section `{version}`");
    for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
        assert!(root().join(licence).is_file(), "{licence} is missing");
    }
    let decisions = files().into_iter().filter(|file| file.starts_with("docs/decisions")).collect::<Vec<_>>();
    for decision in decisions {
        let name = decision.file_name().unwrap_or_default();
        assert!(
            name.len() > 5 && name[..4].bytes().all(|byte| byte.is_ascii_digit()),
            "{decision}: no number in front"
        );
    }
}

#[test]
fn the_scheduler_of_the_emulator_is_pure() {
    let mut problems = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("infra/local-aws/src") else { continue };
        if !inside.as_str().starts_with("scheduler") {
            continue;
        }
        let text = text(&file);
        // The one edge: `run` waits for changes and reads the clock, at the end of `scheduler.rs`.
        let end = if inside == "scheduler.rs" { "pub async fn run" } else { "#[cfg(test)]" };
        let code = text.split(end).next().unwrap_or_default();
        for (at, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            // A duration is a value; a clock is not.
            let clocks = ["bollard", "Timestamp::now", "async fn", "SystemTime", "Instant"];
            for effect in EFFECTS.iter().filter(|effect| **effect != "std::time").chain(&clocks) {
                if line.contains(*effect) {
                    problems.push(format!("{file}:{}: the scheduler names `{effect}`", at + 1));
                }
            }
        }
    }
    report(&problems);
}

#[test]
fn this_tool_and_the_emulator_share_names_and_no_code() {
    let ours = text("xtask/src/plan/local.rs".into());
    let theirs = text("infra/local-aws/src/settings.rs".into());
    let constant = |text: &str, name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(&format!("pub const {name}: &str = \"")).map(str::to_owned))
    };
    assert!(constant(&ours, "ACCOUNT").is_some());
    assert_eq!(constant(&ours, "ACCOUNT"), constant(&theirs, "ACCOUNT"));
    // Compiling the daemon is no part of a first `build`.
    let manifest = text("xtask/Cargo.toml".into());
    assert!(!manifest.lines().any(|line| line.starts_with("local-aws")), "xtask depends on local-aws");
    for file in files().iter().filter(|file| file.starts_with("xtask/src")) {
        // Network clients alone, and what they offer to others waits for its result (docs/decisions/0007).
        let is_client = ["aws.rs", "aws/", "ecr.rs", "http.rs", "registry/", "web.rs"]
            .iter()
            .any(|part| file.as_str().starts_with(&format!("xtask/src/effects/{part}")));
        let code = text(file);
        assert!(is_client || !code.contains("async fn"), "{file}: async code outside of the network clients");
        assert!(!code.contains("pub async fn"), "{file}: async in a signature for others");
    }
}

#[test]
fn the_architecture_document_names_every_module_of_the_emulator() {
    let map = text("ARCHITECTURE.md".into());
    // Its part of the map: a folder's modules stand behind the folder's name.
    let part = map.split("infra/local-aws/src/").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let words: Vec<&str> = part.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let mut problems = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("infra/local-aws/src") else { continue };
        // Modules of one AWS service are its own affair.
        let depth = if inside.starts_with("services") { 2 } else { inside.components().count() };
        for name in inside.components().take(depth) {
            if !words.contains(&name.as_str().trim_end_matches(".rs")) {
                problems.push(format!("ARCHITECTURE.md does not name `{inside}` of local-aws"));
            }
        }
    }
    problems.dedup();
    report(&problems);
}

#[test]
fn the_architecture_document_names_every_module() {
    let map = text("ARCHITECTURE.md".into());
    let mut problems = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("xtask/src") else { continue };
        let Some(top) = inside.components().next() else { continue };
        let name = match inside.components().count() {
            1 => top.as_str().to_owned(),
            _ => inside.components().take(2).map(|part| part.as_str().to_owned()).collect::<Vec<_>>().join("/"),
        };
        let stem = name.trim_end_matches(".rs").to_owned();
        if !map.contains(&stem) {
            problems.push(format!("ARCHITECTURE.md does not name `{stem}`"));
        }
    }
    problems.dedup();
    report(&problems);
}

//! The product does not depend on this repository's own tasks: the modules below `dev` are named by the dispatch alone,
//! and there only with the cargo feature.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own sources has failed")]

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

/// The files that may name `dev`, each line below `#[cfg(feature = "dev")]`.
const DISPATCH: [&str; 3] = ["lib.rs", "main.rs", "flags.rs"];

/// Modules of `dev`, by a name that the product has no other use for.
const NAMES: [&str; 5] = ["crate::dev", "xtask::dev", "Command::Dev", "Dev(", "pub mod dev;"];

fn sources(folder: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().to_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension() == Some("rs") {
            found.push(path);
        }
    }
}

/// Lines that name `dev`; without those below the feature, where `is_dispatch`.
fn violations(code: &str, is_dispatch: bool) -> Vec<usize> {
    let lines: Vec<&str> = code.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let is_gated = |at: usize| {
        // Other attributes may stand between the feature and the line.
        let mut above = lines.iter().take(at).rev().take_while(|line| line.starts_with("#["));
        above.any(|line| *line == "#[cfg(feature = \"dev\")]")
    };
    let names = |line: &str| {
        let grouped = line.starts_with("use crate::{") && line.split(['{', ',', ' ', ':']).any(|word| word == "dev");
        grouped || NAMES.iter().any(|name| line.contains(name))
    };
    let named = lines.iter().enumerate().filter(|(_, line)| names(line)).map(|(at, _)| at);
    named.filter(|at| !(is_dispatch && is_gated(*at))).collect()
}

#[test]
fn only_the_dispatch_names_dev_and_only_with_its_feature() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut problems = Vec::new();
    let mut own = 0;
    for file in &files {
        let inside = file.strip_prefix(&root).unwrap();
        if inside == "dev.rs" || inside.starts_with("dev") {
            own += 1;
            continue;
        }
        let is_dispatch = DISPATCH.iter().any(|name| inside == *name);
        let code = fs::read_to_string(file).unwrap();
        problems.extend(violations(&code, is_dispatch).into_iter().map(|at| format!("{inside}: code line {at}")));
    }
    assert!(own > 10 && files.len() > 100, "too few sources were found: {own} of {}", files.len());
    assert!(problems.is_empty(), "the product names `dev`:\n{}", problems.join("\n"));
}

#[test]
fn detects_names_without_the_feature() {
    let check = |code: &str, is_dispatch: bool, expected: &[usize]| {
        assert_eq!(violations(code, is_dispatch), expected, "{code}");
    };
    check("use crate::dev::packages;", false, &[0]);
    check("use crate::{dev, effects};", false, &[0]);
    check("#[cfg(feature = \"dev\")]\nuse crate::dev::packages;", false, &[1]);
    check("#[cfg(feature = \"dev\")]\n#[command(flatten)]\nDev(crate::dev::Verb),", true, &[]);
    check("fn f() {}\nCommand::Dev(verb) => {}", true, &[1]);
    check("// crate::dev\nuse crate::{effects::device, error};", false, &[]);
}

/// The verbs as clap has them in this build.
#[test]
fn verbs_follow_the_feature() {
    let command = <xtask::flags::Flags as clap::CommandFactory>::command();
    for verb in ["test", "bench"] {
        assert_eq!(command.find_subcommand(verb).is_some(), cfg!(feature = "dev"), "{verb}");
    }
}

#[cfg(feature = "dev")]
#[test]
fn rejects_old_suite_name_with_the_new_one() {
    let parse = |suite| <xtask::flags::Flags as clap::Parser>::try_parse_from(["xtask", "test", "--only", suite]);
    assert!(parse("conformance").is_ok());
    let error = parse("referees").unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("hint: --only conformance"), "{error}");
    let error = parse("conformanc").unwrap_err().to_string();
    assert!(error.contains("conformance") && error.contains("django-sqlite"), "{error}");
}

//! Import structure: no circle among the top-level modules of a crate, computed from `use` lines and inline paths.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own repository has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

/// Source folders whose top-level modules must form no circle. `main` and `lib` name all others and are left out.
const CRATES: [&str; 2] = ["xtask/src", "infra/local-aws/src"];

/// Imports among top-level modules: (importing, imported) → the files that import.
type Imports = BTreeMap<(String, String), BTreeSet<Utf8PathBuf>>;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Rust files that git tracks or would track below `folder`, relative to it.
fn files(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success());
    let files = String::from_utf8(output.stdout).unwrap();
    let is_rust = |file: &Utf8PathBuf| file.extension() == Some("rs") && folder.join(file).is_file();
    files.lines().map(Utf8PathBuf::from).filter(is_rust).collect()
}

/// The top-level module that a file belongs to.
fn room(file: &Utf8Path) -> String {
    file.components().next().unwrap().as_str().trim_end_matches(".rs").to_owned()
}

/// Names right after `crate::`, also those within braces: `crate::{a, b::c}`. Tests and comments are left out.
fn imported(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(inside) = rest.strip_prefix('{') else {
            names.insert(name(rest));
            continue;
        };
        let mut depth = 0;
        let mut begin = true;
        for (at, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begin = true,
                c if begin && !c.is_whitespace() => {
                    names.insert(name(&inside[at..]));
                    begin = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn imports(files: &[(Utf8PathBuf, String)]) -> Imports {
    let rooms: BTreeSet<String> = files.iter().map(|(file, _)| room(file)).collect();
    let mut imports = Imports::new();
    for (file, text) in files.iter().filter(|(file, _)| !["main", "lib"].contains(&room(file).as_str())) {
        let here = room(file);
        for name in imported(text).into_iter().filter(|name| rooms.contains(name) && *name != here) {
            imports.entry((here.clone(), name)).or_default().insert(file.clone());
        }
    }
    imports
}

/// Imports that belong to a circle, one line each.
fn circles(imports: &Imports) -> Vec<String> {
    let reachable = |from: &str| {
        let (mut found, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(room) = open.pop() {
            for (_, to) in imports.keys().filter(|(from, _)| *from == room) {
                if found.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        found
    };
    let in_circle = imports.iter().filter(|((from, to), _)| reachable(to).contains(from));
    let line = |((from, to), files): (&(String, String), &BTreeSet<Utf8PathBuf>)| {
        let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
        format!("`{from}` imports `{to}`: {}", files.join(", "))
    };
    in_circle.map(line).collect()
}

#[test]
fn top_level_modules_form_no_circle() {
    for folder in CRATES {
        let folder = root().join(folder);
        let read = |file: Utf8PathBuf| (file.clone(), fs::read_to_string(folder.join(&file)).unwrap());
        let files: Vec<_> = files(&folder).into_iter().map(read).collect();
        let imports = imports(&files);
        assert!(imports.len() > 10, "{folder}: too few imports were found for this test to mean anything");
        let circles = circles(&imports);
        assert!(circles.is_empty(), "{folder} has an import circle:\n{}", circles.join("\n"));
    }
}

#[test]
fn finds_a_planted_circle() {
    let file = |name: &str, text: &str| (Utf8PathBuf::from(name), text.to_owned());
    let files = [
        file("plan.rs", "use crate::{error::Failure, report::{self, Report}};"),
        file("report/human.rs", "fn f() { crate::effects::now(); }"),
        file("effects.rs", "use crate::plan::Plan;\n// crate::error is named in a comment only\n"),
        file("error.rs", "#[cfg(test)]\nmod tests { use crate::plan::Plan; }"),
    ];
    let found = circles(&imports(&files));
    let expected = [
        "`effects` imports `plan`: effects.rs",
        "`plan` imports `report`: plan.rs",
        "`report` imports `effects`: report/human.rs",
    ];
    assert_eq!(found, expected);
}

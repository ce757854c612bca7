//! The reach of Dockerfiles compared with the files that BuildKit uses. `dockerfiles.json` has a tree, and for each
//! Dockerfile the files and link targets that its build used (buildx 0.13, Docker 26.1).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::symlink;

use serde::Deserialize;
use xtask::effects::context::Base;
use xtask::image::Digest;
use xtask::image::dockerfile::BaseFacts;
use xtask::image::fingerprint::{Content, ContextInputs, Inputs, Tree};
use xtask::project::ContextSource;

use crate::repository::Repository;

#[derive(Deserialize)]
struct Vectors {
    files: Vec<String>,
    links: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    dockerfile: String,
    used: BTreeSet<String>,
    /// Whether the reach is wider than the files used, because of a link or of a value that only a shell could compute.
    #[serde(default)]
    more: bool,
}

/// Returns the files by their path in the context, or below `assets/`; links as `->target`.
fn reached(inputs: &Inputs) -> BTreeSet<String> {
    let list = |tree: &Tree, prefix: &str| {
        let name = |entry: &xtask::image::fingerprint::Entry| match &entry.content {
            Content::File { .. } => format!("{prefix}{}", entry.path),
            Content::Symlink { target } => format!("->{target}"),
        };
        tree.entries().iter().map(name).collect::<Vec<_>>()
    };
    let mut all: BTreeSet<String> = list(&inputs.context, "").into_iter().collect();
    for context in inputs.contexts.values() {
        let ContextInputs::Directory(tree) = context else { continue };
        all.extend(list(tree, "assets/"));
    }
    all
}

#[test]
fn reach_includes_every_used_file() {
    let vectors: Vectors = serde_json::from_str(include_str!("dockerfiles.json")).unwrap();
    let mut repository = Repository::new();
    for file in &vectors.files {
        repository.write(&format!("ctx/{file}"), file);
    }
    for (link, target) in &vectors.links {
        symlink(target, repository.path(&format!("ctx/{link}"))).unwrap();
    }
    for file in ["x/1", "x/y/2", "3", "skip"] {
        repository.write(&format!("assets/{file}"), file);
    }
    repository.write("assets/.dockerignore", "skip\n.dockerignore\n");
    repository.write("Dockerfile.dockerignore", "ex/drop\n");
    let python = Base { digest: Digest::of(b"python"), facts: Some(BaseFacts::default()) };
    repository.bases.insert("python:3.13-slim".to_owned(), python);
    let image = repository.image("app");
    image.context = "ctx".into();
    image.dockerfile = "Dockerfile".into();
    image.contexts.insert("assets".to_owned(), ContextSource::Directory("assets".into()));

    assert!(vectors.cases.len() > 70);
    let mut wrong = Vec::new();
    for Case { dockerfile, used, more } in vectors.cases {
        repository.write("Dockerfile", &dockerfile);
        let reached = reached(&repository.observe("app"));
        let missed: Vec<_> = used.difference(&reached).collect();
        let extra: Vec<_> = reached.difference(&used).collect();
        if !missed.is_empty() || extra.is_empty() == more {
            wrong.push(format!("{dockerfile:?}: missed {missed:?}, read for nothing {extra:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The ignore rules compared with BuildKit. `dockerignore.json` has a tree, and for each ignore file the paths that
//! `FROM scratch` / `COPY . /` put into the image (buildx 0.13, Docker 26.1), or that the build was rejected.

use serde::Deserialize;
use xtask::image::dockerignore::Ignore;

#[derive(Deserialize)]
struct Vectors {
    tree: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    ignore: String,
    #[serde(default)]
    refused: bool,
    #[serde(default)]
    kept: Vec<String>,
}

/// Returns the files that a walk with pruning keeps.
fn kept(rules: &Ignore, tree: &[String]) -> Vec<String> {
    let keeps = |path: &str| {
        let mut verdict = rules.root();
        for (at, _) in path.match_indices('/') {
            verdict = rules.judge(&verdict, &path[..at]);
            if verdict.is_excluded() && !rules.may_keep_below(&path[..at]) {
                return false;
            }
        }
        !rules.excludes(&verdict, path)
    };
    tree.iter().filter(|path| keeps(path)).cloned().collect()
}

#[test]
fn keeps_same_files_as_buildkit() {
    let vectors: Vectors = serde_json::from_str(include_str!("dockerignore.json")).unwrap();
    assert!(vectors.cases.len() > 100);
    let mut wrong = Vec::new();
    for Case { ignore, refused, kept: expected } in vectors.cases {
        match Ignore::parse(&ignore, ".dockerignore".into()) {
            Ok(_) if refused => wrong.push(format!("{ignore:?} was accepted")),
            // Go's rules read `\\b` as the letter, BuildKit's regular expression as a word boundary; it is rejected
            // deliberately.
            Err(_) if refused || ignore == "a\\b" => {}
            Err(error) => wrong.push(format!("{ignore:?} was refused: {error}")),
            Ok(rules) => {
                let actual = kept(&rules, &vectors.tree);
                if actual != expected {
                    let extra: Vec<_> = actual.iter().filter(|path| !expected.contains(path)).collect();
                    let missed: Vec<_> = expected.iter().filter(|path| !actual.contains(path)).collect();
                    wrong.push(format!("{ignore:?}: kept too much {extra:?}, missed {missed:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

//! The proof of architecture over generated layouts: a table of images and exactly the findings of each. At least one
//! row triggers each rule.

#![expect(clippy::unwrap_used, reason = "clippy knows test functions only, not what they call")]

#[path = "support/archives.rs"]
mod archives;
#[path = "proof/disk.rs"]
mod disk;
#[path = "proof/documents.rs"]
mod documents;
#[path = "support/elves.rs"]
mod elves;
#[path = "proof/garbage.rs"]
mod garbage;
#[path = "proof/hostile.rs"]
mod hostile;
#[path = "support/layouts.rs"]
mod layouts;
#[path = "proof/machines.rs"]
mod machines;
#[path = "proof/start.rs"]
mod start;

use std::collections::BTreeSet;

use layouts::{Image, MemoryLayout};
use xtask::error::Exit;
use xtask::image::Platform;
use xtask::image::proof::{Expectation, LISTED_PER_RULE, Proof, RULES, prove};

/// One image, and its findings in order: the rule and a part of the message.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) image: Image,
    pub(crate) findings: Vec<(&'static str, &'static str)>,
}

pub(crate) fn case(name: &'static str, image: Image, findings: &[(&'static str, &'static str)]) -> Case {
    Case { name, image, findings: findings.to_vec() }
}

pub(crate) fn prove_memory(layout: &MemoryLayout) -> Proof {
    prove(layout, &Expectation { platform: Platform::LinuxAmd64, ports: BTreeSet::from([8000]) }).unwrap()
}

fn cases() -> Vec<Case> {
    [documents::cases(), machines::cases(), start::cases(), hostile::cases()].into_iter().flatten().collect()
}

#[test]
fn images_have_exactly_their_findings() {
    let mut wrong = Vec::new();
    for case in cases() {
        let proof = prove_memory(&case.image.build());
        let found: Vec<_> = proof.findings.iter().map(|f| format!("{}: {}", f.id, f.message)).collect();
        let as_expected = proof.findings.len() == case.findings.len()
            && proof.findings.iter().zip(&case.findings).all(|(f, (id, part))| f.id == *id && f.message.contains(part));
        if !as_expected {
            wrong.push(format!("{}: expected {:#?}\n  found {found:#?}", case.name, case.findings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_an_image() {
    // These need gigabytes of input or an exhausted budget. `hostile` and the layer's unit tests have them.
    let mut known: BTreeSet<&str> = ["layer-bomb", "image-too-large", "too-many-entries"].into();
    known.extend(cases().iter().flat_map(|case| case.findings.iter().map(|(id, _)| *id)));
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(rules, known);
}

#[test]
fn proves_and_counts_good_image() {
    let layout = Image::good().build();
    let proven = prove_memory(&layout).into_result(&"app".parse().unwrap()).unwrap();
    assert_eq!(Some(proven.manifest_digest), layout.manifest);
    assert_eq!((proven.layers, proven.files, proven.elf_files, proven.hidden_foreign), (2, 7, 4, 0));
    assert_eq!(proven.bytes, layout.blobs.values().map(|blob| blob.len() as u64).sum::<u64>());
}

#[test]
fn refusal_has_all_findings_and_unique_hints() {
    let image =
        Image::good().set("User", "root".into()).set("ExposedPorts", serde_json::json!({"80/tcp": {}, "81/tcp": {}}));
    let failure = prove_memory(&image.build()).into_result(&"app".parse().unwrap()).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    let text = failure.to_string();
    for part in ["image `app`", "linux/amd64", "user-root:", "port-undeclared:", "port 80,", "port 81,"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(failure.hints().len(), 3, "{:?}", failure.hints());
}

#[test]
fn cuts_long_list_and_counts_rest() {
    let archive = (0..LISTED_PER_RULE + 7).fold(archives::Archive::new(), |archive, number| {
        archive.file(&format!("opt/lib{number}.so"), 0o644, elves::elf(elves::AARCH64, None))
    });
    let proof = prove_memory(&Image::good().with(archive).build());
    let libraries: Vec<_> = proof.findings.iter().filter(|finding| finding.id == "foreign-library").collect();
    assert_eq!(libraries.len(), LISTED_PER_RULE + 1);
    assert!(libraries.last().unwrap().message.contains("and 7 more"));
}

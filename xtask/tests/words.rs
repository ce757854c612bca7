//! The words of this repository: each name and sentence uses the word that AWS's, Docker's or Rust's documentation uses.
//! The table has the words that are not used and what to write instead.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

/// Phrases, and what to write instead. `<` and `>` are the edges of a word. Case counts in a phrase with capitals only.
const TABLE: [(&[&str], &str); 26] = [
    (
        &[
            "stand-in>",
            "stand_in>",
            "stand in>",
            "stand-ins>",
            "stand_ins>",
            "stand ins>",
            "standin>",
            "standins>",
            "StandIn",
        ],
        "emulator (for AWS), substitute base image",
    ),
    (&["mishap"], "fault, fault injection"),
    (&["referee"], "conformance test"),
    (&["patience"], "retry policy, jittered exponential backoff"),
    (&["surroundings"], "default credential chain"),
    (&["<nobody>"], "name the caller, the client or the process; or use the passive voice"),
    (&["<anybody>"], "any caller, any client"),
    (&["<whoever>"], "the caller, the client, another process"),
    (&["<one who>"], "the caller, the client, another process"),
    (&["culprit"], "failing container"),
    (&["workshop"], "build directory"),
    (&["restamp"], "normalise timestamps"),
    (&["<keeper>", "<keepers>"], "task supervisor, health checker; name the job"),
    (&["hopeless"], "permanent failure, non-retryable"),
    (&["ledger"], "call counter, request metrics"),
    (
        &[
            "lost answer",
            "answer is lost",
            "answers are lost",
            "answer was lost",
            "answers were lost",
            "answer gets lost",
        ],
        "response lost; outcome unknown",
    ),
    (&["<for good>"], "permanently"),
    (&["nothing twice"], "skips existing blobs"),
    (
        &["<is told>", "<are told>", "<was told>", "<were told>", "<be told>", "<been told>"],
        "receives; name the call or the message",
    ),
    (
        &["<is asked>", "<are asked>", "<was asked>", "<were asked>", "<be asked>", "<been asked>", "<asked for>"],
        "receives a request, is requested; name the call",
    ),
    (
        &[
            "<says no>",
            "<says so>",
            "<says that>",
            "<says what>",
            "<says which>",
            "<says where>",
            "<says it>",
            "<says nothing>",
        ],
        "returns, reports, shows, names",
    ),
    (&["had enough"], "interrupted, cancelled"),
    (&["<of use>"], "useful, used"),
    (&["<gone wrong>"], "failed"),
    (&["<came of it>", "<come to nothing>", "<comes to nothing>"], "the outcome; has no effect"),
    (&["<good end>"], "success"),
];

/// Files of others, and this one.
const EXEMPT: [&str; 5] = ["LICENSE", ".lock", "shapes.json", ".svg", "xtask/tests/words.rs"];

/// Phrases that a file needs: old names in errors that give the new one, and the Unix user `nobody`.
const ALLOWED: [(&str, &str); 7] = [
    ("xtask/src/dev/postgres.rs", "`nobody`"),
    ("xtask/src/dev/test/suites.rs", "`referee`"),
    ("xtask/tests/dev_split.rs", "`referee`"),
    ("xtask/src/project/parse/table.rs", "`stand-ins`"),
    ("xtask/tests/configuration/environments.txt", "`stand-ins`"),
    ("CHANGELOG.md", "`stand"),
    ("CHANGELOG.md", "`referee`"),
];

/// Returns whether a phrase of the table stands in a line. `lower` is the line in lower case.
fn contains(line: &str, lower: &str, phrase: &str) -> bool {
    let text = phrase.trim_start_matches('<').trim_end_matches('>');
    let line = if text.chars().any(char::is_uppercase) { line } else { lower };
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    line.match_indices(text).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|at| line.as_bytes().get(at));
        let after = line.as_bytes().get(start + text.len());
        !(phrase.starts_with('<') && is_word(before) || phrase.ends_with('>') && is_word(after))
    })
}

/// Returns one finding for each phrase of the table in a text: place, phrase, and what to write instead.
fn findings(file: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        for (phrases, instead) in TABLE {
            for phrase in phrases.iter().filter(|phrase| contains(line, &lower, phrase)) {
                let phrase = phrase.trim_matches(['<', '>']);
                findings.push(format!("{file}:{}: `{phrase}`: write {instead}", at + 1));
            }
        }
    }
    findings
}

fn is_exempt(file: &str) -> bool {
    EXEMPT.iter().any(|exempt| file.starts_with(exempt) || file.ends_with(exempt))
}

#[test]
fn tracked_files_have_no_word_of_the_table() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let files = listed.split('\0').filter(|file| !file.is_empty()).map(Utf8PathBuf::from).collect::<Vec<_>>();
    assert!(output.status.success() && files.len() > 30, "git lists {} files", files.len());
    let mut all = Vec::new();
    for file in files.iter().filter(|file| !is_exempt(file.as_str())) {
        all.extend(findings(file.as_str(), file.as_str()));
        // A file that was deleted and not yet committed, or one that is not text, has no sentences.
        if let Ok(text) = fs::read_to_string(root.join(file)) {
            all.extend(findings(file.as_str(), &text));
        }
    }
    all.retain(|found| !ALLOWED.iter().any(|(file, phrase)| found.starts_with(file) && found.contains(phrase)));
    assert!(all.is_empty(), "\n{}\n{} words that readers do not know\n", all.join("\n"), all.len());
}

#[test]
fn finds_every_planted_word_with_its_place() {
    for planted in [
        "a stand-in for AWS",
        "StandIn::new()",
        "stand_ins",
        "mishaps on request",
        "the Referees",
        "PATIENCE",
        "Surroundings",
        "nobody knows",
        "anybody may",
        "whoever calls",
        "one who calls",
        "culprit",
        "the workshop",
        "restamp",
        "a keeper",
        "is_hopeless()",
        "ledger",
        "a lost answer",
        "the answer was lost",
        "kept for good",
        "sent nothing twice",
        "it is told",
        "was asked",
        "what is asked for",
        "it says so",
        "has had enough",
        "is of use",
        "has gone wrong",
        "what came of it",
        "comes to nothing",
        "a good end",
    ] {
        let text = format!("a plain line\n{planted}\n");
        let found = findings("some/file.md", &text);
        assert!(found.first().is_some_and(|line| line.starts_with("some/file.md:2: `")), "`{planted}`: {found:?}");
    }
}

#[test]
fn leaves_plain_words_alone() {
    let plain = "The housekeeper asks a shopkeepers' union; a standing invitation; for goods; it says hello; as told; of used cars.";
    let words = ["findings", "a standard input", "one whose name", "the emulator answers", "messages", plain];
    for text in words {
        assert_eq!(findings("file", text), Vec::<String>::new(), "{text}");
    }
    assert!(is_exempt("LICENSE-MIT") && is_exempt("Cargo.lock") && is_exempt("xtask/src/ecs/shapes.json"));
    assert!(!is_exempt("README.md") && !is_exempt("xtask/tests/cli/words.rs"));
}

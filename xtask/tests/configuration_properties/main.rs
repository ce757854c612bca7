//! Properties of reading configuration: garbage never panics, secrets never show, what is written is what is read.
//! Random, but the same on every run.

#![expect(clippy::unwrap_used, reason = "what a test takes for granted ends it where it is not so")]

mod any;

use std::fmt::Write as _;

use any::{Random, any_environment, any_project, written, written_environment};
use xtask::error::{Exit, Failure};
use xtask::project::{EnvironmentName, parse};

const PROJECT: &str = include_str!("../../../infra/slipway.toml");
const LOCAL: &str = include_str!("../../../infra/environments/local.toml");
const PRODUCTION: &str = include_str!("../../../infra/environments/production.toml");

/// The text with a few characters or lines taken out, put in or doubled.
fn broken(random: &mut Random, text: &str) -> String {
    let snippets = [
        "\"", "'", "[", "]", "{", "}", "=", "\n", ".", ",", "\"\"\"", "#", "0", "-", "é", "\u{1b}", "\u{202e}", "\t",
        "\r", "\\", "x",
    ];
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(characters.len());
        match random.below(5) {
            0 => drop(characters.drain(at..(at + 1).min(characters.len()))),
            1 => drop(characters.splice(at..at, random.pick(&snippets).chars())),
            2 => drop(characters.splice(at..(at + 1).min(characters.len()), random.pick(&snippets).chars())),
            3 => {
                let end = (at + random.below(40)).min(characters.len());
                characters.drain(at..end);
            }
            _ => {
                let end = (at + random.below(40)).min(characters.len());
                let doubled = characters[at..end].to_vec();
                let to = random.below(characters.len());
                characters.splice(to..to, doubled);
            }
        }
    }
    characters.into_iter().collect()
}

/// A failure as its user reads it, after checking what holds for all of them.
fn read_failure(file: &str, failure: &Failure) -> String {
    assert_eq!(failure.exit(), Exit::Usage);
    let text = format!("{failure}\nhint: {}", failure.hints().join("\nhint: "));
    assert!(text.starts_with(&format!("{file}:")), "{text}");
    assert!(text.contains("\nhint: "), "{text}");
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    text
}

#[test]
fn garbage_never_panics_and_is_always_explained() {
    let project = parse::project(PROJECT).unchecked().unwrap();
    let mut random = Random(1);
    let mut refused = 0;
    for _ in 0..4000 {
        if let Err(failure) = parse::project(&broken(&mut random, PROJECT)).unchecked() {
            read_failure("infra/slipway.toml", &failure);
            refused += 1;
        }
        for (name, text) in [(EnvironmentName::LOCAL, LOCAL), ("production".parse().unwrap(), PRODUCTION)] {
            if let Err(failure) = parse::environment(name, &broken(&mut random, text), &project) {
                read_failure(parse::environment_file(name).as_str(), &failure);
                refused += 1;
            }
        }
    }
    assert!(refused > 6000, "only {refused} of 12000 were wrong");
}

#[test]
fn noise_never_panics() {
    let project = parse::project(PROJECT).unchecked().unwrap();
    let mut random = Random(2);
    let alphabet: Vec<char> = "[]{}=\"'.,#\n\r\t 019azAZ_-+:\\\u{0}\u{1b}\u{feff}é日🚀".chars().collect();
    for _ in 0..4000 {
        let text: String = (0..random.below(60)).map(|_| *random.pick(&alphabet)).collect();
        let failure = parse::project(&text).unchecked().expect_err("noise is no project");
        read_failure("infra/slipway.toml", &failure);
        assert!(parse::environment("dev".parse().unwrap(), &text, &project).is_err());
    }
    for deep in [
        "[".repeat(5000),
        "a=".to_owned() + &"[".repeat(5000),
        "a=".to_owned() + &"{a=".repeat(5000),
        "a.".repeat(5000),
    ] {
        assert!(parse::project(&deep).unchecked().is_err());
    }
}

#[test]
fn secrets_in_the_right_table_never_show_whatever_else_is_wrong() {
    let project = parse::project(PROJECT).unchecked().unwrap();
    let mut random = Random(3);
    let lines = [
        "",
        "regoin = 1",
        "region = \"eu-central-1\"",
        "[task]",
        "cpu = 3",
        "cpu = ",
        "count = 0.5",
        "= 1",
        "[strategy",
        "domain = \"A\"",
        "region = \"eu-central-1\"",
    ];
    let secrets = [
        "PIN = \"sentinel\"",
        "PIN = 'sentinel'",
        "PIN = \"\"\"sentinel\nsentinel\"\"\"",
        "PIN = \"\"\"sentinel\nsentinel",
        "PIN = \"sentinel",
        "PIN = sentinel",
        "PIN = [\"sentinel\"]",
        "PIN = { value = \"sentinel\" }",
        "PIN.value = \"sentinel\"",
        "\"PIN\" = \"sentinel\" sentinel",
        "PIN = \"sentinel\\q\"",
        "PIN = \"arn:aws:ssm:sentinel\"",
        "PIN = \"ssm:/a b sentinel\"",
        "PIN sentinel",
        "PIN = \"x\" # before: sentinel",
        "PIN: sentinel",
        "PIN = \"sentinel\", API = \"sentinel\"",
    ];
    for _ in 0..4000 {
        let mut text = String::new();
        for _ in 0..random.below(4) {
            let _ = writeln!(text, "{}", random.pick(&lines));
        }
        text.push_str("[secrets]\n");
        for _ in 0..=random.below(3) {
            let _ = writeln!(text, "{}", random.pick(&secrets));
        }
        for _ in 0..random.below(3) {
            let _ = writeln!(text, "{}", random.pick(&lines));
        }
        let failure = parse::environment("dev".parse().unwrap(), &text, &project).expect_err(&text);
        let shown = read_failure("infra/environments/dev.toml", &failure);
        assert!(!shown.contains("sentinel"), "{text}\n----\n{shown}");
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let mut random = Random(4);
    for _ in 0..500 {
        let project = any_project(&mut random);
        let text = written(&project);
        for text in [text.clone(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            let read = parse::project(&text).unchecked().unwrap_or_else(|failure| panic!("{failure}\n{text}"));
            assert_eq!(read, project, "{text}");
        }
    }
}

#[test]
fn what_is_written_of_an_environment_is_what_is_read() {
    let project = parse::project(PROJECT).unchecked().unwrap();
    let mut random = Random(5);
    for _ in 0..500 {
        let environment = any_environment(&mut random);
        let text = written_environment(&environment);
        let read = parse::environment(environment.name, &text, &project);
        assert_eq!(read.unwrap_or_else(|failure| panic!("{failure}\n{text}")), environment, "{text}");
    }
}

#[test]
fn names_of_environments_print_as_they_parse() {
    for name in ["local", "dev", "qa", "production"].map(|name| name.parse::<EnvironmentName>().unwrap()) {
        assert_eq!(name.to_string().parse(), Ok(name));
        assert_eq!(format!("[{name:>10}]"), format!("[{:>10}]", name.as_str()));
    }
    let error = "Prod".parse::<EnvironmentName>().unwrap_err();
    assert!(error.to_string().starts_with("`Prod` is not the name of an environment: "), "{error}");
}

//! The rules of `verify`: one good deploy without findings, and for every rule a change that causes its finding.
//! `UPDATE_EXPECTED=1 cargo test --test checks` rewrites the findings of all cases, and fails so that they are
//! reviewed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test takes for granted ends it where it is not so")]

mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use world::World;
use xtask::checks::{Check, Scope, Status, rules};

/// Returns the findings of one rule, as `verify` prints them.
fn shown(checks: &[Check], id: &str) -> String {
    let mut text = String::new();
    for check in checks.iter().filter(|check| check.id == id) {
        let _ = writeln!(text, "{} {}", check.status, check.message);
        if let Some(hint) = &check.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
    }
    text
}

#[test]
fn good_deploy_has_no_findings() {
    let wrong = World::good().findings();
    let wrong: Vec<&Check> = wrong.iter().filter(|check| !matches!(check.status, Status::Ok | Status::Skip)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn own_files_have_no_findings() {
    for (name, settings) in [
        ("local", include_str!("../../../infra/environments/local.toml")),
        ("dev", include_str!("../../../infra/environments/dev.toml")),
        ("staging", include_str!("../../../infra/environments/staging.toml")),
        ("production", include_str!("../../../infra/environments/production.toml")),
    ] {
        let findings = World::ours(name, settings).findings();
        let ours = findings.iter().filter(|check| check.scope == Scope::Environment);
        let wrong: Vec<&Check> = ours.filter(|check| !matches!(check.status, Status::Ok | Status::Skip)).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
    }
}

/// Rules that do not apply to the good deploy: it is production, rolling, without ECS Exec, and its database is a
/// secret.
const NOT_APPLICABLE: [&str; 3] = ["exec-command", "database-kind", "strategy-target-groups"];

#[test]
fn judges_every_applicable_rule() {
    let findings = World::good().findings();
    let skipped: Vec<&str> =
        findings.iter().filter(|check| check.status == Status::Skip).map(|check| check.id).collect();
    assert_eq!(
        skipped.iter().copied().collect::<BTreeSet<_>>(),
        NOT_APPLICABLE.into_iter().collect(),
        "skipped for want of a fact"
    );
}

#[test]
fn unknown_facts_are_never_good() {
    for check in World::unknown().findings() {
        assert_eq!(check.status, Status::Skip, "{check:?}");
        assert!(!check.message.is_empty() && check.hint.is_none(), "{check:?}");
    }
}

/// Removes one fact after another. No rule may report a fact that is missing, and none may panic.
#[test]
fn missing_fact_is_no_finding() {
    for pointer in [
        "/task",
        "/service",
        "/images",
        "/files",
        "/balancer",
        "/observed",
        "/max_connections",
        "/caller_account",
        "/cluster",
        "/missing_parameters",
        "/uwsgi_variables",
        "/observed/revision",
        "/observed/tasks",
        "/observed/newest",
        "/observed/targets",
        "/observed/last",
        "/observed/page",
        "/observed/stylesheet",
        "/observed/health",
        "/balancer/idle_timeout",
        "/balancer/deregistration_delay",
    ] {
        let mut world = World::good();
        world.change(&format!("{pointer} -"));
        let wrong = world.findings();
        let wrong: Vec<&Check> =
            wrong.iter().filter(|check| !matches!(check.status, Status::Ok | Status::Skip)).collect();
        assert!(wrong.is_empty(), "without {pointer}: {wrong:#?}");
    }
}

#[test]
fn every_rule_finds_its_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks/cases");
    let mut cases: BTreeMap<String, u32> = BTreeMap::new();
    let mut differences = String::new();
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let mut rewritten = String::new();
        for case in text.split("==== ").skip(1) {
            let (id, rest) = case.split_once('\n').unwrap();
            let (changes, expected) = rest.split_once("----\n").unwrap_or_else(|| panic!("{id}: no expected findings"));
            let mut world = World::good();
            for line in changes.lines().filter(|line| !line.is_empty()) {
                world.change(line);
            }
            let findings = world.findings();
            let found = shown(&findings, id);
            assert!(rules().any(|rule| rule.id == id), "there is no rule `{id}`");
            if found.contains("FAIL ") || found.contains("WARN ") {
                *cases.entry(id.to_owned()).or_default() += 1;
            }
            assert!(found.lines().all(|line| !line.ends_with('.')), "{id}: a finding ends with a full stop:\n{found}");
            if found.trim_end() != expected.trim_end() {
                let _ =
                    writeln!(differences, "== {id}\n{changes}-- expected\n{}\n-- found\n{found}", expected.trim_end());
            }
            let _ = writeln!(rewritten, "==== {id}\n{changes}----\n{found}");
        }
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&path, rewritten).unwrap();
        }
    }
    let missing: Vec<&str> = rules().map(|rule| rule.id).filter(|id| !cases.contains_key(*id)).collect();
    assert!(missing.is_empty(), "rules without a case that fails: {missing:?}");
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn guide_lists_every_rule() {
    let guide = include_str!("../../../docs/guide/verify.md");
    let mut scope = None;
    let mut listed: Vec<(String, Scope)> = Vec::new();
    for line in guide.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            scope = Scope::ALL.into_iter().find(|scope| title.to_lowercase().starts_with(scope.as_str()));
        }
        if let (Some(scope), Some(row)) = (scope, line.strip_prefix("| `")) {
            listed.push((row.split('`').next().unwrap().to_owned(), scope));
        }
    }
    let wanted: Vec<(String, Scope)> = rules().map(|rule| (rule.id.to_owned(), rule.scope)).collect();
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (listed.iter().collect(), wanted.iter().collect());
    assert_eq!(a.difference(&b).collect::<Vec<_>>(), Vec::<&&(String, Scope)>::new(), "in the guide only");
    assert_eq!(b.difference(&a).collect::<Vec<_>>(), Vec::<&&(String, Scope)>::new(), "not in the guide");
    assert_eq!(listed.len(), wanted.len(), "a rule is listed twice");
    for rule in rules() {
        assert!(guide.contains(rule.title), "the guide does not say that {}", rule.title);
    }
}

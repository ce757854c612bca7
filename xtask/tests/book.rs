//! README, CONTRIBUTING and the book under docs/: every page is in the table of contents, every relative link and anchor
//! resolves, every command parses.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own repository has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser;
use xtask::flags::Flags;

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the Markdown files that git tracks or would track.
fn pages() -> Vec<Utf8PathBuf> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]).current_dir(root());
    let listed = String::from_utf8(git.output().unwrap().stdout).unwrap();
    let pages = listed.lines().map(Utf8PathBuf::from).filter(|page| root().join(page).is_file()).collect::<Vec<_>>();
    assert!(pages.len() > 20, "git lists only {} pages", pages.len());
    pages
}

fn text(file: &Utf8Path) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn report(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Returns the lines outside of fenced code, each with its number.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((at + 1, line));
        }
    }
    lines
}

/// Returns the targets of the links of a line, those inside of backticks left out.
fn links(line: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut offset = 0;
    while let Some(found) = line.get(offset..).and_then(|rest| rest.find("](")) {
        let start = offset + found + 2;
        let rest = line.get(start..).unwrap_or_default();
        let is_code = line.get(..start).unwrap_or_default().matches('`').count() % 2 == 1;
        if let (false, Some(end)) = (is_code, rest.find(')')) {
            links.extend(rest.get(..end));
        }
        offset = start;
    }
    links
}

/// Returns the anchors of a page, as GitHub and mdBook derive them from headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|heading| slug(heading.trim_start_matches('#'))).collect()
}

fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Returns the path of a link, from the root of the repository; `None` where it leads out of the repository.
fn resolve(page: &Utf8Path, target: &str) -> Option<Utf8PathBuf> {
    let mut path = page.parent().unwrap_or(Utf8Path::new("")).to_owned();
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part != ".." {
            path.push(part);
        } else if !path.pop() {
            return None;
        }
    }
    Some(path)
}

#[test]
fn every_relative_link_and_anchor_resolves() {
    let mut problems = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text_of_page = text(&page);
        for (line, target) in
            prose(&text_of_page).into_iter().flat_map(|(at, line)| links(line).into_iter().map(move |one| (at, one)))
        {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let Some(file) = (if path.is_empty() { Some(page.clone()) } else { resolve(&page, path) }) else {
                problems.push(format!("{page}:{line}: `{target}` leads out of the repository"));
                continue;
            };
            if !root().join(&file).exists() {
                problems.push(format!("{page}:{line}: `{target}`: no such file"));
            } else if page.starts_with("docs") && !file.starts_with("docs") {
                problems
                    .push(format!("{page}:{line}: `{target}` is not part of the book: write the path in backticks"));
            } else if !anchor.is_empty() && !anchors(&text(&file)).contains(anchor) {
                problems.push(format!("{page}:{line}: `{target}`: no such heading"));
            }
        }
    }
    assert!(count > 20, "only {count} links were found");
    report(&problems);
}

#[test]
fn every_page_under_docs_is_in_the_summary_once() {
    let summary = text("docs/SUMMARY.md".into());
    let listed = summary.lines().flat_map(links).map(|link| Utf8Path::new("docs").join(link)).collect::<Vec<_>>();
    let mut problems = Vec::new();
    for page in pages().iter().filter(|page| page.starts_with("docs") && *page != "docs/SUMMARY.md") {
        let times = listed.iter().filter(|one| *one == page).count();
        if times != 1 {
            problems.push(format!("docs/SUMMARY.md: `{page}` is listed {times} times instead of once"));
        }
    }
    report(&problems);
    assert!(text("docs/book.toml".into()).contains("src = \".\""), "docs/book.toml: the pages are in `docs` itself");
}

#[test]
fn every_command_in_the_documents_parses() {
    let mut problems = Vec::new();
    let mut count = 0;
    for page in pages().into_iter().chain([".ci/run".into(), ".vscode/tasks.json".into()]) {
        for (at, line) in text(&page).lines().enumerate() {
            for command in commands_in(line) {
                count += 1;
                if let Err(error) = Flags::try_parse_from(std::iter::once("xtask").chain(command.split_whitespace()))
                    && error.exit_code() != 0
                {
                    let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                    problems.push(format!("{page}:{}: `cargo xtask {command}`: {first}", at + 1));
                }
            }
        }
    }
    assert!(count > 40, "only {count} commands were found");
    report(&problems);
}

/// Returns the commands of a line: at its start as in a code block, between backticks, or between quotes as in JSON. Text
/// with an ellipsis or a placeholder is not a command.
fn commands_in(line: &str) -> Vec<&str> {
    let whole = line.trim_start().trim_start_matches("$ ").strip_prefix("cargo xtask ");
    let quoted = |mark: char| line.split(mark).skip(1).step_by(2).filter_map(|code| code.strip_prefix("cargo xtask "));
    whole
        .into_iter()
        .chain(quoted('`'))
        .chain(quoted('"'))
        .map(|command| {
            [" #", " >", " |"].iter().fold(command, |text, end| text.split(end).next().unwrap_or_default()).trim()
        })
        .filter(|command| !command.contains(['…', '<', '|']) && !command.is_empty())
        .collect()
}

#[test]
fn readers_of_links_headings_and_commands() {
    assert_eq!(links("[a](b.md), `[x](y)` and [c](d.md#e) (f)"), ["b.md", "d.md#e"]);
    assert_eq!(slug(" `[local]`, in `local` only"), "local-in-local-only");
    assert_eq!(resolve("docs/guide/a.md".into(), "../decisions/b.md"), Some("docs/decisions/b.md".into()));
    assert_eq!(resolve("README.md".into(), "../secret"), None);
    assert!(anchors("# One\n```\n# not one\n```\n## Two, three\n").iter().eq(["one", "two-three"]));
    assert_eq!(commands_in("    $ cargo xtask build --image app   # only one"), ["build --image app"]);
    assert_eq!(commands_in("    cargo xtask man | man -l -"), ["man"]);
    assert_eq!(commands_in("run `cargo xtask deploy --env <name>` or `cargo xtask status`"), ["status"]);
}

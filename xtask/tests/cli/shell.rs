//! The program in a shell: completions, manual pages, `--verbose` and its filters, colour.

use std::fs;
use std::process::Command;

use crate::sandbox::Sandbox;

const PROGRAM: &str = env!("CARGO_BIN_EXE_xtask");

fn output(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Returns what bash offers for these words, the last one incomplete.
fn bash_offers(words: &[&str]) -> Vec<String> {
    let script = format!(
        "_cargo() {{ COMPREPLY=(from-cargo); }}; source <('{PROGRAM}' completions bash) || exit 9
        COMP_WORDS=({}); COMP_CWORD={}; _cargo_with_xtask cargo \"${{COMP_WORDS[-1]}}\" \"${{COMP_WORDS[-2]}}\"
        printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let (code, stdout, stderr) = output(Command::new("bash").args(["-c", &script]));
    assert_eq!((code, stderr.as_str()), (0, ""), "{words:?}");
    stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    assert_eq!(bash_offers(&["cargo", "xtask", "dep"]), ["deploy"]);
    assert_eq!(bash_offers(&["cargo", "xtask", "deploy", "--dry"]), ["--dry-run"]);
    assert_eq!(bash_offers(&["cargo", "xtask", "build", "--output", "j"]), ["json"]);
    assert_eq!(bash_offers(&["cargo", "xtask", "local", "res"]), ["reset"]);
    assert_eq!(bash_offers(&["cargo", "bui"]), ["from-cargo"]);
}

#[test]
fn completions_need_no_project_and_reject_an_unknown_shell() {
    for (shell, expected) in
        [("zsh", "#compdef cargo-xtask"), ("fish", "complete -c cargo"), ("elvish", "'cargo;xtask;deploy'")]
    {
        let (code, stdout, stderr) = output(Command::new(PROGRAM).args(["completions", shell]).current_dir("/"));
        assert_eq!((code, stderr.as_str()), (0, ""), "{shell}");
        assert!(stdout.contains(expected), "{shell}: {stdout}");
    }
    let (code, stdout, stderr) = output(Command::new(PROGRAM).args(["completions", "bsh"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("'bash'"), "{stderr}");
}

#[test]
fn man_writes_one_page_for_each_verb() {
    let sandbox = Sandbox::new("man");
    let (code, page, stderr) = output(Command::new(PROGRAM).arg("man").current_dir("/"));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(page.contains(".TH cargo-xtask 1") && page.contains("Exit codes"), "{page}");
    let folder = sandbox.folder().join("man/pages");
    let (code, _, stderr) = output(Command::new(PROGRAM).args(["man", folder.as_str()]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    for name in ["cargo-xtask", "cargo-xtask-deploy", "cargo-xtask-local-start"] {
        let page = fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
        assert!(page.contains("SYNOPSIS"), "{name}: {page}");
    }
    sandbox.write("file", "");
    let (code, _, stderr) = output(Command::new(PROGRAM).args(["man", sandbox.root.join("file").as_str()]));
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.starts_with("error: failed to write manual pages to "), "{stderr}");
}

#[test]
fn verbose_adds_a_line_for_each_process_and_leaves_stdout_alone() {
    let sandbox = Sandbox::new("verbose");
    sandbox.builds("built");
    let run = |arguments: &[&str], filter: Option<(&str, &str)>| {
        let mut command = sandbox.xtask(arguments);
        command.env_remove("SLIPWAY_LOG").env_remove("RUST_LOG").envs(filter);
        output(&mut command)
    };
    let lines = |stderr: &str| stderr.lines().filter(|line| line.contains("starting process")).count();
    let arguments = ["doctor", "--output", "json"];
    let (code, stdout, quiet) = run(&arguments, None);
    assert_eq!(lines(&quiet), 0, "{quiet}");
    for (verbose, filter) in
        [(true, None), (false, Some(("SLIPWAY_LOG", "debug"))), (false, Some(("RUST_LOG", "xtask=debug")))]
    {
        let flags = if verbose { [&arguments[..], &["-v"]].concat() } else { arguments.to_vec() };
        let (code_again, stdout_again, stderr) = run(&flags, filter);
        assert_eq!(code, code_again, "{stderr}");
        assert_eq!(stdout.lines().count(), stdout_again.lines().count(), "{stdout_again}");
        assert!(lines(&stderr) > 0 && stderr.contains("program=\"docker\""), "{filter:?}: {stderr}");
        assert!(!stderr.contains('\u{1b}'), "{stderr}");
    }
    // The program's own filter wins over the flag, and RUST_LOG may be in another program's syntax.
    assert_eq!(lines(&run(&["doctor", "-v"], Some(("SLIPWAY_LOG", "error"))).2), 0);
    assert_eq!(run(&arguments, Some(("RUST_LOG", "app[span=loud"))).0, code);
    let (code, stdout, stderr) = run(&["build"], Some(("SLIPWAY_LOG", "xtask=loud")));
    assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
    assert!(stderr.starts_with("error: `xtask=loud` in SLIPWAY_LOG is not a filter"), "{stderr}");
    assert!(stderr.contains("\nhint: SLIPWAY_LOG=debug"), "{stderr}");
}

/// Runs a line on a terminal of its own, which is what `script` of util-linux makes.
#[cfg(target_os = "linux")]
fn on_a_terminal(sandbox: &Sandbox, arguments: &str, no_color: bool) -> String {
    let mut command = sandbox.xtask(&[]);
    let variables = command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let variables = variables.collect::<Vec<_>>();
    command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &format!("'{PROGRAM}' {arguments}"), "/dev/null"]);
    command.current_dir(&sandbox.root).envs(variables).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.env_remove("CI").env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    output(&mut command).1
}

#[cfg(target_os = "linux")]
#[test]
fn no_color_removes_colour_from_a_terminal() {
    let sandbox = Sandbox::new("colour");
    // A sequence that selects colour or weight; those that move the cursor end with other letters.
    let is_coloured = |text: &str| {
        text.split("\u{1b}[")
            .skip(1)
            .any(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
    };
    for arguments in ["--help", "biuld"] {
        assert!(is_coloured(&on_a_terminal(&sandbox, arguments, false)), "{arguments}: no colour to remove");
        let plain = on_a_terminal(&sandbox, arguments, true);
        assert!(plain.contains("build") && !is_coloured(&plain), "{arguments}: {plain:?}");
    }
    // Live progress and traced lines.
    let plain = on_a_terminal(&sandbox, "build --verbose", true);
    assert!(plain.contains("starting process") && plain.contains("built"), "{plain:?}");
    assert!(!is_coloured(&plain), "{plain:?}");
}

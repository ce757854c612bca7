//! `completions`: the shell completion script of `cargo xtask …`, generated from the definition of the command line.

use anyhow::Context;
use clap_complete::{Shell, generate};

use crate::report::Report;

/// Bash function that completes `cargo`. It passes everything but `xtask` on to cargo's own completion.
const BASH_DISPATCH: &str = r#"
_cargo_with_xtask() {
    if [[ "${COMP_WORDS[1]}" == xtask && $COMP_CWORD -gt 1 ]]; then
        _cargo_xtask "$@"
    elif declare -F _cargo > /dev/null; then
        _cargo "$@"
    else
        COMPREPLY=( $(compgen -W xtask -- "${COMP_WORDS[COMP_CWORD]}") )
    fi
}
complete -F _cargo_with_xtask -o bashdefault -o default cargo
"#;

/// Prints the script for a shell on standard output.
///
/// # Errors
/// The script is not UTF-8, or the output of the bash generator has an unexpected structure.
pub fn run(verbs: clap::Command, shell: Shell, report: &Report) -> anyhow::Result<()> {
    report.result(script(verbs, shell)?.trim_end());
    Ok(())
}

fn script(verbs: clap::Command, shell: Shell) -> anyhow::Result<String> {
    let mut text = Vec::new();
    match shell {
        // Cargo's own completion calls the function `_cargo-xtask` for this subcommand.
        Shell::Zsh => generate(shell, &mut verbs.bin_name("cargo-xtask"), "cargo-xtask", &mut text),
        _ => {
            let verbs = verbs.name("xtask").bin_name("cargo xtask");
            generate(shell, &mut clap::Command::new("cargo").subcommand(verbs), "cargo", &mut text);
        }
    }
    let text = String::from_utf8(text).context("the completion script is not UTF-8")?;
    if shell != Shell::Bash {
        return Ok(text);
    }
    // `_cargo` is the function of cargo's own completion. The generated function is renamed and not registered.
    let (functions, _) = text.split_once("\nif [[ \"${BASH_VERSINFO[0]}\"").context("no registration in the script")?;
    let (before, after) = functions.split_once("_cargo() {").context("no function `_cargo` in the script")?;
    Ok(format!("{before}_cargo_xtask() {{{after}{BASH_DISPATCH}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap_complete::Shell;

    use super::script;
    use crate::flags::Flags;

    #[test]
    fn every_shell_has_every_verb() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let script = script(Flags::command(), shell).unwrap();
            for verb in Flags::command().get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell}: no `{}`", verb.get_name());
            }
            assert!(script.contains("dry-run"), "{shell}");
        }
    }

    #[test]
    fn bash_keeps_the_completion_of_cargo() {
        let script = script(Flags::command(), Shell::Bash).unwrap();
        assert!(!script.contains("\n_cargo() {") && !script.contains("complete -F _cargo "), "{script}");
    }
}

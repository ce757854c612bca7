//! The daemon's program: compiled when it is first needed, by the cargo and into the folder that this tool comes from.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::effects::process;
use crate::error::Failure;
use crate::report::Report;

/// Names a daemon that is compiled already, so that many repositories can share one.
pub const VARIABLE: &str = "SLIPWAY_LOCAL_AWS";

/// Where nothing changed, cargo needs less; what takes longer is said.
const UNNOTICED: Duration = Duration::from_millis(1500);
/// From nothing it takes two minutes on two cores; a slow machine may need ten times that.
const LIMIT: Duration = Duration::from_secs(1800);

/// The compiled daemon, as the source is now.
///
/// # Errors
/// The compiler's, with its own words.
pub fn compiled(root: &Utf8Path, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    if let Some(named) = env::var(VARIABLE).ok().filter(|named| !named.is_empty()) {
        let named = Utf8PathBuf::from(named);
        return named.canonicalize_utf8().map_err(|error| {
            Failure::usage(format!("`{VARIABLE}` names `{named}`, which cannot be used: {error}")).into()
        });
    }
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    // What cargo tells its own child would make everything look changed.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text == "CARGO_MANIFEST_DIR" || text == "CARGO_MANIFEST_PATH" {
            cargo.env_remove(&name);
        }
    }
    cargo.args(["build", "--package", "local-aws", "--quiet", "--message-format=json-render-diagnostics"]);
    if is_optimised() {
        cargo.arg("--release");
    }
    let announce = || report.step("compiling the local daemon; this happens once and after changes of its source");
    let finished =
        process::run_watched(cargo.current_dir(root), LIMIT, UNNOTICED, announce).context("failed to start `cargo`")?;
    let Some(finished) = finished else {
        return Err(Failure::failed(format!("the local daemon did not compile within {} s", LIMIT.as_secs())).into());
    };
    if !finished.status.success() {
        let said = process::last_lines(&finished.stderr, 60);
        return Err(Failure::failed(format!("failed to compile the local daemon:\n{said}")).into());
    }
    let program = finished.stdout.lines().filter_map(executable).next_back();
    program.context("failed to find the program that `cargo build --package local-aws` made")
}

/// The program of a message of cargo's about the daemon.
fn executable(line: &str) -> Option<Utf8PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == "local-aws";
    message["executable"].as_str().filter(|_| is_ours).map(Utf8PathBuf::from)
}

/// Whether this very program was compiled with `--release`: then the daemon is, too, and shares its dependencies.
fn is_optimised() -> bool {
    let program = env::current_exe().unwrap_or_default();
    program.parent().is_some_and(|folder| folder.ends_with("release"))
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn only_the_daemons_own_message_names_its_program() {
        let message = |name: &str, program: &str| {
            format!(r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":{program}}}"#)
        };
        assert_eq!(executable(&message("local-aws", "\"/t/local-aws\"")).as_deref(), Some("/t/local-aws".into()));
        for other in [message("local_aws", "null"), message("clap", "\"/t/x\""), "warning: x".to_owned(), String::new()]
        {
            assert_eq!(executable(&other), None, "{other}");
        }
    }
}

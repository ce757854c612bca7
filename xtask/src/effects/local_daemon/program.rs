//! The daemon's program: compiled at first use, with the cargo and the target folder of this tool.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::effects::process;
use crate::error::Failure;
use crate::report::Report;

/// Variable with the path of a compiled daemon, so that many repositories can share one.
pub const VARIABLE: &str = "SLIPWAY_LOCAL_AWS";

/// Time after which a compilation is announced. Cargo needs less when the sources are unchanged.
const UNNOTICED: Duration = Duration::from_millis(1500);
/// Time limit of a compilation: two minutes on two cores; a slow machine may need ten times that.
const LIMIT: Duration = Duration::from_secs(1800);

/// Returns the daemon, compiled from the current source.
///
/// # Errors
/// The compiler failed; with its message.
pub fn compiled(root: &Utf8Path, report: &Report) -> anyhow::Result<Utf8PathBuf> {
    if let Some(named) = env::var(VARIABLE).ok().filter(|named| !named.is_empty()) {
        let named = Utf8PathBuf::from(named);
        return named.canonicalize_utf8().map_err(|error| {
            Failure::usage(format!("`{VARIABLE}` names `{named}`, which cannot be used: {error}")).into()
        });
    }
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    // Variables that cargo sets for its child would invalidate the build cache.
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

/// Returns the path of the program in a message of cargo about the daemon.
fn executable(line: &str) -> Option<Utf8PathBuf> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == "local-aws";
    message["executable"].as_str().filter(|_| is_ours).map(Utf8PathBuf::from)
}

/// Returns whether this program was compiled with `--release`. The daemon uses the same profile, to share dependencies.
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

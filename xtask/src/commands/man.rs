//! `man`: manual pages, generated from the definition of the command line.

use anyhow::Context;
use camino::Utf8Path;

use crate::report::Report;

/// Prints the manual page of the program, or writes one page per command into a directory.
///
/// # Errors
/// The directory cannot be created, or a page cannot be written.
pub fn run(verbs: clap::Command, directory: Option<&Utf8Path>, report: &Report) -> anyhow::Result<()> {
    let verbs = verbs.name("cargo-xtask");
    match directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(verbs, directory))
                .with_context(|| format!("failed to write manual pages to `{directory}`"))?;
            report.result(format!(
                "wrote the manual pages to `{directory}`; read one with: man {directory}/cargo-xtask.1"
            ));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(verbs).render(&mut page).context("failed to render the manual page")?;
            report.result(String::from_utf8(page).context("the manual page is not UTF-8")?.trim_end());
        }
    }
    Ok(())
}

//! A no-op `build` of a context of 100,000 files and 1 GiB: time and memory.

use std::fs;
use std::io::Write;

use anyhow::Context;
use camino::Utf8Path;

use super::Row;
use super::measure;
use super::stage::Stage;
use crate::effects::{engine, files, git};
use crate::report::Report;

const FILES: u32 = 100_000;
/// Bytes of one file; all files together have 1 GiB.
const BYTES: usize = (1 << 30) / FILES as usize;
/// Limits: seconds and MiB.
const SECONDS: f64 = 1.5;
const MEMORY: f64 = 100.0;

pub(super) fn measure(root: &Utf8Path, report: &Report) -> anyhow::Result<Vec<Row>> {
    let engine = engine::ensure(root, report)?;
    let stage = Stage::empty("context")?;
    write_project(root, &stage.root)?;
    stage.take_bases(root)?;
    git::commit_everything(&stage.root)?;
    report.detail(format!("{FILES} files of {BYTES} bytes written; building them once"));
    let cold = measure::run(stage.xtask(&engine, &["build", "--dry-run"])?)?;
    measure::run(stage.xtask(&engine, &["build"])?)?;
    let mut warm = Vec::new();
    for _ in 0..5 {
        warm.push(measure::run(stage.xtask(&engine, &["build"])?)?);
    }
    Ok(vec![
        Row::plain(
            "fingerprint of 100,000 files, 1 GiB, without cache",
            format!("{:.3} s, {:.1} MiB", cold.seconds, cold.peak_mib),
        ),
        Row::at_most(
            "build of 100,000 files, 1 GiB, nothing changed",
            measure::median(warm.iter().map(|run| run.seconds)),
            SECONDS,
            "s",
        ),
        Row::at_most("  its memory", warm.iter().map(|run| run.peak_mib).fold(cold.peak_mib, f64::max), MEMORY, "MiB"),
    ])
}

/// Writes a project with one image whose context is large.
fn write_project(root: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    write_configuration(root, to)?;
    // Content that differs between files and does not compress, from a deterministic generator (xorshift).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut content = vec![0_u8; BYTES];
    for number in 0..FILES {
        let folder = to.join(format!("large/{:03}", number / 500));
        if number % 500 == 0 {
            fs::create_dir_all(&folder).with_context(|| format!("failed to create `{folder}`"))?;
        }
        for bytes in content.chunks_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let word = state.to_le_bytes();
            bytes.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        }
        let path = folder.join(format!("{number:06}.bin"));
        fs::File::create(&path)
            .and_then(|mut file| file.write_all(&content))
            .with_context(|| format!("failed to write `{path}`"))?;
    }
    Ok(())
}

/// Writes the project without the files of its context, with the substitute base images of this repository's environment.
fn write_configuration(root: &Utf8Path, to: &Utf8Path) -> anyhow::Result<()> {
    let write = |file: &str, text: &str| files::write_atomically(&to.join(file), text.as_bytes());
    write(
        "infra/slipway.toml",
        "[project]\nname = \"large\"\nplatform = \"linux/amd64\"\n\n[images.large]\ncontext = \"large\"\nports = []\n",
    )?;
    let ours = root.join("infra/environments/local.toml");
    let ours = fs::read_to_string(&ours).with_context(|| format!("failed to read `{ours}`"))?;
    let substitutes = ours.find("\n[substitutes").and_then(|at| ours.get(at..)).unwrap_or_default();
    let environment = "region = \"eu-central-1\"\n[task]\ncpu = 256\nmemory = 512\ncount = 1\n";
    write("infra/environments/local.toml", &format!("{environment}{substitutes}"))?;
    write(".gitignore", "/target/\n")?;
    write("large/Dockerfile", "FROM python:3.13-slim\nCOPY . /large\nUSER 10001\nENTRYPOINT [\"python3\"]\n")
}

#[cfg(test)]
mod tests {
    use camino::{Utf8Path, Utf8PathBuf};

    use super::write_configuration;
    use crate::effects::{files, project_files};
    use crate::project::EnvironmentName;

    #[test]
    fn writes_a_valid_project() {
        let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let to = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap();
        let to = to.join(format!("slipway-context-{}", std::process::id()));
        write_configuration(root, &to).unwrap();
        let project = project_files::load(&to).unwrap();
        let environment = project_files::load_environment(&to, EnvironmentName::LOCAL, &project).unwrap();
        assert!(environment.bases.substitutes.contains_key("python:3.13-slim"));
        files::remove_directory(&to).unwrap();
    }
}

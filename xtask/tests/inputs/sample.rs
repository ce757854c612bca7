//! A generated repository of any size, and the time to observe its inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;
use camino::Utf8Path;

use xtask::effects::context::observe;
use xtask::image::Platform;
use xtask::project::{Image, Project, Verify};

/// The size of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Number of files in the context, in directories of 100.
    pub(crate) files: usize,
    /// Total size of the files, in bytes.
    pub(crate) bytes: usize,
}

/// The durations of two observations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Without a cache: every file is read.
    pub(crate) cold: Duration,
    /// With the cache of the first run: no file is read.
    pub(crate) warm: Duration,
}

/// Creates the sample repository in a directory that must not exist yet, and its project.
pub(crate) fn make(directory: &Utf8Path, size: Size) -> anyhow::Result<Project> {
    let context = || format!("failed to write the sample `{directory}`");
    std::fs::create_dir(directory).with_context(context)?;
    std::fs::write(directory.join("Dockerfile"), "FROM scratch\nCOPY . /\n").with_context(context)?;
    std::fs::write(directory.join(".dockerignore"), "**/*.pyc\n**/__pycache__\n.git\n").with_context(context)?;
    let length = size.bytes / size.files.max(1);
    // Longer than any file, so that each file is a different part of it.
    let block: Vec<u8> = (0..length + size.files).map(|at| u8::try_from(at * 31 % 251).unwrap_or(0)).collect();
    for number in 0..size.files {
        let folder = directory.join(format!("package{:04}/module{:02}", number / 1000, number / 100 % 10));
        if number % 100 == 0 {
            std::fs::create_dir_all(&folder).with_context(context)?;
        }
        let mut file = std::fs::File::create(folder.join(format!("file{number:06}.py"))).with_context(context)?;
        file.write_all(block.get(number..number + length).unwrap_or_default()).with_context(context)?;
    }
    let name = "sample".parse()?;
    let image = Image {
        name,
        context: ".".into(),
        dockerfile: "Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        contexts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        ports: BTreeSet::new(),
    };
    Ok(Project {
        name: "sample".to_owned(),
        platform: Platform::LinuxAmd64,
        images: vec![image],
        services: Vec::new(),
        verify: Verify::default(),
    })
}

/// Observes a sample twice, the first time without a cache. Fails if the two fingerprints differ.
pub(crate) fn measure(directory: &Utf8Path, project: &Project, cache: &Utf8Path) -> anyhow::Result<Timing> {
    let image = project.images.first().context("failed to measure a project without images")?;
    let observe = || {
        let start = Instant::now();
        let fingerprint = observe(directory, image, project, &BTreeMap::new(), cache)?.fingerprint();
        anyhow::Ok((start.elapsed(), fingerprint))
    };
    let ((cold, first), (warm, second)) = (observe()?, observe()?);
    anyhow::ensure!(first == second, "the fingerprint changed though nothing else did");
    Ok(Timing { cold, warm })
}

//! Reads the configuration files of the project and checks the paths that they name. They are interpreted in
//! `project::parse`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use anyhow::Context;
use camino::Utf8Path;

use crate::error::Failure;
use crate::project::names;
use crate::project::parse::{self, Found};
use crate::project::{Environment, EnvironmentName, Project, ProjectService};

/// Loads the project below `root`.
///
/// # Errors
/// The file is missing or invalid, or a directory or file that it names does not exist: exit code 2.
pub fn load(root: &Utf8Path) -> anyhow::Result<Project> {
    let hint = "run from inside a project, or write the file: docs/guide/configuration.md shows one";
    let text = read(root, Utf8Path::new(parse::PROJECT_FILE), hint)?;
    let draft = parse::project(&text);
    let found: BTreeMap<_, _> = draft.paths().map(|path| (path.to_owned(), find(root, path))).collect();
    Ok(draft.checked_against(&found)?)
}

/// Loads one environment of the project below `root`.
///
/// # Errors
/// The file is missing or invalid, or its folder has a `.toml` file that is no environment: exit code 2.
pub fn load_environment(root: &Utf8Path, name: EnvironmentName, project: &Project) -> anyhow::Result<Environment> {
    let names = environment_names(root)?;
    if let Some(template) = name.template()
        && names.contains(&name.with_template(None))
    {
        let file = parse::environment_file(name.with_template(None));
        return Err(Failure::usage(format!(
            "`{name}` has a file of its own, `{file}`: it is not made from `{template}`"
        ))
        .hint(format!("leave out `--from {template}`, or choose another name for `--env`"))
        .into());
    }
    if !names.contains(&name.template().unwrap_or(name)) {
        return Err(parse::missing_environment(name, &names).into());
    }
    let text = read(root, &parse::environment_file(name), "docs/guide/configuration.md shows one")?;
    let mut shared = parse::SharedFiles::new();
    for stem in stems(root, parse::SHARED)? {
        let file = Utf8Path::new(parse::SHARED).join(format!("{stem}.toml"));
        let text = read(root, &file, "remove the link that leads nowhere")?;
        shared.insert(stem, text);
    }
    let environment = parse::extended_environment(name, &text, &shared, project)?;
    for (image, settings) in &environment.images {
        if let Some(dockerfile) = settings.dockerfile.as_ref().filter(|path| find(root, path) != Found::File) {
            let file = parse::environment_file(name);
            return Err(Failure::usage(format!(
                "{file}: `images.{image}.dockerfile`: there is no file `{dockerfile}`"
            ))
            .hint("name a file that exists; paths start at the root of the repository")
            .into());
        }
    }
    names::check_length(project, &environment)?;
    Ok(environment)
}

/// Returns the environments and templates of the project below `root`, sorted, from the file names in their folder.
///
/// # Errors
/// The folder has a `.toml` file whose name is not valid for an environment: exit code 2.
pub fn environment_names(root: &Utf8Path) -> anyhow::Result<Vec<EnvironmentName>> {
    let stems = stems(root, parse::ENVIRONMENTS)?;
    stems.iter().map(|stem| Ok(stem.parse().map_err(|_| parse::stray_file(stem))?)).collect()
}

/// Reads the templates of a service: its task definition, and the service itself.
///
/// # Errors
/// The project has no service, or a file is missing or not UTF-8: exit code 2.
pub fn load_templates(root: &Utf8Path, service: Option<&ProjectService>) -> anyhow::Result<(String, String)> {
    let Some(files) = service else {
        let hint = "add `[services.web]`, with the templates that it names: docs/guide/services.md shows both";
        return Err(Failure::usage(format!("{}: the project has no service", parse::PROJECT_FILE)).hint(hint).into());
    };
    let hint = "docs/guide/task-definition.md shows one";
    Ok((read(root, &files.task_definition, hint)?, read(root, &files.service, hint)?))
}

/// Returns the names of the `.toml` files in a folder without extension, sorted; none where the folder does not exist.
fn stems(root: &Utf8Path, folder: &str) -> anyhow::Result<Vec<String>> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("failed to list `{folder}`")),
    };
    let mut stems = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("failed to list `{folder}`"))?.file_name();
        stems.extend(name.to_string_lossy().strip_suffix(".toml").map(str::to_owned));
    }
    stems.sort();
    Ok(stems)
}

fn read(root: &Utf8Path, file: &Utf8Path, missing: &str) -> anyhow::Result<String> {
    let bytes = match fs::read(root.join(file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::usage(format!("{file}: there is no such file in `{root}`")).hint(missing).into());
        }
        Err(error) => return Err(error).with_context(|| format!("failed to read `{file}`")),
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        let failure = Failure::usage(format!("{file}:{line}: not UTF-8")).hint("save the file as UTF-8");
        failure.into()
    })
}

/// Returns the kind of file at a path of the repository, following links.
fn find(root: &Utf8Path, path: &Utf8Path) -> Found {
    let (Ok(root), Ok(real)) = (root.canonicalize_utf8(), root.join(path).canonicalize_utf8()) else {
        return Found::Nothing;
    };
    match fs::metadata(&real) {
        Ok(_) if !real.starts_with(&root) => Found::Outside,
        Ok(metadata) if metadata.is_dir() => Found::Directory,
        Ok(_) => Found::File,
        Err(_) => Found::Nothing,
    }
}

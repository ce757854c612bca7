//! Texts of configuration files → checked values, with file, line, column and a hint for everything that is wrong.
//! One pass finds all problems of a file. Pure: the text arrives as an argument, and so does what lies under the
//! paths it names (`Draft`).

mod bases;
mod environments;
mod extends;
mod images;
mod local;
mod network;
mod order;
mod overrides;
mod paths;
mod problems;
mod references;
mod regions;
mod services;
mod serving;
mod sizes;
mod sources;
pub(crate) mod suggestions;
mod syntax;
mod table;
mod variables;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use self::paths::NamedPath;
use self::problems::Problems;
use self::table::Table;
use super::{Environment, EnvironmentName, Project};
use crate::error::Failure;

pub use self::environments::{missing_environment, stray_file};
pub use self::paths::Found;

/// Where the project's file lies, relative to the repository root.
pub const PROJECT_FILE: &str = "infra/slipway.toml";

/// The folder of the environments' files, relative to the repository root.
pub const ENVIRONMENTS: &str = "infra/environments";

/// The folder of what environments share: files that `extends` names, and that are no environments themselves.
pub const SHARED: &str = "infra/environments/shared";

/// The path of an environment's file, or of its template's, relative to the repository root.
pub fn environment_file(name: EnvironmentName) -> Utf8PathBuf {
    Utf8Path::new(ENVIRONMENTS).join(format!("{}.toml", name.template().unwrap_or(name)))
}

/// The texts of the files in `SHARED`, by name without `.toml`.
pub type SharedFiles = BTreeMap<String, String>;

/// `infra/slipway.toml`, checked but for the existence of the directories and files that it names.
#[derive(Debug)]
pub struct Draft {
    project: Option<Project>,
    paths: Vec<NamedPath>,
    problems: Problems,
}

impl Draft {
    /// The paths to look up, relative to the repository root.
    pub fn paths(&self) -> impl Iterator<Item = &Utf8Path> {
        self.paths.iter().map(|named| named.path.as_path())
    }

    /// The project, once every path it names is what it must be. A path that `found` does not hold counts as missing.
    ///
    /// # Errors
    /// All problems of the file, in its order: exit code 2.
    pub fn checked_against(self, found: &BTreeMap<Utf8PathBuf, Found>) -> Result<Project, Failure> {
        let mut wrong = Vec::new();
        for named in &self.paths {
            let is_known = wrong.contains(&&named.at);
            let found = found.get(&named.path).copied().unwrap_or(Found::Nothing);
            if !is_known && !named.check(found, &self.problems) {
                wrong.push(&named.at);
            }
        }
        self.problems.into_result(self.project)
    }

    /// The project, for callers without a working tree: paths are taken as they stand.
    ///
    /// # Errors
    /// All problems of the file, in its order: exit code 2.
    pub fn unchecked(self) -> Result<Project, Failure> {
        self.problems.into_result(self.project)
    }
}

/// Reads `infra/slipway.toml`.
pub fn project(text: &str) -> Draft {
    let problems = Problems::new(PROJECT_FILE, text);
    let mut paths = Vec::new();
    let project = syntax::parse(&problems).and_then(|document| {
        let root = Table::new(document.get_ref(), PROJECT_FILE, 0..0, &problems);
        images::project(root, &mut paths)
    });
    Draft { project, paths, problems }
}

/// Reads `infra/environments/<name>.toml` that extends no other file. Names that the file leaves out are derived from
/// the project's.
///
/// # Errors
/// All problems of the file, in its order: exit code 2.
pub fn environment(name: EnvironmentName, text: &str, project: &Project) -> Result<Environment, Failure> {
    extended_environment(name, text, &SharedFiles::new(), project)
}

/// The same with the files that `extends` may name.
///
/// # Errors
/// All problems of the file and of those that it extends: exit code 2.
pub fn extended_environment(
    name: EnvironmentName,
    text: &str,
    shared: &SharedFiles,
    project: &Project,
) -> Result<Environment, Failure> {
    let file = environment_file(name);
    let mut problems = Problems::new(file.as_str(), text);
    let texts = extends::texts(&mut problems, name, shared);
    let environment = extends::merged(&texts, name, &problems).and_then(|document| {
        let root = Table::new(&document, file.as_str(), 0..0, &problems);
        environments::environment(name, root, project)
    });
    problems.into_result(environment)
}

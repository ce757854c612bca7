//! The suites of `cargo xtask test` and the selection of a run. Pure.

use std::ffi::OsStr;

use clap::ValueEnum;
use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use serde_json::Value;

/// A suite that was renamed: its old and its new name.
const RENAMED: (&str, &str) = ("referees", "conformance");

/// One suite: a set of tests of one kind, run by one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Suite {
    /// Rust: unit, process and tidy tests, without an engine.
    Rust,
    /// The Django app on SQLite.
    DjangoSqlite,
    /// The Django app on a PostgreSQL server started for it.
    DjangoPostgres,
    /// The nginx configuration on an nginx of the host's archive.
    Nginx,
    /// The private engine and base images: setup, recovery, removal.
    Engine,
    /// `build` and the proof on real images, `deploy` with both containers.
    Containers,
    /// The local AWS emulator on a real engine: tasks as containers, the registry with its real clients.
    LocalContainers,
    /// Conformance tests of the local AWS emulator: boto3, the AWS CLI, botocore's models and moto.
    Conformance,
    /// The pages and the admin in a real browser, in front of both images.
    Browser,
}

impl Suite {
    /// All suites in the order of a run, the fastest first.
    pub const ALL: [Suite; 9] = [
        Suite::Rust,
        Suite::DjangoSqlite,
        Suite::Nginx,
        Suite::DjangoPostgres,
        Suite::Conformance,
        Suite::LocalContainers,
        Suite::Browser,
        Suite::Containers,
        Suite::Engine,
    ];

    /// Whether the suite needs no engine and is part of `--fast`.
    pub fn is_fast(self) -> bool {
        matches!(self, Suite::Rust | Suite::DjangoSqlite | Suite::Nginx)
    }
}

/// Parser of a suite's name on the command line. The old name of a renamed suite is an error with the new name.
#[derive(Clone, Copy, Debug)]
pub struct NameParser;

impl TypedValueParser for NameParser {
    type Value = Suite;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Suite, clap::Error> {
        if value == RENAMED.0 {
            let message = format!("the suite `{}` was renamed\n\n  hint: --only {}\n", RENAMED.0, RENAMED.1);
            return Err(clap::Error::raw(ErrorKind::InvalidValue, message).with_cmd(command));
        }
        EnumValueParser::<Suite>::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Suite::ALL.iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// Returns the suites of a run in their order: all, the fast ones, or those in `only`.
pub fn select(fast: bool, only: &[Suite]) -> Vec<Suite> {
    Suite::ALL
        .into_iter()
        .filter(|suite| only.is_empty() || only.contains(suite))
        .filter(|suite| !fast || suite.is_fast())
        .collect()
}

/// Returns the test targets of a package that plain `cargo test` leaves out, from the output of `cargo metadata`. `None`
/// if the text is not such a document.
pub fn unlisted_targets(metadata: &str, package: &str) -> Option<Vec<String>> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let packages = metadata["packages"].as_array()?.iter().filter(|found| found["name"] == package);
    let targets = packages.filter_map(|package| package["targets"].as_array()).flatten();
    let unlisted = targets.filter(|target| target["kind"][0] == "test" && target["test"] == false);
    Some(unlisted.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}

#[cfg(test)]
mod tests {
    use super::{Suite, select, unlisted_targets};

    #[test]
    fn finds_targets_that_need_an_engine() {
        let target =
            |name: &str, kind: &str, test: bool| format!(r#"{{"name":"{name}","kind":["{kind}"],"test":{test}}}"#);
        let ours = [target("a", "test", false), target("b", "test", true), target("c", "bin", false)].join(",");
        let metadata = format!(
            r#"{{"packages":[{{"name":"x","targets":[{ours}]}},{{"name":"y","targets":[{}]}}]}}"#,
            target("d", "test", false)
        );
        assert_eq!(unlisted_targets(&metadata, "x"), Some(vec!["a".to_owned()]));
        assert_eq!(unlisted_targets(&metadata, "z"), Some(Vec::new()));
        assert_eq!(unlisted_targets("error", "x"), None);
    }

    #[test]
    fn selects_all_suites_by_default() {
        assert_eq!(select(false, &[]), Suite::ALL);
        assert_eq!(select(false, &[Suite::Engine]), [Suite::Engine]);
        assert!(select(true, &[]).iter().all(|suite| suite.is_fast()));
        assert_eq!(select(true, &[Suite::Engine]), []);
    }
}

//! The suites of `cargo xtask test` and which of them a run takes.

/// One suite: a set of tests of one kind, run by one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Suite {
    /// Rust: unit, process and tidy tests, without an engine.
    Rust,
    /// The Django app on SQLite.
    DjangoSqlite,
    /// The Django app on a PostgreSQL server started for it.
    DjangoPostgres,
    /// The nginx configuration on a real nginx.
    Nginx,
    /// The private engine and base images: setting up, recovering, removing.
    Engine,
    /// `build` and the proof on real images, and both images run together.
    Containers,
    /// The pages and the admin in a real browser, in front of both images.
    Browser,
}

impl Suite {
    /// All suites, in the order they run: the quickest verdicts first.
    pub const ALL: [Suite; 7] = [
        Suite::Rust,
        Suite::DjangoSqlite,
        Suite::Nginx,
        Suite::DjangoPostgres,
        Suite::Browser,
        Suite::Containers,
        Suite::Engine,
    ];

    /// Whether the suite needs no engine and is part of `--fast`.
    pub fn is_fast(self) -> bool {
        matches!(self, Suite::Rust | Suite::DjangoSqlite | Suite::Nginx)
    }
}

/// The suites of a run: all, the fast ones, or those named.
pub fn select(fast: bool, only: &[Suite]) -> Vec<Suite> {
    Suite::ALL
        .into_iter()
        .filter(|suite| only.is_empty() || only.contains(suite))
        .filter(|suite| !fast || suite.is_fast())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Suite, select};

    #[test]
    fn a_run_takes_all_suites_unless_told_otherwise() {
        assert_eq!(select(false, &[]), Suite::ALL);
        assert_eq!(select(false, &[Suite::Engine]), [Suite::Engine]);
        assert!(select(true, &[]).iter().all(|suite| suite.is_fast()));
        assert_eq!(select(true, &[Suite::Engine]), []);
    }
}

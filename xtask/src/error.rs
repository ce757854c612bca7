//! Failures that stop a command: the one typed error that code branches on, with its exit code and hints. Not here:
//! printing (`report`), and the texts of particular failures (beside the code that detects them).

use std::{fmt, io};

/// The documented exit codes. Scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// An operation failed.
    Failed = 1,
    /// Usage or configuration is invalid. No change was made.
    Usage = 2,
    /// A check failed: the image, the plan or the account is not as required.
    Refused = 3,
    /// The deployment was rolled back; the previous release serves.
    RolledBack = 4,
    /// Another process deploys to this environment.
    Locked = 5,
    /// Another deployment superseded ours.
    Superseded = 6,
    /// The deployment did not complete or fail before the deadline. It may still complete.
    TimedOut = 7,
    /// The user interrupted (SIGINT or SIGTERM).
    Interrupted = 130,
}

/// A failure with its exit code and hints.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
}

impl Failure {
    /// Creates a failure with any exit code. Prefer the constructors below.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hints: Vec::new() }
    }

    /// Creates a failure of an operation (exit code 1).
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Failed, message)
    }

    /// Creates a failure of usage or configuration (exit code 2). The message names file and line where they are known.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Creates a failure of a check (exit code 3).
    pub fn refused(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Refused, message)
    }

    /// Creates the failure for an interrupt by the user (exit code 130).
    pub fn interrupted(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Interrupted, message)
    }

    /// Adds a hint: the next command or setting, printed on a `hint:` line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// Returns the exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the hints, in the order in which they were added.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Returns the exit code of any error: that of the `Failure` in its chain, else 130 for an interrupted wait, else 1.
pub fn exit_of(error: &anyhow::Error) -> Exit {
    let was_interrupted = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::Interrupted)
    };
    match error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        Some(failure) => failure.exit(),
        None if error.chain().any(was_interrupted) => Exit::Interrupted,
        None => Exit::Failed,
    }
}

/// Returns the hints of any error: those of the `Failure` in its chain.
pub fn hints_of(error: &anyhow::Error) -> &[String] {
    error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map_or(&[], Failure::hints)
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::{Exit, Failure, exit_of, hints_of};

    #[test]
    fn keeps_exit_code_under_context() {
        let error =
            Err::<(), _>(Failure::refused("image `app` is arm64").hint("rebuild")).context("failed to prove `app`");
        let error = error.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused);
        assert_eq!(hints_of(&error), ["rebuild"]);
        assert_eq!(exit_of(&anyhow::anyhow!("plain")), Exit::Failed);
        let interrupted = anyhow::Error::new(io::Error::from(io::ErrorKind::Interrupted)).context("failed to wait");
        assert_eq!(exit_of(&interrupted), Exit::Interrupted);
    }
}

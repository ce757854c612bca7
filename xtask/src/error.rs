//! Failures that end a command, and the exit code of each. Here: the one typed error that code branches on.
//! Not here: how an error is printed (`report`), or the texts of particular failures (beside the code that finds them).

use std::{fmt, io};

/// The documented exit codes: scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something that was attempted did not work.
    Failed = 1,
    /// Bad usage or configuration; nothing was changed.
    Usage = 2,
    /// A check refused to go on: the image, the plan or the account is not what it must be.
    Refused = 3,
    /// Deployed, then rolled back: the release before it serves.
    RolledBack = 4,
    /// Somebody else deploys to this environment.
    Locked = 5,
    /// Another deployment took the place of ours.
    Superseded = 6,
    /// The deployment had no verdict in time; it may still get one.
    TimedOut = 7,
    /// The user interrupted (SIGINT or SIGTERM).
    Interrupted = 130,
}

/// What failed, with its exit code and the next thing to do.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hints: Vec<String>,
}

impl Failure {
    /// A failure of any kind. The constructors below read better where they fit.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), hints: Vec::new() }
    }

    /// Something that was attempted did not work (exit code 1).
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Failed, message)
    }

    /// Bad usage or configuration (exit code 2). The message names the file and line where there is one.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// A check refused (exit code 3).
    pub fn refused(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Refused, message)
    }

    /// The user interrupted (exit code 130).
    pub fn interrupted(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Interrupted, message)
    }

    /// Adds the next command or setting, printed on a `hint:` line of its own.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }

    /// The exit code this failure maps to.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The hints, in the order they were added.
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

/// The exit code of any error: that of the `Failure` in its chain, else 130 where a wait was interrupted, else 1.
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

/// The hints of any error: those of the `Failure` in its chain.
pub fn hints_of(error: &anyhow::Error) -> &[String] {
    error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map_or(&[], Failure::hints)
}

#[cfg(test)]
mod tests {
    use std::io;

    use anyhow::Context;

    use super::{Exit, Failure, exit_of, hints_of};

    #[test]
    fn the_exit_code_survives_added_context() {
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

//! The one error of the chores: what went wrong, in words for the person who typed the command.

use std::io;

/// What a chore returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a chore stopped. None of them is worth a retry without a change by the person who reads it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program could not be started at all.
    #[error("cannot run `{command}`: {error}")]
    LocalStart { command: String, error: io::Error },
    /// A program ran and said no.
    #[error("`{command}` ended with {status}")]
    LocalCommand { command: String, status: std::process::ExitStatus },
    /// A file or socket of this machine refused.
    #[error("{what}: {error}")]
    LocalIo { what: String, error: io::Error },
    /// The tree breaks a rule; every breach is listed.
    #[error("{} breach(es) of the house rules:\n{}", .0.len(), .0.join("\n"))]
    Rules(Vec<String>),
    /// Something is missing or not as expected; the text says what to do.
    #[error("{0}")]
    Expectation(String),
}

/// Names what was being done when an I/O error came.
pub(crate) trait Context<T> {
    /// Turns the error into a [`Failure`] that says what was being done.
    fn context(self, what: impl Into<String>) -> Outcome<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl Into<String>) -> Outcome<T> {
        self.map_err(|error| Failure::LocalIo { what: what.into(), error })
    }
}

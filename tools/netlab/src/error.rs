//! The lab's one error: which tool or file of this machine refused, or what makes no sense.

use std::io;
use std::process::ExitStatus;

/// Why the lab could not do as it was told. None is worth a retry; whatever was there before still is.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A tool could not be started at all.
    #[error("cannot run `{command}`: {error}")]
    LocalStart {
        /// Program and arguments.
        command: String,
        /// Why not.
        error: io::Error,
    },
    /// A tool ran and said no.
    #[error("`{command}` ended with {status}: {message}")]
    LocalTool {
        /// Program and arguments.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        message: String,
    },
    /// A file, device or socket of this machine refused.
    #[error("{what}: {error}")]
    LocalIo {
        /// What was being done.
        what: String,
        /// What came of it.
        error: io::Error,
    },
    /// The caller asked for something that there is not.
    #[error("{0}")]
    ConfigFault(String),
}

/// Names what was being done when an I/O error came.
pub(crate) trait Context<T> {
    /// Turns the error into a [`LabError`] that says what was being done.
    fn context(self, what: impl Into<String>) -> Result<T, LabError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T, LabError> {
        self.map_err(|error| LabError::LocalIo { what: what.into(), error: error.into() })
    }
}
